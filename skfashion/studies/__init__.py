"""Studies of skewed and grouped data: many fits, tidy tables.

They reach a classifier as a user does. Studies of the package itself are in ``benchmarks``.
"""

from skfashion.studies.fairlearn_mitigations import (
    CorrelationRemoval,
    ExponentiatedGradientReduction,
    GridSearchReduction,
    ThresholdOptimization,
)
from skfashion.studies.fairness import fairness_study
from skfashion.studies.group_metrics import group_metrics
from skfashion.studies.imbalance import imbalance_study
from skfashion.studies.mitigations import (
    MITIGATIONS,
    Augment,
    GroupSampling,
    GroupWeights,
    Nothing,
)
from skfashion.studies.summary import summarize_study
from skfashion.studies.treatments import TREATMENTS

__all__ = [
    "MITIGATIONS",
    "TREATMENTS",
    "Augment",
    "CorrelationRemoval",
    "ExponentiatedGradientReduction",
    "GridSearchReduction",
    "GroupSampling",
    "GroupWeights",
    "Nothing",
    "ThresholdOptimization",
    "fairness_study",
    "group_metrics",
    "imbalance_study",
    "summarize_study",
]
