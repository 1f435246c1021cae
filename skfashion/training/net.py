"""The skorch net that trains a module: weighted loss, a lean loop, no swallowed Ctrl-C."""

import copy
import math
import time
from contextlib import nullcontext

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from skorch.utils import TeeGenerator

from skfashion.parallel.locks import ForkSafeLock
from skfashion.parallel.pinning import any_core
from skfashion.parallel.threads import check_reachable, own_device
from skfashion.training.batches import BatchIterator, ImageDataset
from skfashion.training.criterion import WeightedCrossEntropy
from skfashion.training.draws import drawing_from
from skfashion.training.history import RowHistory
from skfashion.training.inference import FastForward
from skfashion.training.modes import to_be_trained
from skfashion.training.moving_average import AveragedWeights
from skfashion.training.muon import MuonAdamW
from skfashion.training.states import (
    generators_of,
    load_optimizer_state,
    load_training_state,
    state_without_history,
)
from skfashion.training.steps import Steps

# Attributes that a running training needs, and a prediction does not.
OF_A_TRAINING = {
    "optimizer_",
    "optimizer_device_",
    "steps_",
    "averaged_",
    "scaler_",
    "_fast",
    "_lowest",
}

# Rows of a block when skorch's own methods predict or validate.
EVALUATION_BATCH_SIZE = 256


# Of several threads that predict, one moves a module and the others wait.
MOVING = ForkSafeLock()


