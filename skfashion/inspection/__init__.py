"""Pictures of data, trainings and decisions, as scikit-learn's display classes."""

from skfashion.inspection.attribution import AttributionDisplay
from skfashion.inspection.class_distribution import ClassDistributionDisplay
from skfashion.inspection.embedding import EmbeddingDisplay
from skfashion.inspection.error_analysis import ErrorAnalysisDisplay
from skfashion.inspection.filters import FilterDisplay
from skfashion.inspection.prediction_grid import PredictionGridDisplay
from skfashion.inspection.probability import ProbabilityDisplay
from skfashion.inspection.reliability import ReliabilityDisplay
from skfashion.inspection.report import Report, make_report
from skfashion.inspection.sample_grid import SampleGridDisplay
from skfashion.inspection.training_curve import TrainingCurveDisplay

__all__ = [
    "AttributionDisplay",
    "ClassDistributionDisplay",
    "EmbeddingDisplay",
    "ErrorAnalysisDisplay",
    "FilterDisplay",
    "PredictionGridDisplay",
    "ProbabilityDisplay",
    "ReliabilityDisplay",
    "Report",
    "SampleGridDisplay",
    "TrainingCurveDisplay",
    "make_report",
]
