"""The only list of studies: a new one is a file of ``benchmarks.studies`` and a line here."""

from benchmarks.studies import (
    cluster,
    ensembles,
    fairness,
    honesty,
    imbalance,
    labels,
    learning_curve,
    search,
    speed,
)

STUDIES = {
    study.name: study
    for study in (
        cluster.STUDY,
        ensembles.STUDY,
        fairness.STUDY,
        honesty.STUDY,
        imbalance.STUDY,
        labels.STUDY,
        learning_curve.STUDY,
        search.STUDY,
        speed.STUDY,
    )
}