class TrainingNet(NeuralNetClassifier):
    """A skorch classifier that trains an initialised module on an :class:`ImageDataset`.

    It is a real skorch net: skorch's callbacks, `history`, `get_params`, `save_params` and
    `predict_proba` work. It differs from its parent in what it has to: the loss is weighted, a
    whole epoch is one pass over one tensor without a look at every single loss, validation data
    is given and not split off, Ctrl-C is raised, and a pickle holds neither data nor optimizer.

    Parameters
    ----------
    module : torch.nn.Module
        Built and initialised: images ``(n, c, h, w)`` -> logits ``(n, k)``.
    schedule : callable or None
        ``schedule(step) -> factor`` by which `lr` is multiplied; None leaves `lr` alone.
    generator : torch.Generator or None
        Draws the order of the rows.
    standardizes : bool
        Whether the module holds statistics of training data.
    compute_dtype : torch.bfloat16, torch.float16 or None
        Type in which convolutions and products are computed (autocast); None computes in the type
        of the weights.
    inference_dtype : torch.bfloat16, torch.float16 or None
        The same for predictions and validation.
    compiles : bool
        Whether ``torch.compile`` compiles the module for training.
    augment : callable or None
        An :class:`Augmenter` or its like; None trains on the images as they are.
    ema_decay, max_grad_norm, sam_rho : float or None
        Decay of the weights' moving average, largest norm of the gradient, and length of
        sharpness-aware minimisation's step uphill; None does without.
    pause_decay : float or None
        Without `ema_decay`: decay of an average that is kept for a pause alone.
    lineage : str or None
        Shared by all nets that are trained from the same weights.
    architecture : dict or None
        Parameters of the classifier that say how the module is built, by name, JSON's types.
    **kwargs
        skorch's own parameters.
    """

    def __init__(
        self,
        module,
        *args,
        criterion=WeightedCrossEntropy,
        dataset=ImageDataset,
        iterator_train=BatchIterator,
        iterator_valid=BatchIterator,
        train_split=None,
        schedule=None,
        generator=None,
        standardizes=True,
        compute_dtype=None,
        inference_dtype=None,
        compiles=False,
        augment=None,
        ema_decay=None,
        max_grad_norm=None,
        sam_rho=None,
        pause_decay=None,
        lineage=None,
        architecture=None,
        verbose=0,
        **kwargs,
    ):
        super().__init__(
            module,
            *args,
            criterion=criterion,
            dataset=dataset,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            train_split=train_split,
            verbose=verbose,
            **kwargs,
        )
        self.schedule = schedule
        self.generator = generator
        self.standardizes = standardizes
        self.compute_dtype = compute_dtype
        self.inference_dtype = inference_dtype
        self.compiles = compiles
        self.augment = augment
        self.ema_decay, self.max_grad_norm, self.sam_rho = ema_decay, max_grad_norm, sam_rho
        self.pause_decay = pause_decay
        self.lineage, self.architecture = lineage, architecture

    # What a training sets, as it is before and after one.
    step_ = 0
    stop_training_ = False
    steps_ = averaged_ = scaler_ = None
    # An old pickle has neither.
    lineage = architecture = None
    # How to predict, and which losses were the lowest so far, known since the last time.
    _fast = _lowest = None

    @property
    def _default_callbacks(self):
        # What skorch's defaults record, the loop below records itself.
        return []

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Return what the optimizer is called with."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        if self.optimizer is MuonAdamW:
            kwargs["hidden"] = self.module_.hidden_matrices()
        return args, kwargs

    def get_iterator(self, dataset, training=False):
        """Return an iterator over whole batches, in a new order each time when training."""
        if training:
            # A listener may keep a batch; otherwise one buffer serves them all.
            reuse = self.steps_ is not None and not self._announces_steps()
            options = {"device": self.device, "reuse": reuse}
            return self.iterator_train(dataset, self.batch_size, self.generator, **options)
        return self.iterator_valid(dataset, EVALUATION_BATCH_SIZE, device=self.device)

    def train(self, dataset, dataset_valid=None, *, epochs, resume=None):
        """Train for at most `epochs` epochs; callbacks may end it earlier.

        Parameters
        ----------
        dataset, dataset_valid : ImageDataset
            What to train on, and what to validate on, if anything.
        epochs : int
            Number of epochs.
        resume : callable or None
            ``resume(net, validates=bool, steps_per_epoch=int)`` puts the net where an earlier
            training has stopped.

        Raises
        ------
        ValueError
            If the loss or a weight is no longer finite after an epoch.
        """
        self.step_ = 0
        # Batches and gradients are announced only where somebody listens.
        self.announces_batches_ = self._is_heard("on_batch_begin", "on_batch_end")
        self.announces_gradients_ = self._is_heard("on_grad_computed")
        self.stop_training_ = False
        # float16 has so small a range that gradients must be scaled up; bfloat16 has not. By how
        # much is learned in training, so it is kept from one pass to the next.
        if self.compute_dtype is torch.float16 and self.scaler_ is None:
            self.scaler_ = torch.amp.GradScaler(torch.device(self.device).type)
        self.steps_ = Steps(
            self.module_,
            self.criterion_,
            scaler=self.scaler_,
            generators=generators_of(self),
            augment=self.augment,
            max_grad_norm=self.max_grad_norm,
            sam_rho=self.sam_rho,
            compute_dtype=self.compute_dtype,
            compiles=self.compiles,
            keeps_logits=self._announces_steps(),
        )
        decay = self.pause_decay if self.ema_decay is None else self.ema_decay
        self.averaged_ = None if decay is None else AveragedWeights(self.module_, decay)
        try:
            self.notify("on_train_begin", X=dataset, y=None)
            if resume is not None:
                steps = len(self.get_iterator(dataset, training=True))
                resume(self, validates=dataset_valid is not None, steps_per_epoch=steps)
                epochs = 0 if self.stop_training_ else epochs - len(self.history)
            self.fit_loop(dataset, dataset_valid=dataset_valid, epochs=epochs)
            self.notify("on_train_end", X=dataset, y=None)
        finally:
            self.steps_ = self.averaged_ = None
            for parameter in self.module_.parameters():
                parameter.grad = None
            for _, callback in self.callbacks_:
                if hasattr(callback, "close"):
                    callback.close()
        self._set_training(False)
        return self

    def _announces_steps(self):
        """Tell whether somebody hears of each batch, and is given it."""
        return self.announces_batches_ or self.announces_gradients_

    def one_pass(self, dataset, *, lr, batch_size, augment, seed, remember, is_remembered):
        """Go on with the training for one pass over a data set; undo everything if that fails.

        What belongs to the new weights is remembered inside, so that an interruption at any moment
        leaves both as they were, or both new.

        Parameters
        ----------
        dataset : ImageDataset
            What to train on.
        lr : float
            The learning rate, a constant one.
        batch_size : int
            Rows of a step.
        augment : callable or None
            As in the constructor.
        seed : int
            Of the generator, where the one before is lost.
        remember : callable
            Called at the end; must take effect in a single step.
        is_remembered : callable
            Tells whether it has done so: then nothing is undone any more.
        """
        self._find_optimizer_again()
        if self.generator is None:
            seed = (seed + len(self.history)) % np.iinfo(np.int32).max
            self.generator = torch.Generator().manual_seed(seed)
            self._draw_noise_on_device()
        # After many calls the history is long; its rows are only ever added.
        before, n_rows = copy.deepcopy(state_without_history(self)), len(self.history)
        settings = {"lr": lr, "batch_size": batch_size, "augment": augment}
        # One pass has no schedule, and is no path to average over.
        settings |= {"schedule": None, "ema_decay": None, "pause_decay": None}
        settings_before = {name: getattr(self, name) for name in settings}
        try:
            vars(self).update(settings)
            for group in self.optimizer_.param_groups:
                group["lr"] = lr * group.get("lr_factor", 1.0)
            self.train(dataset, epochs=1)
            remember()
        except BaseException:
            if not is_remembered():
                load_training_state(self, before | {"history": self.history[:n_rows]})
                vars(self).update(settings_before)
                self._set_training(False)
            raise
        return self

    def _find_optimizer_again(self):
        """Make an optimizer where there is none, or it holds other weights than the module.

        Weights lie elsewhere after a move to another device; or somebody has put others in their
        place, as ``load_state_dict(assign=True)`` does: of equal shapes, they keep the moments.
        """
        device = self.device_
        if getattr(self, "optimizer_device_", device) != device:
            vars(self).pop("optimizer_", None)
            self.generator = None
        if not hasattr(self, "optimizer_"):
            # The net comes out of a pickle, which holds no optimizer.
            self._initialize_optimizer()
        elif not _holds_weights_of(self.optimizer_, self.module_):
            before = self.optimizer_
            self._initialize_optimizer()
            if _shapes_of(before) == _shapes_of(self.optimizer_):
                load_optimizer_state(self.optimizer_, before.state_dict())
        self.optimizer_device_ = device

    def _draw_noise_on_device(self):
        """Let random layers draw from the generator, or from one of its seed on a GPU."""
        generator, device = self.generator, self.device_
        if device.type != "cpu":
            # Nothing is drawn for that, so that batches and changed images are those of a CPU.
            generator = torch.Generator(device).manual_seed(generator.initial_seed())
        self.module_.use_generator(generator)

    @property
    def device_(self):
        """The device on which the module computes."""
        return self.module_.standardize.mean.device

    def move_to(self, device):
        """Let the module compute on a device, such as "cuda" or "cuda:1", if it does not yet.

        A net out of a pickle lies on the CPU, and stays there where its own device is missing.

        Parameters
        ----------
        device : str or None
            None, for a device that is missing, leaves the module where it is.

        Raises
        ------
        RuntimeError
            If the module lies on a GPU, and this process was forked off the one that put it there.
        """
        here = self.device_
        if here.type == device == "cpu":  # at once: it is felt where one row is predicted
            return self
        check_reachable(here)
        if device is None or self._is_on(device):
            return self
        with MOVING.held():
            if not self._is_on(device):
                with own_device(device):
                    self.module_.to(device)
                self.device = device
        return self

    def fit(self, X, y=None, **fit_params):
        """Say who trains this net."""
        raise NotImplementedError(
            "Got a call of net_.fit or net_.partial_fit, expected one of the classifier's own fit "
            "or partial_fit, which make this net's data, loss and callbacks. To train its module "
            "in another way, give net_.module_ to a net of skorch's: "
            "NeuralNetClassifier(net.net_.module_, criterion=torch.nn.CrossEntropyLoss)."
        )

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Say who trains this net."""
        self.fit(X, y)

    def _is_on(self, device):
        """Tell whether the module is on a device; one without a number is any of its kind."""
        kind, _, number = device.partition(":")
        return self.device_.type == kind and number in ("", str(self.device_.index))

    def initialize(self):
        """Make everything that a training needs out of the parameters."""
        super().initialize()
        self.optimizer_device_ = self.device_
        if self.generator is not None:
            self._draw_noise_on_device()
        return self

    def initialize_history(self):
        """Begin with an empty history."""
        self.history = RowHistory()
        return self

    def _is_heard(self, *hooks):
        """Tell whether a callback has a method of its own for one of these events."""
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in hooks
        )

    def forget_training(self):
        """Drop what only a training in progress needs, the optimizer included."""
        for name in OF_A_TRAINING:
            vars(self).pop(name, None)
        return self

    def forget_callbacks(self, names):
        """Drop the callbacks of these names, and with them the data that they hold on to."""
        self.callbacks_ = [(name, cb) for name, cb in self.callbacks_ if name not in names]
        self.callbacks = list(self.callbacks_)

    def fit_loop(self, X, y=None, epochs=None, *, dataset_valid=None, **fit_params):
        """Run the epochs: `X` is the :class:`ImageDataset` to train on."""
        datasets = {"dataset_train": X, "dataset_valid": dataset_valid}
        for _ in range(self.max_epochs if epochs is None else epochs):
            start = time.perf_counter()
            self.notify("on_epoch_begin", **datasets)
            self._set_training(True)
            if self.averaged_ is not None:
                self.averaged_.put_aside()
            self.steps_.choose(self.optimizer_)
            iterator = self.get_iterator(X, training=True)
            # Anew in each epoch, so that a training that goes on draws what it would have drawn.
            with self._foreign_noise():
                self.run_single_epoch(iterator, True, "train", self.train_step)
            self._set_training(False)
            if self.averaged_ is not None and self.ema_decay is not None:
                self.averaged_.put_in_place()
            if dataset_valid is not None:
                iterator = self.get_iterator(dataset_valid, training=False)
                self.run_single_epoch(iterator, False, "valid", self.validation_step)
            self.history.record("lr", max(float(g["lr"]) for g in self.optimizer_.param_groups))
            self.history.record("seconds", time.perf_counter() - start)
            self._check_finite()
            self._end_epoch(datasets)
            if self.stop_training_:
                break
        return self

    def _foreign_noise(self):
        """Return a context in which layers that know no generator draw what ours decides."""
        if not self.module_.draws_from_process:
            return nullcontext()
        return drawing_from(self.generator, self.device_)

    def notify(self, method_name, **cb_kwargs):
        """Call the callbacks, with all cores for what they start."""
        with any_core():
            super().notify(method_name, **cb_kwargs)

    def _end_epoch(self, datasets):
        """Tell the callbacks that an epoch ends; skorch's EarlyStopping may end the training."""
        try:
            self.notify("on_epoch_end", **datasets)
        except KeyboardInterrupt:
            # skorch's EarlyStopping stops a training by raising KeyboardInterrupt; anybody
            # else's is a real Ctrl-C.
            if any(
                isinstance(cb, EarlyStopping) and cb.misses_ == cb.patience
                for _, cb in self.callbacks_
            ):
                self.stop_training_ = True
            else:
                raise

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Pass over the data once, and record the mean loss (and, training, the accuracy)."""
        losses, weights, hits = [], [], []
        for batch in iterator:
            if self.announces_batches_:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = None
            try:
                step = step_fn(batch)
            except torch.OutOfMemoryError:
                pass  # and let go of what the failed step holds, before trying smaller ones
            if step is None:
                if not training:
                    raise _validation_error(batch)
                raise self.steps_.memory_error(batch, self.batch_size)
            targets, weight = batch[1], batch.weight
            losses.append(step["loss"].detach())
            weights.append(len(targets) if weight is None else weight)
            if training:
                # Like argmax, but fast for either order of rows and classes in memory.
                predicted = step["y_pred"].detach().max(1).indices
                hits.append(_hits(predicted, targets, step.get("mixed")))
            if self.announces_batches_:
                self.history.record_batch(f"{prefix}_loss", step["loss"].item())
                self.history.record_batch(f"{prefix}_batch_size", len(targets))
                self.notify("on_batch_end", batch=batch, training=training, **step)
        if not self.announces_batches_:
            # skorch's Checkpoint reads the last batch's record when it names its files.
            self.history.new_batch()
            self.history.record_batch(f"{prefix}_batch_size", len(targets))
        # Looked at once an epoch: on a GPU each look waits until everything is computed.
        losses = torch.stack(losses).cpu().double()
        is_weighted = torch.is_tensor(weights[0])
        sizes = torch.stack([w.sum() for w in weights]) if is_weighted else torch.tensor(weights)
        sizes = sizes.to(losses)
        loss = float((losses * sizes).sum() / sizes.sum())
        self.history.record(f"{prefix}_loss", loss)
        # The name under which skorch's Checkpoint looks for an improvement.
        self.history.record(f"{prefix}_loss_best", self._is_lowest(f"{prefix}_loss", loss))
        self.history.record(f"{prefix}_batch_count", len(losses))
        if training:
            hits = torch.cat(hits).cpu().double()
            weighed = hits @ torch.cat(weights).cpu().double() if is_weighted else hits.sum()
            self.history.record("train_accuracy", float(weighed / sizes.sum()))

    def _is_lowest(self, key, loss):
        """Tell whether this epoch's loss is lower than all before it."""
        self._lowest = self._lowest or {}
        n_before = len(self.history) - 1
        n_seen, lowest = self._lowest.get(key, (0, math.inf))
        if n_seen != n_before:  # of a training that was resumed, or undone
            lowest = min((row[key] for row in self.history[:-1] if key in row), default=math.inf)
        self._lowest[key] = n_before + 1, min(lowest, loss)
        return loss < lowest

    def train_step(self, batch, **fit_params):
        """Take one optimisation step on a batch, at the schedule's learning rate."""
        if self.schedule is not None:
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * self.schedule(self.step_) * group.get("lr_factor", 1.0)
        self.step_ += 1
        if self.augment is not None:
            batch = self.steps_.augment(batch, self.history[-1, "epoch"])
        if not self.steps_.are_ours:
            step = super().train_step(batch)
            if self.averaged_ is not None:
                self.averaged_.update()
            return step
        step = self.train_step_single(batch)
        if self.announces_gradients_:
            named = TeeGenerator(self.get_all_learnable_params())
            self.notify("on_grad_computed", named_parameters=named, batch=batch, training=True)
        self.steps_.update()
        if self.averaged_ is not None:
            self.averaged_.update()
        return step

    def train_step_single(self, batch, **fit_params):
        """Compute the weighted loss of a batch and its gradients."""
        if self.announces_batches_ or self.announces_gradients_:
            self._set_training(True)  # a listener may have asked for predictions
        loss, logits = self.steps_.compute(batch)
        step = {"loss": loss, "y_pred": logits}
        mixed = getattr(batch, "mixed", None)
        return step if mixed is None else {**step, "mixed": mixed}

    def validation_step(self, batch, **fit_params):
        """Compute the weighted loss of a batch."""
        images, targets = batch
        enabled = self.inference_dtype is not None
        with torch.no_grad(), torch.autocast(images.device.type, self.inference_dtype, enabled):
            logits = self.module_(images)
        logits = logits.float() if enabled else logits
        return {"loss": self.criterion_(logits, targets, batch.weight), "y_pred": logits}

    def inference_module(self):
        """Return what computes ``forward`` and ``transform`` for predictions, fast."""
        if self._fast is None:
            self._fast = FastForward()
        # Bits are promised where the weights' type is that of the computation, on the processor.
        pads = self.inference_dtype is None and self.device_.type == "cpu"
        return self._fast.of(self.module_, pads=pads)

    def _check_finite(self):
        """Raise a ValueError if a loss or a weight is no longer finite."""
        row = self.history[-1]
        what = None
        losses = {key: row[key] for key in ("train_loss", "valid_loss") if key in row}
        for key, loss in losses.items():
            if not math.isfinite(loss):
                what = f"the {key} is {loss}"
        parameters = list(self.module_.parameters())
        # A sum tells at a glance; where it is not finite, it may only have overflowed.
        if (
            not what
            and not math.isfinite(float(sum(p.detach().sum() for p in parameters)))
            and not all(torch.isfinite(p).all() for p in parameters)
        ):
            what = "a weight of the network is not finite"
        if what:
            raise ValueError(
                f"Got a training that diverged in epoch {row['epoch']}: {what}. The likely cause "
                f"is a learning rate that is too high (lr={self.lr}) or inputs of very different "
                "magnitude; use a smaller lr, standardize=True or a StandardScaler before the "
                "network."
            )

    def __getstate__(self):
        # What a prediction needs and what the history tells; neither optimizer nor data,
        # callbacks or generators, and nothing that needs the device it was trained on.
        state = {k: v for k, v in self.__dict__.items() if k not in OF_A_TRAINING}
        state |= {"callbacks": None, "callbacks_": [], "schedule": None, "generator": None}
        state["augment"] = None
        module = self.module_
        if any(p.device.type != "cpu" for p in module.parameters()):
            module = copy.deepcopy(module).cpu()
            state["criterion_"] = copy.deepcopy(self.criterion_).cpu()
        state |= {"device": "cpu", "module": module, "module_": module}
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        if torch.is_inference_mode_enabled():
            to_be_trained(self.module_)


def _holds_weights_of(optimizer, module):
    """Tell whether all parameters of an optimizer are a module's own."""
    own = set(map(id, module.parameters()))
    return all(id(p) in own for group in optimizer.param_groups for p in group["params"])


def _shapes_of(optimizer):
    """Return the shapes of an optimizer's parameters, group by group."""
    return [[p.shape for p in group["params"]] for group in optimizer.param_groups]


def _validation_error(batch):
    return MemoryError(
        f"Got validation data of which {len(batch[1])} rows at a time need more memory than the "
        "device has; use a smaller network or another device."
    )


def _hits(predicted, targets, mixed):
    """Tell which predictions are right; of mixed images, how much of each."""
    hits = predicted == targets
    if mixed is None:
        return hits
    others, share = mixed
    return share * hits + (1 - share) * (predicted == others[1])
