"""The only list of studies: a new one is a file of ``benchmarks.studies`` and a line here."""

from benchmarks.studies import (
    ablation,
    accuracy,
    defaults,
    frontier,
    learning_curve,
    reference,
    robustness,
    sensitivity,
    tuning,
)

STUDIES = {
    study.name: study
    for study in (
        ablation.STUDY,
        accuracy.STUDY,
        defaults.STUDY,
        frontier.STUDY,
        learning_curve.STUDY,
        reference.STUDY,
        robustness.STUDY,
        sensitivity.STUDY,
        tuning.STUDY,
    )
}
