"""How a built network is trained and asked: the only folder that imports skorch.

It knows no estimator and no architecture: a module is built, and data are checked, in ``fitting``.
"""

from skfashion.parallel.company import beside_others
from skfashion.parallel.threads import (
    borrowed_threads,
    check_reachable,
    has_cuda,
    own_device,
)
from skfashion.parallel.workers import give_memory_back, thread_share
from skfashion.training.arithmetic import (
    NAMED_DTYPES,
    compute_dtype,
    has_bfloat16,
    onednn_is_better,
)
from skfashion.training.augmenting import Augmenter
from skfashion.training.batch_norm import batch_norms, estimate_batch_norm
from skfashion.training.batches import BatchIterator, ImageDataset
from skfashion.training.callbacks import (
    DeferredWeights,
    EpochTasks,
    KeepBestWeights,
    Progress,
    StopAtTarget,
    ValidationScore,
)
from skfashion.training.checkpoints import (
    CheckpointFile,
    PauseTraining,
    WriteCheckpoints,
    is_resumable,
    is_watching,
    state_from_bytes,
)
from skfashion.training.copying import copy_callbacks
from skfashion.training.criterion import OwnLoss, WeightedCrossEntropy
from skfashion.training.draws import drawing_from
from skfashion.training.folding import fold_batch_norm
from skfashion.training.history import RowHistory
from skfashion.training.inference import apply_by_rows, averaged_over_views
from skfashion.training.layers import is_built_like
from skfashion.training.modes import own_modes
from skfashion.training.net import TrainingNet
from skfashion.training.optimizers import OPTIMIZERS, resolve_optimizer
from skfashion.training.sampling import ClassSampler
from skfashion.training.schedules import make_schedule
from skfashion.training.sparse import SparseImages
from skfashion.training.states import (
    RECORDS,
    load_training_state,
    resume_training,
    training_state,
)
from skfashion.training.tracking import LogRun

__all__ = [
    "NAMED_DTYPES",
    "OPTIMIZERS",
    "RECORDS",
    "Augmenter",
    "BatchIterator",
    "CheckpointFile",
    "ClassSampler",
    "DeferredWeights",
    "EpochTasks",
    "ImageDataset",
    "KeepBestWeights",
    "LogRun",
    "OwnLoss",
    "PauseTraining",
    "Progress",
    "RowHistory",
    "SparseImages",
    "StopAtTarget",
    "TrainingNet",
    "ValidationScore",
    "WeightedCrossEntropy",
    "WriteCheckpoints",
    "apply_by_rows",
    "averaged_over_views",
    "batch_norms",
    "beside_others",
    "borrowed_threads",
    "check_reachable",
    "compute_dtype",
    "copy_callbacks",
    "drawing_from",
    "estimate_batch_norm",
    "fold_batch_norm",
    "give_memory_back",
    "has_bfloat16",
    "has_cuda",
    "is_built_like",
    "is_resumable",
    "is_watching",
    "load_training_state",
    "make_schedule",
    "onednn_is_better",
    "own_device",
    "own_modes",
    "resolve_optimizer",
    "resume_training",
    "state_from_bytes",
    "thread_share",
    "training_state",
]
