"""A net that is ready to be trained: network, loss, augmentation, optimizer."""

from contextlib import nullcontext
from dataclasses import fields, replace

import numpy as np
import torch

from skfashion.fitting.initial_weights import begin_with, lineage_of, read_initial_weights
from skfashion.fitting.inputs import find_device, torch_dtype
from skfashion.fitting.own_loss import check_suits, own_loss
from skfashion.images import planes_shape
from skfashion.parameters.augmentation import MIN_SIDE, RECIPES, Augmentation
from skfashion.parameters.declaring import constraints_of
from skfashion.parameters.options import TrainingOptions
from skfashion.training import (
    NAMED_DTYPES,
    OPTIMIZERS,
    Augmenter,
    OwnLoss,
    TrainingNet,
    WeightedCrossEntropy,
    compute_dtype,
    copy_callbacks,
    drawing_from,
    resolve_optimizer,
)
from skfashion.utils._sklearn import validate_parameter_constraints
from skfashion.utils.callers import warn_the_caller

# What needs an image with height and width.
GEOMETRY = ("flip", "shift", "rotation", "shear", "scale", "erase", "cutmix")


def make_net(
    estimator,
    given,
    terms,
    statistics,
    *,
    batch_size,
    n_epochs,
    seed,
    callbacks=(),
    schedule=None,
    pause_decay=None,
):
    """Return an initialised net, not yet trained.

    Parameters
    ----------
    estimator : ImageClassifier
        Whose parameters count.
    given : Given
        The fit's arguments.
    terms : LossTerms
        What the loss does to the cross-entropy.
    statistics : tuple or None
        Mean and deviation of each channel, or column of a table.
    batch_size, n_epochs, seed : int
        Rows of a step, passes over the data, seed of all that is random.
    callbacks : list of (str, Callback)
        The package's own, before those of `skorch_callbacks`.
    schedule : callable or None
    pause_decay : float or None
        See :class:`TrainingNet`.

    Raises
    ------
    ValueError
        If parameters do not go together, or weights to begin with do not fit.
    """
    if estimator.sam_rho is not None and estimator.precision == "fp16":
        raise ValueError(
            f"Got sam_rho={estimator.sam_rho} with precision='fp16', whose scaled gradients are "
            "taken once a step; expected another precision, such as 'bf16'."
        )
    optimizer, options = resolve_optimizer(
        estimator.optimizer,
        weight_decay=estimator.weight_decay,
        momentum=estimator.momentum,
        nesterovs_momentum=estimator.nesterovs_momentum,
    )
    loss = own_loss(estimator, given)
    generator = torch.Generator().manual_seed(int(seed))
    module, lineage = _make_module(estimator, given, terms, statistics, generator)
    if loss is not None:
        check_suits(loss, estimator.module, module)
    if optimizer in OPTIMIZERS.values() and module.suits_channels_last:
        # The layout in which convolutions on a CPU run fastest; it changes nothing else. Some
        # other optimizers, such as LBFGS, want to see weights as vectors.
        module = module.to(memory_format=torch.channels_last)
    dtype = torch_dtype(estimator.precision)
    return net_around(
        module,
        {
            "gamma": terms.gamma,
            "label_smoothing": estimator.label_smoothing,
            "offset": terms.offset,
            "margins": terms.margins,
            "soft_weight": estimator.distillation_weight,
            "temperature": estimator.distillation_temperature,
        }
        if loss is None
        else {"loss": loss},
        optimizer,
        options,
        lr=estimator.lr,
        batch_size=batch_size,
        max_epochs=n_epochs,
        callbacks=[*callbacks, *copy_callbacks(estimator.skorch_callbacks or ())],
        schedule=schedule,
        generator=generator,
        standardizes=estimator.standardize,
        compute_dtype=compute_dtype(estimator.precision, module, find_device(estimator.device)),
        inference_dtype=NAMED_DTYPES.get(estimator.precision),
        compiles=estimator.compile,
        augment=make_augmenter(estimator.augment, planes_shape(given.image_shape), dtype),
        ema_decay=estimator.ema_decay,
        max_grad_norm=estimator.max_grad_norm,
        sam_rho=estimator.sam_rho,
        pause_decay=pause_decay,
        lineage=lineage,
        architecture=architecture_of(estimator),
        device=find_device(estimator.device),
    )


