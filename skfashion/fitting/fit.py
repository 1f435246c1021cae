"""What `fit` and `partial_fit` do with checked data: build a net and train it."""

import copy
import inspect
import math

import numpy as np
import torch
from sklearn.metrics import check_scoring

from skfashion.fitting.frequencies import deferred_weights, effective_prior, logit_shift
from skfashion.fitting.initial_weights import begin_with, read_initial_weights
from skfashion.fitting.inputs import find_device, torch_dtype
from skfashion.fitting.lineage import lineage_of
from skfashion.images import planes_shape
from skfashion.parameters.augmentation import make_augmenter
from skfashion.parameters.losses import loss_terms
from skfashion.training import (
    NAMED_DTYPES,
    OPTIMIZERS,
    BatchIterator,
    DeferredWeights,
    EpochTasks,
    KeepBestWeights,
    LogRun,
    PauseTraining,
    Progress,
    StopAtTarget,
    TrainingNet,
    ValidationScore,
    WriteCheckpoints,
    compute_dtype,
    load_training_state,
    make_schedule,
    own_device,
    resolve_optimizer,
    state_from_bytes,
    training_state,
)

# What "auto" means; chosen on validation splits of the training images and on small tables, see
# docs/design.md.
BATCH_SIZES = (16, 128)
BATCHES_PER_EPOCH = 30
MIN_STEPS = 600
MAX_EPOCHS = 100
# Of the averaged weights by which a paused training is judged.
PAUSE_DECAY = 0.995


