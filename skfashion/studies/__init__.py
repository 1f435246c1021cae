"""Studies of skewed and grouped data: many fits, tidy tables."""

from skfashion.studies.imbalance import imbalance_study
from skfashion.studies.summary import summarize_study
from skfashion.studies.treatments import TREATMENTS

__all__ = [
    "TREATMENTS",
    "imbalance_study",
    "summarize_study",
]
