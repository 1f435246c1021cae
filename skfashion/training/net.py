"""The skorch net that trains a module: weighted loss, a lean loop, no swallowed Ctrl-C."""

import copy
import math
import time

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from torch.nn.modules.batchnorm import _BatchNorm

from skfashion.training.batches import BatchIterator, ImageDataset
from skfashion.training.callbacks import Progress
from skfashion.training.losses import WeightedCrossEntropy

BATCH_HOOKS = ("on_batch_begin", "on_batch_end")

# Rows of a block when skorch's own methods predict or validate.
EVALUATION_BATCH_SIZE = 256


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

    @property
    def _default_callbacks(self):
        # What skorch's defaults record, the loop below records itself.
        return []

    def get_iterator(self, dataset, training=False):
        """Return an iterator over whole batches, in a new order each time when training."""
        if training:
            return self.iterator_train(dataset, self.batch_size, self.generator)
        return self.iterator_valid(dataset, EVALUATION_BATCH_SIZE)

    def train(self, dataset, dataset_valid=None, *, epochs):
        """Train for at most `epochs` epochs; callbacks may end it earlier.

        Raises
        ------
        ValueError
            If the loss or a weight is no longer finite after an epoch.
        """
        self.step_ = 0
        hooks = [getattr(type(cb), hook) for _, cb in self.callbacks_ for hook in BATCH_HOOKS]
        plain = {getattr(Callback, hook) for hook in BATCH_HOOKS}
        # Batches are announced, and their losses fetched, only where somebody listens.
        self.announces_batches_ = not plain.issuperset(hooks)
        self.stop_training_ = False
        try:
            self.notify("on_train_begin", X=dataset, y=None)
            self.fit_loop(dataset, dataset_valid=dataset_valid, epochs=epochs)
            self.notify("on_train_end", X=dataset, y=None)
        finally:
            for _, callback in self.callbacks_:
                if isinstance(callback, Progress):
                    callback.close()
        self._set_training(False)
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
            iterator = self.get_iterator(X, training=True)
            self.run_single_epoch(iterator, True, "train", self.train_step)
            self._set_training(False)
            if dataset_valid is not None:
                iterator = self.get_iterator(dataset_valid, training=False)
                self.run_single_epoch(iterator, False, "valid", self.validation_step)
            self.history.record("lr", float(self.optimizer_.param_groups[0]["lr"]))
            self.history.record("seconds", time.perf_counter() - start)
            self._check_finite()
            self._end_epoch(datasets)
            if self.stop_training_:
                break
        return self

    def _end_epoch(self, datasets):
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
        losses, sizes, hits = [], [], []
        for batch in iterator:
            if self.announces_batches_:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch)
            weight = batch.weight
            losses.append(step["loss"].detach())
            sizes.append(float(len(batch[1])) if weight is None else weight.sum())
            hit = step["y_pred"].detach().argmax(1) == batch[1]
            hits.append(hit.sum() if weight is None else (hit * weight).sum())
            if self.announces_batches_:
                self.history.record_batch(f"{prefix}_loss", step["loss"].item())
                self.history.record_batch(f"{prefix}_batch_size", len(batch[1]))
                self.notify("on_batch_end", batch=batch, training=training, **step)
        sizes = torch.as_tensor(sizes, dtype=torch.float64, device=losses[0].device)
        loss = float((torch.stack(losses) * sizes).sum() / sizes.sum())
        earlier = self.history[:-1, f"{prefix}_loss"] if len(self.history) > 1 else []
        self.history.record(f"{prefix}_loss", loss)
        # The name under which skorch's Checkpoint looks for an improvement.
        self.history.record(f"{prefix}_loss_best", loss < min(earlier, default=float("inf")))
        self.history.record(f"{prefix}_batch_count", len(losses))
        if training:
            self.history.record("train_accuracy", float(torch.stack(hits).sum() / sizes.sum()))

    def train_step(self, batch, **fit_params):
        """Take one optimisation step on a batch, at the schedule's learning rate."""
        if self.schedule is not None:
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * self.schedule(self.step_)
        self.step_ += 1
        return super().train_step(batch)

    def train_step_single(self, batch, **fit_params):
        """Compute the weighted loss of a batch and its gradients."""
        images, targets = batch
        frozen = self._batch_norms() if len(images) == 1 else []
        for layer in frozen:
            # One row has no variance to learn from: use the running statistics.
            layer.eval()
        logits = self.module_(images)
        loss = self.criterion_(logits, targets, batch.weight)
        loss.backward()
        for layer in frozen:
            layer.train()
        return {"loss": loss, "y_pred": logits}

    def _batch_norms(self):
        return [layer for layer in self.module_.modules() if isinstance(layer, _BatchNorm)]

    def validation_step(self, batch, **fit_params):
        """Compute the weighted loss of a batch."""
        images, targets = batch
        with torch.no_grad():
            logits = self.module_(images)
            loss = self.criterion_(logits, targets, batch.weight)
        return {"loss": loss, "y_pred": logits}

    def _check_finite(self):
        row = self.history[-1]
        what = None
        losses = {key: row[key] for key in ("train_loss", "valid_loss") if key in row}
        for key, loss in losses.items():
            if not math.isfinite(loss):
                what = f"the {key} is {loss}"
        if not what and not all(torch.isfinite(p).all() for p in self.module_.parameters()):
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
        left_behind = {"optimizer_", "optimizer_device_"}
        state = {k: v for k, v in self.__dict__.items() if k not in left_behind}
        state |= {"callbacks": None, "callbacks_": [], "schedule": None, "generator": None}
        module = self.module_
        if any(p.device.type != "cpu" for p in module.parameters()):
            module = copy.deepcopy(module).cpu()
        state |= {"device": "cpu", "module": module, "module_": module}
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