def net_around(module, criterion, optimizer, options, *, lr, **settings):
    """Return an initialised net around a module that has its weights.

    Parameters
    ----------
    module : Network
    criterion : dict
        Parameters of :class:`WeightedCrossEntropy`, arrays as NumPy's, or of :class:`OwnLoss`.
    optimizer : type
    options : dict
        Its arguments but for `lr`.
    lr : float
    **settings
        What else :class:`TrainingNet` takes.
    """
    if module.lr_factors:
        groups = [
            (pattern, {"lr": lr * factor, "lr_factor": factor})
            for pattern, factor in module.lr_factors
        ]
        options = {**options, "param_groups": groups}
    dtype = module.standardize.mean.dtype
    criterion = {
        name: torch.tensor(value, dtype=dtype) if isinstance(value, np.ndarray) else value
        for name, value in criterion.items()
        if value is not None
    }
    return TrainingNet(
        module,
        optimizer=optimizer,
        criterion=OwnLoss if "loss" in criterion else WeightedCrossEntropy,
        lr=lr,
        classes=np.arange(module.head.out_features),
        **settings,
        **{f"criterion__{name}": value for name, value in criterion.items()},
        **{f"optimizer__{name}": value for name, value in options.items()},
    ).initialize()


def architecture_of(estimator):
    """Return the parameters that say how a network is built, by name, as JSON's types.

    Where its weights came from is none: they are there. What makes a module of the user's, and what
    that is called with, are as they are.
    """
    return {name: _as_json(getattr(estimator, name)) for name in names_of_architecture(estimator)}


def names_of_architecture(estimator):
    """Return the names of those parameters, of an estimator or its class."""
    shared = {field.name for field in fields(TrainingOptions)}
    shared |= {"weights", "criterion"}
    return [field.name for field in fields(estimator) if field.name not in shared]


def _as_json(value):
    """Return a parameter, a number, a word or a sequence of numbers, as JSON's types."""
    if value is None or isinstance(value, str | bool | int | float | dict) or callable(value):
        return value
    return np.asarray(value).tolist()


def build_module(
    estimator, image_shape, n_classes, *, dtype, n_columns=None, head_scale=None, generator=None
):
    """Return the network that parameters describe, without memory for its weights.

    A module of the user's has its memory and its weights.

    Parameters
    ----------
    estimator : ImageClassifier
        Whose architecture counts.
    image_shape : tuple (c, h, w)
    n_classes : int
    dtype : torch.dtype
        Of the weights.
    n_columns : int or None
        Of a table, whose columns are standardised one by one.
    head_scale : float or None
        Of a head whose logits are cosines.
    generator : torch.Generator or None
        What decides the weights of a module of the user's.
    """
    lends = drawing_from(generator) if estimator._makes_own_draws else nullcontext()
    # Without storage PyTorch's own initialisation touches no global generator.
    with lends, torch.device("meta"):
        module = estimator._build_module(image_shape, n_classes)
        if n_columns is not None:
            module.standardize_columns(n_columns)
        if head_scale is not None:
            module.normalize_head(head_scale)
    return module.to(dtype)


def without_weights(estimator):
    """Return an estimator of the same network that opens and downloads no weights to begin with."""
    return replace(estimator, weights=None) if hasattr(estimator, "weights") else estimator


