"""Studies of skewed and grouped data: many fits, tidy tables.

They use a classifier as a user does. Studies of the package itself are in ``benchmarks``.
"""

from skfashion.studies.drift import drift_study
from skfashion.studies.drifts import DRIFTS, ClassSkew, Clean, Corruption, GroupShare, NewClass
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
    "DRIFTS",
    "MITIGATIONS",
    "TREATMENTS",
    "Augment",
    "ClassSkew",
    "Clean",
    "CorrelationRemoval",
    "Corruption",
    "ExponentiatedGradientReduction",
    "GridSearchReduction",
    "GroupSampling",
    "GroupShare",
    "GroupWeights",
    "NewClass",
    "Nothing",
    "ThresholdOptimization",
    "drift_study",
    "fairness_study",
    "group_metrics",
    "imbalance_study",
    "summarize_study",
]
