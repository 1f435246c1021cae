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
        doc="""The optimizer, by name or as a subclass of ``torch.optim.Optimizer``; a class gets
        those of `lr`, `weight_decay`, `momentum` and `nesterovs_momentum` that it knows. "muon"
        (Jordan et al., 2024) takes orthogonal matrices as steps of the weights of hidden layers,
        and AdamW's steps for all others.""",
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
        doc='Momentum; used by "sgd", "muon" and classes that know it.',
    )
    nesterovs_momentum: bool = param(
        "boolean",
        default=True,
        group="optimisation",
        doc="Whether the momentum is Nesterov's; used where `momentum` is.",
    )
    batch_size: int | Literal["auto"] = param(
        COUNT,
        StrOptions({"auto"}),
        default="auto",
        group="optimisation",
        doc="""Number of rows of a step; clipped to the number of training rows. "auto" is a
        30th of the training rows, but at least 16 and at most 128. Where less than half a
        batch would be left over, the last two batches share their rows evenly.""",
    )
    max_epochs: int | Literal["auto"] = param(
        COUNT,
        StrOptions({"auto"}),
        default="auto",
        group="optimisation",
        doc=f"""Number of passes over the training rows, and the length of the schedule. "auto" is
        the number that suits 60,000 images, or more where that makes fewer than
        {MIN_STEPS} steps, up to {MAX_EPOCHS} epochs.""",
    )
    lr_schedule: Literal["one_cycle", "constant", "step", "cosine"] = param(
        StrOptions({"one_cycle", "constant", "step", "cosine"}),
        default="one_cycle",
        group="optimisation",
        doc="""How the learning rate changes from step to step: "one_cycle" rises and falls along
        half cosine waves (Smith and Topin, arXiv:1708.07120), "step" multiplies it by `gamma`
        every `step_size` epochs, "cosine" lets it fall to 0.""",
    )
    warmup_fraction: float | Literal["auto"] = param(
        SHARE,
        StrOptions({"auto"}),
        default="auto",
        group="optimisation",
        doc="""Share of all steps in which the learning rate rises; "auto" is 0.25 for
        "one_cycle" and 0 for the others.""",
    )
    step_size: int = param(
        COUNT,
        default=10,
        group="optimisation",
        doc='Epochs between two reductions; used by lr_schedule="step" only.',
    )
    gamma: float = param(
        POSITIVE,
        default=0.1,
        group="optimisation",
        doc='Factor of a reduction; used by lr_schedule="step" only.',
    )
    max_grad_norm: float | None = param(
        POSITIVE,
        None,
        default=None,
        group="optimisation",
        doc="""Euclidean norm of the gradient of all weights above which it is scaled down (Pascanu
        et al., ICML 2013); None leaves it.""",
    )
    warm_start: bool = param(
        "boolean",
        default=False,
        group="optimisation",
        doc="""Whether `fit` starts from the weights of the fit before it (with a new schedule
        and a new optimizer) instead of new ones, keeping their statistics of standardisation. The
        labels, the shape of the images and the architecture must be the same.""",
    )
    init_from: BaseEstimator | str | PathLike | None = param(
        BaseEstimator,
        str,
        PathLike,
        None,
        default=None,
        group="optimisation",
        doc="""Weights to begin with instead of random ones: those of another net of the same
        architecture, as ``sklearn.frozen.FrozenEstimator(net)``, or a file that
        ``net.save(path)`` or ``net.net_.save_params(f_params=path)`` has written. Its statistics of
        standardisation come along. A head for other labels begins at random (of the latter file,
        whose labels are not known, for another number of them). A pickle holds a frozen net as
        well; a file keeps it small.""",
    )
    weight_decay: float = param(
        NOT_NEGATIVE,
        default=1e-2,
        group="regularisation and augmentation",
        doc="""Weight decay, as the optimizer defines it: decoupled in "adamw" and "muon"; a
        penalty on squares in "adam", "sgd" and most other classes, which want a tenth of it or
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
        doc="""A fitted classifier whose probabilities this net learns besides the labels
        (distillation; Hinton, Vinyals and Dean, 2015), as
        ``sklearn.frozen.FrozenEstimator(teacher)``: any with ``predict_proba``, a pipeline too. It
        must know all labels of `y`, in any order. It is asked once, before the training, about the
        rows as `fit` has got them, `augment` not applied, and then taught as `soft_targets` of
        `fit` are. A pickle holds the teacher as well; soft targets keep it small.""",
    )
    distillation_weight: float = param(
        Interval(Real, 0, 1, closed="right"),
        default=0.9,
        group="regularisation and augmentation",
        doc="""Share of the loss that is the cross-entropy of soft targets, where there are any,
        those of a `teacher` or of `fit`. The rest is `loss`, which alone knows of
        `label_smoothing`, of the margins of "ldam" and of the factors of "focal".""",
    )
    distillation_temperature: float = param(
        POSITIVE,
        default=1.0,
        group="regularisation and augmentation",
        doc="""What logits are divided by in that term, both those that the soft targets stand for
        and those of this net; its square multiplies the term, so that its gradient keeps its size.
        Above 1, the small probabilities of a teacher that is sure count for more; 1 takes
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
        doc="""How training images are changed, anew in every epoch: "flip" mirrors half of them,
        "flip+shift" moves them by up to 2 pixels, too, "standard" adds small rotations, scales
        and erasing, "strong" larger ones, slants and light. An `Augmentation` has all
        of these as parameters, mixup and CutMix as well; a callable gets
        ``(images, generator)``, a tensor (n, c, h, w) and a ``torch.Generator``, and
        returns such a tensor. For images only, not for a table's rows.""",
    )
    tta: int | Literal["flip"] | None = param(
        StrOptions({"flip"}),
        Interval(Integral, 2, 18, closed="both"),
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""Views of an image whose logits are averaged by all predicting methods but
        `transform`: "flip" is the image and its mirror image; an int is so many views: these two,
        then the image moved by one pixel to the left, right, up, down, up left and so on, each
        followed by its mirror image. Scorers see them in validation, too; the validation loss is
        that of the plain images. For images only.""",
    )
    ema_decay: float | None = param(
        Interval(Real, 0, 1, closed="neither"),
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""Decay, at each step, of the exponential moving average of the weights (Polyak and
        Juditsky, 1992) that is validated and becomes the model; None takes the last weights. The
        first steps count less: the decay is at most (1 + step) / (10 + step). For `fit` only.""",
    )
    sam_rho: float | None = param(
        POSITIVE,
        None,
        default=None,
        group="regularisation and augmentation",
        doc="""Length of the step uphill before each gradient, in sharpness-aware minimisation
        (Foret et al., ICLR 2021), which takes twice the time; None does without. Not with
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
        doc="""What is minimised, the mean over the rows by their weights: "cross_entropy"; "focal",
        in which easy rows count less; "class_balanced", "balanced_softmax", "logit_adjusted" and
        "ldam", which make up for rare classes. A `FocalLoss`, `ClassBalancedLoss`,
        `BalancedSoftmaxLoss`, `LogitAdjustedLoss` or `LDAMLoss` has their parameters, such as
        ``loss__gamma``, to be searched. All but "focal" count the rows of a class by their
        `sample_weight`. A validation loss is the plain cross-entropy.""",
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
        doc="""How the rows of an epoch are drawn: None takes each row once; "balanced" draws as
        many rows of each class, "sqrt" numbers in proportion to the square root of its frequency,
        and a dict has the share of the draws of each label, whatever their sum. An epoch has as
        many rows as without, no row is copied in memory, and within a class rows are drawn in
        proportion to `sample_weight`, which then leaves the loss. Together with `class_weight` or
        a loss for rare classes, the correction is applied twice. For `fit` only.""",
    )
    deferred_reweighting: float | None = param(
        SHARE,
        None,
        default=None,
        group="imbalance",
        doc="""Share of the epochs after which weights of the classes begin, those of
        "class_balanced" (Cao et al., NeurIPS 2019; 0.8 there); at least the last epoch has them.
        None is never; "class_balanced" itself has them from the start then. For `fit` only.""",
    )
    prior: Literal["train", "uniform"] | Sequence[float] | np.ndarray | None = param(
        StrOptions({"train", "uniform"}),
        "array-like",
        None,
        default=None,
        group="imbalance",
        doc="""Frequencies of the classes where the net predicts: "train", those of
        `class_prior_`; "uniform"; or one number for each of `classes_`, of sum 1. All predicting
        methods but `transform` add the logarithm of each class's ratio of this to
        `effective_class_prior_` to its logit (Menon et al., ICLR 2021), which makes up for rare
        classes after a plain training, and takes back what sampling and weighing have done to
        probabilities. It may be set after the fit. Validation scores see it, the default "loss"
        excepted. None adds nothing.""",
    )
    early_stopping: bool = param(
        "boolean",
        default=False,
        group="validation",
        doc="""Whether to stop when the validation score no longer improves. The weights of the
        best epoch are restored, always.""",
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
        doc="""Splitter of scikit-learn's, such as ``GroupShuffleSplit(1, test_size=0.2)``, whose
        first split says which rows are held out for early stopping, instead of
        `validation_fraction`; it gets the `groups` of `fit`. Where rows belong together, as the
        images of a patient do, they must be held out together, or the validation score is far too
        good. A splitter whose own `random_state` is None takes this net's. Needs
        ``early_stopping=True``, and neither `X_val` nor `validation_fraction`.""",
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
        doc="Smallest change of the validation score that is an improvement.",
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
        doc="""Whether to subtract a mean and divide by a deviation, one of each per channel of
        images and per column of a table, learned from the (weighted) training rows only.""",
    )
    image_shape: Literal["auto"] | tuple[int, ...] | list[int] = param(
        StrOptions({"auto"}),
        tuple,
        list,
        default="auto",
        group="input",
        doc="""Layout of the flat row: (h, w), (c, h, w) or (h, w, c); a table is (1, width).
        "auto": arrays of three or four dimensions bring their own shape; flat rows of k*k or 3*k*k
        columns are images (k, k) or (k, k, 3), all others a table. MLPNetClassifier takes for
        images only frames whose columns are named as pixels, and rows without names of at least 25
        columns, all of whose values are whole numbers from 0 to 255 or lie from 0 to 1.""",
    )
    precision: Literal["auto", "fp32", "fp64", "bf16", "fp16"] = param(
        StrOptions({"auto", "fp32", "fp64", "bf16", "fp16"}),
        default="auto",
        group="running",
        doc="""Floating-point type of the computation. Weights are float32, or float64 for "fp64";
        "bf16" and "fp16" compute products and convolutions in 16 bits, in training and in
        prediction. "auto" trains convolutional networks in "bf16" where the processor or GPU has
        instructions for it, and does everything else in "fp32", predictions included.""",
    )
    compile: bool = param(
        "boolean",
        default=False,
        group="running",
        doc="""Whether ``torch.compile`` compiles the network for training; needs a C++ compiler,
        takes a minute, and pays on GPUs.""",
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
        doc="""Where to compute; "auto" is a CUDA device if there is one, else the CPU, and "cuda:1"
        is the second one of several. Without a number, the workers of a parallel search take
        one each, in turn. A process that was forked off one that uses CUDA cannot use it: "auto"
        is the CPU there, and "cuda" is refused.""",
    )
    n_threads: int | None = param(
        ThreadCounts(),
        None,
        default=None,
        group="running",
        doc="""Number of PyTorch's CPU threads during `fit` and the predicting methods, in the
        thread that calls them, given back afterwards; it may be larger than the number of cores.
        In a process that was forked it is 1, whatever is set. None leaves it as it is, but in a
        worker of joblib's or Dask's it is the worker's share of the cores. A few rows are
        predicted with 1 thread by a multilayer perceptron whatever is set.""",
    )
    verbose: int = param(
        "verbose",
        default=0,
        group="running",
        doc="""0 is silent, 1 shows a progress bar in a terminal or a notebook and prints a line an
        epoch where the output is a file, 2 always prints a line an epoch.""",
    )
    checkpoint_dir: str | PathLike | None = param(
        str,
        PathLike,
        None,
        default=None,
        group="running",
        doc="""Folder in which `fit` writes its state every `checkpoint_every` epochs. The same
        fit (parameters, data), started again after it was killed, goes on from there and ends
        with the same model, to the last bit. A finished fit removes its file. The path of one
        checkpoint goes on from that one, or is refused where it belongs to another fit.""",
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
        doc="""Folder in which each `fit` makes one of its own for TensorBoard: loss, scores,
        learning rate and throughput of each epoch, hyper-parameters beside final scores, some
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
