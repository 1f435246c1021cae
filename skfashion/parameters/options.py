"""The parameters that all classifiers share: how a network is trained."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator

from skfashion.parameters.augmentation import RECIPES, Augmentation
from skfashion.parameters.declaring import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    DeviceNames,
    Optimizer,
    Splitter,
    ThreadCounts,
    estimator,
    param,
)
from skfashion.parameters.losses import LOSSES, Loss
from skfashion.utils._sklearn import HasMethods, Interval, StrOptions

# What "auto" means; chosen on validation splits of the training images and on small tables, see
# docs/design.md.
BATCH_SIZES = (16, 128)
BATCHES_PER_EPOCH = 30
MIN_STEPS = 600
MAX_EPOCHS = 100


def batch_size_of(options, n_rows):
    """Return the number of rows of a step that `batch_size` means for so many training rows."""
    size = options.batch_size
    if size == "auto":
        smallest, largest = BATCH_SIZES
        size = min(largest, max(smallest, n_rows // BATCHES_PER_EPOCH))
    return min(n_rows, size)


def number_of_epochs(options, steps_per_epoch):
    """Return the number of epochs that `max_epochs` means for epochs of so many steps."""
    if options.max_epochs != "auto":
        return options.max_epochs
    needed = min(MAX_EPOCHS, math.ceil(MIN_STEPS / steps_per_epoch))
    return max(options._full_data_epochs, needed)


@estimator
class TrainingOptions:
    """The parameters that all classifiers share; their docstrings list them."""

    optimizer: Optimizer = param(
        StrOptions({"adamw", "adam", "sgd", "muon"}),
        type,
        default="adamw",
        group="optimisation",
        doc="""The optimizer, by name or as a subclass of ``torch.optim.Optimizer``. A class gets
        `lr`, `weight_decay`, `momentum` and `nesterovs_momentum`, as far as it accepts them. "muon"
        (Jordan et al., 2024) updates the weights of hidden layers by orthogonal matrices, and all
        others as AdamW does.""",
    )
    lr: float = param(
        POSITIVE,
        default=5e-3,
        group="optimisation",
        doc="Learning rate; with a schedule, its peak.",
    )
    momentum: float = param(
        SHARE,
        default=0.9,
        group="optimisation",
        doc='Momentum; used by "sgd", "muon" and classes that accept it.',
    )
    nesterovs_momentum: bool = param(
        "boolean",
        default=True,
        group="optimisation",
        doc="Whether to use Nesterov's momentum; applies wherever `momentum` does.",
    )
    batch_size: int | Literal["auto"] = param(
        COUNT,
        StrOptions({"auto"}),
        default="auto",
        group="optimisation",
        doc="""Number of rows per step; clipped to the number of training rows. "auto" is one 30th
        of the training rows, but at least 16 and at most 128. If less than half a batch would be
        left over, the last two batches share their rows evenly.""",
    )
    max_epochs: int | Literal["auto"] = param(
        COUNT,
        StrOptions({"auto"}),
        default="auto",
        group="optimisation",
        doc=f"""Number of passes over the training rows, and the length of the schedule. "auto" is
        the number that suits 60,000 images; if that makes fewer than {MIN_STEPS} steps, it is
        larger, up to {MAX_EPOCHS} epochs.""",
    )
    lr_schedule: Literal["one_cycle", "constant", "step", "cosine"] = param(
        StrOptions({"one_cycle", "constant", "step", "cosine"}),
        default="one_cycle",
        group="optimisation",
        doc="""How the learning rate changes from step to step: "one_cycle" raises and lowers it
        along half cosine waves (Smith and Topin, arXiv:1708.07120), "step" multiplies it by `gamma`
        every `step_size` epochs, "cosine" lowers it to 0.""",
    )
    warmup_fraction: float | Literal["auto"] = param(
        SHARE,
        StrOptions({"auto"}),
        default="auto",
        group="optimisation",
        doc="""Share of all steps during which the learning rate rises; "auto" is 0.25 for
        "one_cycle" and 0 for the others.""",
    )
    step_size: int = param(
        COUNT,
        default=10,
        group="optimisation",
        doc='Epochs between two reductions of the rate; only used by lr_schedule="step".',
    )
    gamma: float = param(
        POSITIVE,
        default=0.1,
        group="optimisation",
        doc='Factor of each reduction; only used by lr_schedule="step".',
    )
    max_grad_norm: float | None = param(
        POSITIVE,
        None,
        default=None,
        group="optimisation",
        doc="""Largest Euclidean norm of the gradient of all weights; a larger gradient is scaled
        down (Pascanu et al., ICML 2013). None never scales it.""",
    )
    warm_start: bool = param(
        "boolean",
        default=False,
        group="optimisation",
        doc="""Whether `fit` starts from the weights and the standardisation statistics of the
        previous fit instead of new ones; schedule and optimizer are new. The labels, the shape of
        the images and the architecture must be the same.""",
    )
    init_from: BaseEstimator | str | PathLike | None = param(
        BaseEstimator,
        str,
        PathLike,
        None,
        default=None,
        group="optimisation",
        doc="""Initial weights instead of random ones: those of another net of the same
        architecture, as ``sklearn.frozen.FrozenEstimator(net)``, or a file written by
        ``net.save(path)`` or ``net.net_.save_params(f_params=path)``. Its standardisation
        statistics are used, too. A head for other labels starts at random (with the latter kind of
        file, which has no labels, if their number differs). A pickle also contains a frozen net; a
        file keeps it small.""",
    )
    weight_decay: float = param(
        NOT_NEGATIVE,
        default=1e-2,
        group="regularisation and augmentation",
        doc="""Weight decay, as the optimizer defines it: decoupled in "adamw" and "muon"; an L2
        penalty in "adam", "sgd" and most other classes, which need a tenth of the value or
        less.""",
    )
    label_smoothing: float = param(
        SHARE,
        default=0.0,
        group="regularisation and augmentation",
        doc="Share of the target probability that is spread evenly over all classes in training.",
    )
    teacher: BaseEstimator | None = param(
        BaseEstimator,
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""A fitted classifier, as ``sklearn.frozen.FrozenEstimator(teacher)``. The net learns
        its probabilities in addition to the labels (distillation; Hinton, Vinyals and Dean, 2015).
        It may be any classifier or pipeline with ``predict_proba`` that knows all labels of `y`, in
        any order. It predicts once before training, on the rows given to `fit`, without `augment`;
        the result is used like `soft_targets` of `fit`. A pickle also contains the teacher; soft
        targets keep it small.""",
    )
    distillation_weight: float = param(
        Interval(Real, 0, 1, closed="right"),
        default=0.9,
        group="regularisation and augmentation",
        doc="""Share of the loss that is the cross-entropy of soft targets, if `teacher` or `fit`
        gives any. The rest is `loss`; `label_smoothing`, the margins of "ldam" and the factors of
        "focal" apply only to this rest.""",
    )
    distillation_temperature: float = param(
        POSITIVE,
        default=1.0,
        group="regularisation and augmentation",
        doc="""Temperature of the soft targets' cross-entropy: it divides the logits of this net and
        those behind the soft targets. Its square multiplies the term, so that the gradient keeps
        its size. Above 1, small probabilities of a confident teacher count more; 1 takes
        probabilities as they are.""",
    )
    augment: (
        Literal["flip", "flip+shift", "standard", "strong"] | Augmentation | Callable | None
    ) = param(
        StrOptions(set(RECIPES)),
        Augmentation,
        callable,
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""How training images are changed, differently in every epoch. "flip" mirrors half of
        them, "flip+shift" also shifts them by up to 2 pixels, "standard" adds small rotations,
        changes of scale and erasing, "strong" larger ones, slants and changes of light. An
        `Augmentation` has all of these as parameters, and mixup and CutMix. A callable gets
        ``(images, generator)``, a tensor (n, c, h, w) and a ``torch.Generator``, and returns such a
        tensor. For images only, not for tables.""",
    )
    tta: int | Literal["flip"] | None = param(
        StrOptions({"flip"}),
        Interval(Integral, 2, 18, closed="both"),
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""Test-time augmentation: all predicting methods except `transform` average the logits
        of several views of an image. "flip" takes the image and its mirror image. An int is the
        number of views: these two, then the image shifted by one pixel left, right, up, down, up
        left and so on, each followed by its mirror image. Scorers use them in validation, too; the
        validation loss does not. For images only.""",
    )
    ema_decay: float | None = param(
        Interval(Real, 0, 1, closed="neither"),
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""Decay, at each step, of the exponential moving average of the weights (Polyak and
        Juditsky, 1992). This average is validated and becomes the model; None takes the last
        weights. The first steps count less: the decay is at most (1 + step) / (10 + step). For
        `fit` only.""",
    )
    sam_rho: float | None = param(
        POSITIVE,
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""Length of the uphill step before each gradient, in sharpness-aware minimisation
        (Foret et al., ICLR 2021). This doubles the time; None does not use it. Not with
        precision="fp16".""",
    )
    loss: (
        Literal[
            "cross_entropy",
            "focal",
            "class_balanced",
            "balanced_softmax",
            "logit_adjusted",
            "ldam",
        ]
        | Loss
    ) = param(
        StrOptions({"cross_entropy", *LOSSES}),
        Loss,
        default="cross_entropy",
        group="imbalance",
        doc="""The loss to minimise, a weighted mean over the rows: "cross_entropy"; "focal", in
        which easy rows count less; "class_balanced", "balanced_softmax", "logit_adjusted" and
        "ldam", which compensate for rare classes. To search their parameters, such as
        ``loss__gamma``, pass a `FocalLoss`, `ClassBalancedLoss`, `BalancedSoftmaxLoss`,
        `LogitAdjustedLoss` or `LDAMLoss`. Losses that use class frequencies count the rows of a
        class by their `sample_weight`. The validation loss is the plain cross-entropy.""",
    )
    class_weight: dict | Literal["balanced"] | None = param(
        dict,
        StrOptions({"balanced"}),
        None,
        default=None,
        group="imbalance",
        doc="""Weights of the classes, by label, or "balanced": inversely proportional to the
        (weighted) class frequencies of this fit's `y`. They multiply `sample_weight`, in the
        loss, in the standardisation and in validation scores.""",
    )
    sampling: dict | Literal["balanced", "sqrt"] | None = param(
        dict,
        StrOptions({"balanced", "sqrt"}),
        None,
        default=None,
        group="imbalance",
        doc="""How the rows of an epoch are drawn. None takes each row once; "balanced" draws
        equally many rows of each class; "sqrt" draws in proportion to the square root of the class
        frequency; a dict gives each label's share of the draws (with any sum). The length of an
        epoch does not change, and no row is copied in memory. Within a class, rows are drawn in
        proportion to `sample_weight`, which the loss then ignores. Together with `class_weight` or
        a loss for rare classes, the correction is applied twice. For `fit` only.""",
    )
    deferred_reweighting: float | None = param(
        SHARE,
        None,
        default=None,
        group="imbalance",
        doc="""Share of the epochs after which class weights begin, those of "class_balanced" (Cao
        et al., NeurIPS 2019, with 0.8); at least the last epoch has them. None is never; then only
        "class_balanced" itself has them, from the start. For `fit` only.""",
    )
    prior: Literal["train", "uniform"] | Sequence[float] | np.ndarray | None = param(
        StrOptions({"train", "uniform"}),
        "array-like",
        None,
        default=None,
        group="imbalance",
        doc="""Class frequencies in the data to predict: "train" takes `class_prior_`; "uniform"; or
        one number for each of `classes_`, with sum 1. All predicting methods except `transform` add
        ``log(prior / effective_class_prior_)`` of each class to its logit (Menon et al., ICLR
        2021). This compensates for rare classes after a plain training, and undoes the effect of
        sampling and weighting on probabilities. It may be set after the fit. It affects validation
        scores, except the default "loss". None adds nothing.""",
    )
    early_stopping: bool = param(
        "boolean",
        default=False,
        group="validation",
        doc="""Whether to stop when the validation score no longer improves. The weights of the best
        epoch are always restored.""",
    )
    validation_fraction: float = param(
        Interval(Real, 0, 1, closed="neither"),
        default=0.1,
        group="validation",
        doc="""Share of the rows held out, stratified, for early stopping; not used if `X_val` is
        given.""",
    )
    validation_split: Splitter | None = param(
        HasMethods(["split", "get_n_splits"]),
        None,
        default=None,
        group="validation",
        doc="""A scikit-learn splitter, such as ``GroupShuffleSplit(1, test_size=0.2)``. Its first
        split decides which rows are held out for early stopping, instead of `validation_fraction`;
        it gets the `groups` of `fit`. Rows that belong together, such as the images of a patient,
        must be held out together; otherwise the validation score is far too good. If the splitter's
        `random_state` is None, it takes this net's. Needs ``early_stopping=True``, and neither
        `X_val` nor `validation_fraction`.""",
    )
    n_iter_no_change: int = param(
        COUNT,
        default=10,
        group="validation",
        doc="Epochs without an improvement after which early stopping stops.",
    )
    tol: float = param(
        NOT_NEGATIVE,
        default=1e-4,
        group="validation",
        doc="Smallest change of the validation score that counts as an improvement.",
    )
    scoring: str | Callable | None = param(
        str,
        callable,
        None,
        default="loss",
        group="validation",
        doc="""What the validation score is: "loss" (the negative validation loss), a scorer's
        name, a scorer, or None for accuracy.""",
    )
    target_score: float | None = param(
        Real,
        None,
        default=None,
        group="validation",
        doc="""Stop after the first epoch that reaches this score: the validation score if there
        is validation data, else the accuracy on the training batches of the epoch.""",
    )
    standardize: bool = param(
        "boolean",
        default=True,
        group="input",
        doc="""Whether to subtract the mean and divide by the standard deviation of each channel of
        images, or each column of a table, learned from the (weighted) training rows only.""",
    )
    image_shape: Literal["auto"] | tuple[int, ...] | list[int] = param(
        StrOptions({"auto"}),
        tuple,
        list,
        default="auto",
        group="input",
        doc="""Layout of a flat row: (h, w), (c, h, w) or (h, w, c); a table is (1, width). "auto":
        arrays of three or four dimensions have their own shape; flat rows of k*k or 3*k*k columns
        are images (k, k) or (k, k, 3), all others a table. For MLPNetClassifier, flat rows are
        images only if the columns of a frame are named as pixels, or if unnamed rows have at least
        25 columns and only whole numbers from 0 to 255 or only values from 0 to 1.""",
    )
    precision: Literal["auto", "fp32", "fp64", "bf16", "fp16"] = param(
        StrOptions({"auto", "fp32", "fp64", "bf16", "fp16"}),
        default="auto",
        group="running",
        doc="""Floating-point type of the computation. Weights are float32, or float64 for "fp64";
        "bf16" and "fp16" compute matrix products and convolutions in 16 bits, in training and in
        prediction. "auto" trains convolutional networks in "bf16" where the processor or GPU has
        instructions for it, and does everything else in "fp32", predictions included. "fp16" is for
        GPUs: on a CPU it is several times slower than "fp32". A fitted net keeps its precision.""",
    )
    compile: bool = param(
        "boolean",
        default=False,
        group="running",
        doc="""Whether ``torch.compile`` compiles the network for training. It needs a C++ compiler,
        takes a minute, and is worthwhile on GPUs.""",
    )
    random_state: int | np.random.RandomState | None = param(
        "random_state",
        default=None,
        group="running",
        doc="""Decides initial weights, dropout, order of the rows and the validation split. An
        int gives the same model every time, on the same machine with the same number of
        threads.""",
    )
    device: str = param(
        DeviceNames(),
        default="auto",
        group="running",
        doc="""Where to compute. "auto" is a CUDA device if there is one, else the CPU; "cuda:1" is
        the second CUDA device. Without a number, each worker of a parallel search takes one device,
        in turn. A process forked from one that uses CUDA cannot use it: "auto" is the CPU there,
        and "cuda" is an error.""",
    )
    n_threads: int | None = param(
        ThreadCounts(),
        None,
        default=None,
        group="running",
        doc="""Number of PyTorch's CPU threads during `fit` and the predicting methods, for the
        calling thread only; it is reset afterwards. It may exceed the number of cores. In a forked
        process it is always 1. None does not change it, but in a joblib or Dask worker it is the
        worker's share of the cores. A multilayer perceptron always predicts a few rows with 1
        thread.""",
    )
    verbose: int = param(
        "verbose",
        default=0,
        group="running",
        doc="""0 is silent. 1 shows a progress bar in a terminal or a notebook, and prints one line
        per epoch if the output is a file. 2 always prints one line per epoch.""",
    )
    checkpoint_dir: str | PathLike | None = param(
        str,
        PathLike,
        None,
        default=None,
        group="running",
        doc="""Folder in which `fit` writes its state every `checkpoint_every` epochs. If a fit was
        killed, the same fit (parameters, data) continues from there and gives the same model, to
        the last bit. A finished fit removes its file. With the path of one checkpoint, `fit`
        continues from that one, or raises an error if it belongs to another fit.""",
    )
    checkpoint_every: int = param(
        COUNT,
        default=1,
        group="running",
        doc="Epochs from one checkpoint to the next; used with `checkpoint_dir`.",
    )
    log_dir: str | PathLike | None = param(
        str,
        PathLike,
        None,
        default=None,
        group="running",
        doc="""Folder in which each `fit` creates its own subfolder for TensorBoard: loss, scores,
        learning rate and throughput of each epoch, hyper-parameters with final scores, some
        predictions. Needs the extra ``tracking``.""",
    )
    skorch_callbacks: list | tuple | None = param(
        list,
        tuple,
        None,
        default=None,
        group="running",
        doc="""skorch callbacks (or pairs of a name and a callback); they are copied before
        use, and found in ``net_.callbacks_`` afterwards.""",
    )
