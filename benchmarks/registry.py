"""The only list of studies: a new one is a file of ``benchmarks.studies`` and a line here."""

from benchmarks.studies import (
    ablation,
    accuracy,
    cluster,
    defaults,
    ensembles,
    fairness,
    frontier,
    honesty,
    imbalance,
    labels,
    learning_curve,
    reference,
    robustness,
    search,
    sensitivity,
    speed,
    tuning,
)

MODULES = (
    ablation,
    accuracy,
    cluster,
    defaults,
    ensembles,
    fairness,
    frontier,
    honesty,
    imbalance,
    labels,
    learning_curve,
    reference,
    robustness,
    search,
    sensitivity,
    speed,
    tuning,
)
STUDIES = {module.STUDY.name: module.STUDY for module in MODULES}
