"""How a built network is trained and asked: the only folder that imports skorch."""

from skfashion.training.batches import BatchIterator, ImageDataset
from skfashion.training.callbacks import (
    EpochTasks,
    KeepBestWeights,
    Progress,
    StopAtTarget,
    ValidationScore,
)
from skfashion.training.checkpoints import CheckpointFile, WriteCheckpoints, is_resumable
from skfashion.training.inference import apply_by_rows
from skfashion.training.losses import WeightedCrossEntropy
from skfashion.training.net import TrainingNet
from skfashion.training.optimizers import resolve_optimizer
from skfashion.training.precision import NAMED_DTYPES, compute_dtype
from skfashion.training.schedules import make_schedule
from skfashion.training.states import training_state
from skfashion.training.threads import borrowed_threads

__all__ = [
    "NAMED_DTYPES",
    "BatchIterator",
    "CheckpointFile",
    "EpochTasks",
    "ImageDataset",
    "KeepBestWeights",
    "Progress",
    "StopAtTarget",
    "TrainingNet",
    "ValidationScore",
    "WeightedCrossEntropy",
    "WriteCheckpoints",
    "apply_by_rows",
    "borrowed_threads",
    "compute_dtype",
    "is_resumable",
    "make_schedule",
    "resolve_optimizer",
    "training_state",
]