def auto_batch_size(n_rows):
    """Return the batch size that "auto" stands for."""
    smallest, largest = BATCH_SIZES
    return min(largest, max(smallest, n_rows // BATCHES_PER_EPOCH))


def auto_max_epochs(full_data_epochs, steps_per_epoch):
    """Return the number of epochs that "auto" stands for."""
    return max(full_data_epochs, min(MAX_EPOCHS, math.ceil(MIN_STEPS / steps_per_epoch)))


def number_of_epochs(estimator, steps_per_epoch):
    """Return what `max_epochs` says."""
    if estimator.max_epochs == "auto":
        return auto_max_epochs(estimator._full_data_epochs, steps_per_epoch)
    return estimator.max_epochs


def fit(estimator, data, hooks, *, until=None, paused=None):
    """Train a new net on the data, and set ``net_`` and ``class_weight_``.

    Parameters
    ----------
    estimator : ImageClassifier
    data : Data
    hooks : TaskHooks
    until : int or None
        Epoch after which to pause; None trains to the end.
    paused : bytes or None
        What the pause before returned, to go on from.

    Returns
    -------
    bytes or None
        What the rest of a training that was paused needs; None at the end of one.
    """
    _learn_prior(estimator, data)
    logit_shift(estimator)  # raises where `prior` is none, before a training and not after it
    batch_size = batch_size_of(estimator, len(data.train))
    steps_per_epoch = len(BatchIterator(data.train, batch_size))
    n_epochs = number_of_epochs(estimator, steps_per_epoch)
    schedule = make_schedule(
        estimator.lr_schedule,
        n_epochs=n_epochs,
        steps_per_epoch=steps_per_epoch,
        warmup_fraction=estimator.warmup_fraction,
        step_size=estimator.step_size,
        gamma=estimator.gamma,
    )
    hooks.start(estimator, n_epochs)
    own = _weigh_classes_of_loss(estimator, data, n_epochs)
    own += _make_callbacks(estimator, data, hooks, n_epochs)
    net = _make_net(estimator, data, own, schedule, n_epochs)
    state, pause = None, None
    if until is not None:
        state = None if paused is None else state_from_bytes(paused)
        # The last weights of all are judged as they are, like those of any other fit.
        if until < n_epochs:
            net.pause_decay = PAUSE_DECAY
            pause = PauseTraining(until, paused)
            net.callbacks_.append(("skfashion_pause", pause))
    elif data.checkpoint is not None:
        state = data.checkpoint.state
        net.callbacks_.append(("skfashion_checkpoint", WriteCheckpoints(data.checkpoint)))
    net.train(data.train, data.valid, epochs=n_epochs, state=state)
    if estimator.deferred_reweighting is not None:
        # With early stopping the weights that came back may be those of an epoch before it began;
        # of a training that goes on from a checkpoint it may have begun before that.
        scores = estimator.validation_scores_ if estimator.early_stopping else None
        last = len(net.history) - 1 if scores is None else int(np.argmax(scores))
        counts = estimator.class_prior_ * data.n_rows
        estimator.effective_class_prior_ = effective_prior(
            estimator, counts, reweighted=last >= _first_reweighted(estimator, n_epochs)
        )
    net.forget_callbacks([name for name, _ in own] + ["skfashion_checkpoint", "skfashion_pause"])
    hooks.finish()
    if data.checkpoint is not None:
        data.checkpoint.remove()
    return None if pause is None else pause.state


def _learn_prior(estimator, data, earlier=None):
    """Set what is known of the classes' frequencies; `earlier` are the totals of calls before."""
    totals = data.class_totals if earlier is None else earlier + data.class_totals
    estimator.class_count_ = totals
    estimator.class_prior_ = totals / totals.sum()
    estimator.class_weight_ = data.class_weight
    counts = estimator.class_prior_ * data.n_rows
    estimator.effective_class_prior_ = effective_prior(estimator, counts, reweighted=False)


def _weigh_classes_of_loss(estimator, data, n_epochs):
    """Give the training data the loss's weights of classes, now or by the callback returned."""
    counts = estimator.class_prior_ * data.n_rows
    dtype = torch_dtype(estimator.precision)
    device = data.train.targets.device
    if estimator.deferred_reweighting is None:
        weights = loss_terms(estimator.loss, counts).class_weight
        if weights is not None:
            data.train.class_weight = torch.as_tensor(weights, dtype=dtype, device=device)
        return []

    def begin():
        estimator.effective_class_prior_ = effective_prior(estimator, counts, reweighted=True)

    first = _first_reweighted(estimator, n_epochs)
    weights = torch.as_tensor(deferred_weights(estimator.loss, counts), dtype=dtype, device=device)
    return [("skfashion_weights", DeferredWeights(weights, first, begin))]


def _first_reweighted(estimator, n_epochs):
    """Return how many epochs come before those that have deferred weights."""
    return min(math.ceil(estimator.deferred_reweighting * n_epochs), n_epochs - 1)


def partial_fit(estimator, data):
    """Train for one epoch at a constant learning rate; undo everything if that fails."""
    if not hasattr(estimator, "net_"):
        _learn_prior(estimator, data)
        estimator.class_count_ = np.zeros_like(data.class_totals)
        _make_net(estimator, data, [], None, 1)
    net = estimator.net_
    device = module_device(module_on_device(estimator))
    if getattr(net, "optimizer_device_", device) != device:
        # The weights were moved: the optimizer's state and the generators stayed behind.
        vars(net).pop("optimizer_", None)
        net.generator = None
    if not hasattr(net, "optimizer_"):
        # The net comes out of a pickle, which holds no optimizer.
        net._initialize_optimizer()
    if net.generator is None:
        seed = (data.seed + len(net.history)) % np.iinfo(np.int32).max
        net.generator = torch.Generator().manual_seed(int(seed))
        net.module_.use_generator(_noise_generator(net.generator, device))
    net.optimizer_device_ = device
    before = training_state(net)
    # Rows of the history are only ever added, and after many calls there are many.
    before = copy.deepcopy(before, {id(before["history"]): before["history"]})
    settings = {
        "schedule": None,
        "lr": estimator.lr,
        "batch_size": batch_size_of(estimator, len(data.train)),
        "augment": _make_augmenter(estimator),
        "ema_decay": None,  # one pass is no path to average over
        "pause_decay": None,
    }
    settings_before = {name: getattr(net, name) for name in settings}
    vars(net).update(settings)
    for group in net.optimizer_.param_groups:
        group["lr"] = estimator.lr * group.get("lr_factor", 1.0)
    try:
        net.train(data.train, epochs=1)
    except BaseException:
        load_training_state(net, before)
        vars(net).update(settings_before)
        net._set_training(False)
        raise
    _learn_prior(estimator, data, estimator.class_count_)


def module_device(module):
    """Return the device on which a network computes."""
    return module.standardize.mean.device


def module_on_device(estimator):
    """Return the fitted network, moved to the estimator's device if it is not there.

    A net out of a pickle lies on the CPU, and stays there where its own device is missing.
    """
    module = estimator.net_.module_
    wanted = find_device(estimator.device)
    if wanted is not None and module_device(module).type != wanted:
        with own_device(wanted):
            module.to(wanted)
        estimator.net_.device = wanted
    return module


def batch_size_of(estimator, n_rows):
    """Return what `batch_size` says."""
    size = estimator.batch_size
    return min(n_rows, auto_batch_size(n_rows) if size == "auto" else size)


def _terms(estimator, data):
    """Return what the loss does to the cross-entropy, for this fit's classes."""
    return loss_terms(estimator.loss, estimator.class_prior_ * data.n_rows)


def _make_module(estimator, data, generator):
    """Build the network, and say which nets have its beginning in common.

    What is random about its weights comes from `generator` and from nowhere else.
    """
    # Built without storage, so that PyTorch's own initialisation touches no global generator.
    with torch.device("meta"):
        module = estimator._build_module(
            planes_shape(estimator.image_shape_), len(estimator.classes_)
        )
        scale = _terms(estimator, data).head_scale
        if scale is not None:
            module.normalize_head(scale)
    module = module.to(torch_dtype(estimator.precision)).to_empty(device="cpu")
    module.initialize(generator)
    if data.statistics is not None:
        module.standardize.set_statistics(*data.statistics)
    before = getattr(estimator, "_warm_start_from", None)
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
    weights = read_initial_weights(estimator.init_from, estimator.classes_)
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
    return module, lineage_of(
        module, None if before is None else before.net_, is_given=weights is not None
    )


def _make_augmenter(estimator):
    shape = planes_shape(estimator.image_shape_)
    return make_augmenter(estimator.augment, shape, torch_dtype(estimator.precision))


def _noise_generator(generator, device):
    """Return the generator of dropout: the fit's own, or one on the device that it seeds."""
    if device.type == "cpu":
        return generator
    seed = torch.randint(2**31, (), generator=generator).item()
    return torch.Generator(device).manual_seed(seed)


def _make_net(estimator, data, callbacks, schedule, n_epochs):
    """Set ``net_``: an initialised net, not yet trained."""
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
    generator = torch.Generator().manual_seed(int(data.seed))
    module, lineage = _make_module(estimator, data, generator)
    if optimizer in OPTIMIZERS.values():
        # The layout in which convolutions on a CPU run fastest; it changes nothing else. Some
        # other optimizers, such as LBFGS, want to see weights as vectors.
        module = module.to(memory_format=torch.channels_last)
    if module.lr_factors:
        options["param_groups"] = [
            (pattern, {"lr": estimator.lr * factor, "lr_factor": factor})
            for pattern, factor in module.lr_factors
        ]
    terms, dtype = _terms(estimator, data), torch_dtype(estimator.precision)
    tensors = {
        f"criterion__{name}": torch.as_tensor(value, dtype=dtype)
        for name, value in (("offset", terms.offset), ("margins", terms.margins))
        if value is not None
    }
    net = TrainingNet(
        module,
        criterion__gamma=terms.gamma,
        criterion__label_smoothing=estimator.label_smoothing,
        optimizer=optimizer,
        lr=estimator.lr,
        batch_size=batch_size_of(estimator, len(data.train)),
        max_epochs=n_epochs,
        classes=np.arange(len(estimator.classes_)),
        callbacks=callbacks + _copy_callbacks(estimator.skorch_callbacks),
        schedule=schedule,
        generator=generator,
        standardizes=estimator.standardize,
        compute_dtype=compute_dtype(estimator.precision, module, find_device(estimator.device)),
        inference_dtype=NAMED_DTYPES.get(estimator.precision),
        compiles=estimator.compile,
        augment=_make_augmenter(estimator),
        ema_decay=estimator.ema_decay,
        max_grad_norm=estimator.max_grad_norm,
        sam_rho=estimator.sam_rho,
        device=find_device(estimator.device),
        **tensors,
        **{f"optimizer__{name}": value for name, value in options.items()},
    ).initialize()
    net.lineage_ = lineage
    net.optimizer_device_ = module_device(module)
    module.use_generator(_noise_generator(generator, net.optimizer_device_))
    estimator.net_ = net
    return net


def _copy_callbacks(callbacks):
    """Return copies, so that a fit leaves the parameter as it was."""
    return [
        (callback[0], _copy_callback(callback[1]))
        if isinstance(callback, tuple)
        else _copy_callback(callback)
        for callback in callbacks or []
    ]


def _copy_callback(callback):
    try:
        return copy.deepcopy(callback)
    except Exception:
        # Open files and the like (a TensorBoard writer) cannot be copied, only shared.
        return copy.copy(callback)


def _make_callbacks(estimator, data, hooks, n_epochs):
    """Return the package's own callbacks for a fit, as pairs of a name and a callback."""
    callbacks = []
    if data.valid is not None:
        callbacks.append(("skfashion_score", ValidationScore(_make_score(estimator, data))))
    if estimator.verbose:
        bar = estimator.verbose is True or estimator.verbose == 1
        callbacks.append(("skfashion_progress", Progress(n_epochs, bar=bar)))
    if estimator.early_stopping:
        keep = KeepBestWeights(estimator.n_iter_no_change, estimator.tol)
        callbacks.append(("skfashion_best", keep))
    if estimator.target_score is not None:
        key = "train_accuracy" if data.valid is None else "valid_score"
        callbacks.append(("skfashion_target", StopAtTarget(estimator.target_score, key)))
    if estimator.log_dir is not None:
        names = [str(label) for label in estimator.classes_]
        params = estimator.get_params(deep=False)
        run = LogRun(
            estimator.log_dir,
            type(estimator).__name__,
            params,
            names,
            lambda images: estimator._apply_to_planes("logits", images).double().softmax(1),
        )
        callbacks.append(("skfashion_log", run))
    if hooks.has_callbacks:
        tasks = EpochTasks(hooks.begin_epoch, hooks.end_epoch)
        callbacks.append(("skfashion_tasks", tasks))
    return callbacks


def _takes_weights(scorer):
    """Tell whether a scorer has a use for `sample_weight`."""
    # Every scorer of scikit-learn's takes the argument; what matters is its metric.
    function = getattr(scorer, "_score_func", scorer)
    parameters = inspect.signature(function).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return takes_any or "sample_weight" in parameters


def _make_score(estimator, data):
    """Return a function that scores the estimator on the validation data; None for "loss"."""
    if estimator.scoring == "loss":
        return None
    scorer = check_scoring(estimator, estimator.scoring)
    weights = {}
    if data.weight_val is not None:
        if not _takes_weights(scorer):
            raise ValueError(
                f"Got scoring={estimator.scoring!r}, which takes no sample_weight, together with "
                "weights of rows or classes; expected scoring(estimator, X, y, "
                "sample_weight=None)."
            )
        weights = {"sample_weight": data.weight_val}

    def score():
        # The scorer asks with plain rows, so what it asks must not have learned names.
        nameless = copy.copy(estimator)
        vars(nameless).pop("feature_names_in_", None)
        return scorer(nameless, data.X_val, data.y_val, **weights)

    return score
