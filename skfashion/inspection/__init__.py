"""Pictures of data, trainings and decisions, as scikit-learn's display classes, and the report.

Nothing here trains: inputs are data or fitted already.
"""

from skfashion.inspection.dashboard import Dashboard, make_dashboard
from skfashion.inspection.displays.attribution import AttributionDisplay
from skfashion.inspection.displays.class_distribution import ClassDistributionDisplay
from skfashion.inspection.displays.embedding import EmbeddingDisplay
from skfashion.inspection.displays.error_analysis import ErrorAnalysisDisplay
from skfashion.inspection.displays.filters import FilterDisplay
from skfashion.inspection.displays.prediction_grid import PredictionGridDisplay
from skfashion.inspection.displays.probability import ProbabilityDisplay
from skfashion.inspection.displays.reliability import ReliabilityDisplay
from skfashion.inspection.displays.sample_grid import SampleGridDisplay
from skfashion.inspection.displays.training_curve import TrainingCurveDisplay
from skfashion.inspection.report import Report, make_report

__all__ = [
    "AttributionDisplay",
    "ClassDistributionDisplay",
    "Dashboard",
    "EmbeddingDisplay",
    "ErrorAnalysisDisplay",
    "FilterDisplay",
    "PredictionGridDisplay",
    "ProbabilityDisplay",
    "ReliabilityDisplay",
    "Report",
    "SampleGridDisplay",
    "TrainingCurveDisplay",
    "make_dashboard",
    "make_report",
]
