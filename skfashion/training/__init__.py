"""How a built network is trained and asked: the only folder that imports skorch."""

from skfashion.training.batches import BatchIterator, ImageDataset
from skfashion.training.callbacks import (
    EpochTasks,
    KeepBestWeights,
    Progress,
    StopAtTarget,
    ValidationScore,
)
from skfashion.training.losses import WeightedCrossEntropy
from skfashion.training.net import TrainingNet
from skfashion.training.optimizers import resolve_optimizer
from skfashion.training.prediction import apply_by_rows
from skfashion.training.schedules import make_schedule
from skfashion.training.threads import borrowed_threads

__all__ = [
    "BatchIterator",
    "EpochTasks",
    "ImageDataset",
    "KeepBestWeights",
    "Progress",
    "StopAtTarget",
    "TrainingNet",
    "ValidationScore",
    "WeightedCrossEntropy",
    "apply_by_rows",
    "borrowed_threads",
    "make_schedule",
    "resolve_optimizer",
]