def _make_module(estimator, given, terms, statistics, generator):
    """Return the network with its initial weights, and its lineage.

    What is random about its weights comes from `generator` and from nowhere else.
    """
    if given.before is not None:
        estimator = without_weights(estimator)  # they have done their work, and may be gone
    module = build_module(
        estimator,
        planes_shape(given.image_shape),
        len(given.classes),
        dtype=torch_dtype(estimator.precision),
        n_columns=given.n_features_in if given.is_table else None,
        head_scale=terms.head_scale,
        generator=generator,
    )
    for fault in module.faults:
        raise ValueError(fault)
    for doubt in module.doubts:
        warn_the_caller(doubt)
    module.begin(generator)
    if statistics is not None:
        module.standardize.set_statistics(*statistics)
    before = given.before
    if before is not None:
        if before.net_.standardizes != estimator.standardize:
            raise ValueError(
                f"Got standardize={estimator.standardize} with warm_start=True, expected "
                f"{before.net_.standardizes} as in the previous call to fit."
            )
        try:
            module.load_state_dict(before.net_.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "Got warm_start=True with other parameters of the architecture than in the "
                "previous call to fit; expected the same. Set warm_start=False to begin anew."
            ) from error
    weights = read_initial_weights(estimator.init_from, given.classes, module)
    source = "init_from"
    if weights is None and module.pretrained is not None:
        weights, source = module.pretrained, "weights"
    module.pretrained = None
    if before is None and weights is not None:
        begin_with(module, weights, source)
        standardizes = not module.standardize.is_identity()
        if source == "init_from" and standardizes != estimator.standardize:
            raise ValueError(
                f"Got standardize={estimator.standardize} with init_from, expected {standardizes} "
                "as in the training that the weights come from."
            )
    if before is None and weights is None:
        warning = estimator._warning_of_random_weights()
        if warning is not None:
            warn_the_caller(warning)
    return module, lineage_of(
        module, None if before is None else before.net_, is_given=weights is not None
    )


def make_augmenter(augment, image_shape, dtype):
    """Return what changes the batches of a training, None for nothing.

    Parameters
    ----------
    augment : None, str, Augmentation or callable
        The parameter of a classifier.
    image_shape : tuple (c, h, w)
        Shape of an image.
    dtype : torch.dtype
        Type of the network's weights.

    Raises
    ------
    ValueError
        If an image has no height or width and geometry is asked for, or a parameter is not as
        described.
    """
    if augment is None:
        return None
    if isinstance(augment, type):
        raise ValueError(
            f"Got augment={augment.__name__}, a class, expected an instance: {augment.__name__}()."
        )
    if callable(augment):
        return CallableAugmenter(augment)
    recipe = RECIPES[augment] if isinstance(augment, str) else augment
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    validate_parameter_constraints(constraints_of(Augmentation), values, "Augmentation")
    asked = [name for name in GEOMETRY if values[name]]
    if asked and min(image_shape[1:]) < MIN_SIDE:
        raise ValueError(
            f"Got augment={augment!r} for images of (c, h, w)={tuple(image_shape)}, expected no "
            f"{', '.join(asked)} for a table's rows, whose columns are not neighbours. Use "
            "augment=None, or set image_shape if these rows are images."
        )
    return Augmenter(**values, dtype=dtype)


class CallableAugmenter:
    """A function of the user's: ``function(images, generator) -> images``.

    Parameters
    ----------
    function : callable
        Gets a tensor (n, c, h, w) in the dtype of the data, which it must not change, and a
        ``torch.Generator`` on the CPU; returns a tensor of the same shape.
    """

    mixes = False

    def __init__(self, function):
        self.function = function

    def __call__(self, images, rows, epoch, generator):
        """Return what the function makes of the images."""
        changed = self.function(images, generator)
        shape = tuple(getattr(changed, "shape", ()))
        if type(changed) is not type(images) or shape != images.shape:
            raise ValueError(
                f"Got {type(changed).__name__} of shape {shape} from augment, expected a tensor of "
                f"shape {tuple(images.shape)}, like its argument."
            )
        return changed
