"""How a batch becomes an optimisation step: of several ways, the fastest that suits."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from skfashion.training.batches import Batch
from skfashion.training.dense import DenseGradients, dense_layers
from skfashion.training.inference import is_watched
from skfashion.training.optimizers import make_update
from skfashion.training.states import generators_of


class Steps:
    """The steps of one training.

    Parameters
    ----------
    net : TrainingNet
        Initialised: what is trained.
    """

    def __init__(self, net):
        self._net = net
        module = net.module_
        self._forward = torch.compile(module.forward) if net.compiles else module.__call__
        # float16 has so small a range that gradients must be scaled up; bfloat16 has not. By how
        # much is learned in training, so the net keeps it from one call of partial_fit to the next.
        if net.compute_dtype is torch.float16 and net.scaler_ is None:
            net.scaler_ = torch.amp.GradScaler(net.device)
        self.scaler = net.scaler_
        self._update = self._gradients = None

    def choose(self):
        """Choose, for an epoch, how gradients are computed and how the optimizer takes its step.

        A callback may have frozen parameters or put hooks on layers since the last epoch.
        """
        net = self._net
        self._update = make_update(net.optimizer_)
        parameters = list(net.module_.parameters())
        is_plain = (
            all(p.requires_grad and p.device.type == "cpu" for p in parameters)
            and not is_watched(net.module_)
            and net.compute_dtype is None
            and self._update is not None
            and not (net.augment is not None and net.augment.mixes)
            and net.criterion_.is_plain
        )
        layers = dense_layers(net.module_) if is_plain else None
        if layers is None:
            self._gradients = None
        elif self._gradients is None:
            self._gradients = DenseGradients(net.module_, layers, net.criterion_)

    @property
    def are_ours(self):
        """Whether :meth:`update` takes the step; otherwise the optimizer asks for the loss."""
        return self._update is not None or self.scaler is not None

    def augment(self, batch):
        """Return a batch whose images are changed, and mixed with each other if that is asked."""
        net, (images, targets) = self._net, batch
        epoch = net.history[-1, "epoch"]
        images = net.augment(images, batch.rows, epoch, net.generator)
        mixed = None
        if net.augment.mixes:
            images, partners, share = net.augment.mix(images, net.generator)
            weight = None if batch.weight is None else batch.weight[partners]
            mixed = targets[partners], weight, share
        changed = Batch((images, targets))
        changed.weight, changed.rows, changed.mixed = batch.weight, batch.rows, mixed
        return changed

    def compute(self, batch):
        """Return the weighted loss of a batch and its logits; leave gradients behind."""
        generators = [] if self._net.sam_rho is None else generators_of(self._net)
        states = [generator.get_state() for generator in generators]
        loss, logits = self._compute(batch)
        if self._net.sam_rho is not None:
            # The same loss again, with the same values dropped.
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            self._look_uphill(batch)
        if self._net.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._net.module_.parameters(), self._net.max_grad_norm)
        return loss, logits

    def _compute(self, batch):
        images, targets = batch
        if self._gradients is not None:
            loss, logits = self._gradients(images, targets, batch.weight)
            # A listener may keep what it hears, and a second gradient is written over the first.
            keep = self._net.announces_batches_ or self._net.sam_rho is not None
            return loss, logits.clone() if keep else logits
        for parameter in self._net.module_.parameters():
            parameter.grad = None
        frozen = self._batch_norms() if len(images) == 1 else []
        for layer in frozen:
            # One row has no variance to learn from: use the running statistics.
            layer.eval()
        logits = self.forward(images)
        loss = self._loss(logits, batch)
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        for layer in frozen:
            layer.train()
        if self.scaler is not None:
            self.scaler.unscale_(self._net.optimizer_)
        return loss, logits

    def _loss(self, logits, batch):
        criterion = self._net.criterion_
        if batch.mixed is None:
            return criterion(logits, batch[1], batch.weight)
        # Each of an image's two labels weighs what its own image does, times its share.
        others, weight_of_others, share = batch.mixed
        total = whole = 0.0
        for part, targets, weight in (
            (share, batch[1], batch.weight),
            (1 - share, others, weight_of_others),
        ):
            if part > 0:
                part = part if weight is None else part * weight.sum()
                total = total + part * criterion(logits, targets, weight)
                whole = whole + part
        return total / whole

    def _look_uphill(self, batch):
        """Replace the gradients by those a step uphill from here."""
        parameters = [p for p in self._net.module_.parameters() if p.grad is not None]
        with torch.no_grad():
            norm = torch.linalg.vector_norm(
                torch.stack([torch.linalg.vector_norm(p.grad) for p in parameters])
            )
            # Buffers as well: batch norm's statistics are to be those of the weights that stay.
            tensors = [*parameters, *self._net.module_.buffers()]
            before = [tensor.detach().clone() for tensor in tensors]
            for parameter in parameters:
                parameter.add_(parameter.grad * (self._net.sam_rho / (norm + 1e-12)))
        self._compute(batch)
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)

    def update(self):
        """Let the optimizer take a step along the gradients."""
        if self.scaler is None:
            self._update()
        else:
            self.scaler.step(self._net.optimizer_)
            self.scaler.update()

    def forward(self, images):
        """Return the logits in training, in the weights' dtype."""
        dtype = self._net.compute_dtype
        if dtype is None:
            return self._forward(images)
        with torch.autocast(images.device.type, dtype):
            logits = self._forward(images)
        return logits.float()

    def memory_error(self, batch):
        """Return an error that says which batch size would fit, after one that does not."""
        images, targets = batch
        size = len(images)
        while (size := size // 2) > 1:  # a single row has no variance for batch norm
            for parameter in self._net.module_.parameters():
                parameter.grad = None
            try:
                self._net.criterion_(self.forward(images[:size]), targets[:size]).backward()
            except torch.OutOfMemoryError:
                continue
            break
        advice = f"use batch_size={size}, which fits" if size > 1 else "use a smaller network"
        return MemoryError(
            f"Got batch_size={self._net.batch_size}, for which the memory of the device is not "
            f"enough; {advice}."
        )

    def _batch_norms(self):
        return [layer for layer in self._net.module_.modules() if isinstance(layer, _BatchNorm)]
