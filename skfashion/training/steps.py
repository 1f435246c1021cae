"""How a batch becomes an optimisation step: of several ways, the fastest that suits."""

import torch
from torch import nn

from skfashion.training._torch import has_global_hooks
from skfashion.training.batch_norm import batch_norms
from skfashion.training.batches import Batch
from skfashion.training.dense import DenseGradients, dense_layers
from skfashion.training.forward import pooled_by_kernels, training_forward
from skfashion.training.inference import is_watched
from skfashion.training.optimizers import make_update


class Steps:
    """The steps of one training.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    criterion : WeightedCrossEntropy
        The loss.
    scaler : torch.amp.GradScaler or None
        Scales gradients up.
    generators : list of torch.Generator
        First the training's own, then those of noise on a GPU.
    augment : Augmenter, callable or None
        Changes images.
    max_grad_norm, sam_rho, compute_dtype, compiles
        As in :class:`TrainingNet`.
    keeps_logits : bool
        Whether the logits of a step are used after the next one.
    """

    def __init__(
        self,
        module,
        criterion,
        *,
        scaler=None,
        generators=(),
        augment=None,
        max_grad_norm=None,
        sam_rho=None,
        compute_dtype=None,
        compiles=False,
        keeps_logits=False,
    ):
        self._module, self._criterion = module, criterion
        self._scaler = scaler
        self._generators = generators
        self._augment = augment
        self._max_grad_norm, self._sam_rho = max_grad_norm, sam_rho
        self._compute_dtype = compute_dtype
        self._compiled = torch.compile(module.forward) if compiles else None
        # Who hears of batches may change layers, hooks and moments in the middle of an epoch.
        self._forward, self._pools = None, []
        self._looks_anew = keeps_logits
        # A second gradient, too, is written over the first.
        self._keeps_logits = keeps_logits or sam_rho is not None
        self._optimizer = self._update = self._gradients = None

    def choose(self, optimizer):
        """Choose how a step is computed and how the optimizer takes it.

        A callback may have frozen parameters, put hooks on layers, loaded a state or exchanged the
        optimizer since the last epoch; one that hears of batches, all but the last of these since
        the last batch.
        """
        self._optimizer, self._update = optimizer, make_update(optimizer)
        self._choose_forward()
        parameters = list(self._module.parameters())
        is_plain = (
            all(p.requires_grad and p.device.type == "cpu" for p in parameters)
            and not is_watched(self._module)
            and not has_global_hooks()
            and self._module.has_plain_forward
            and self._compute_dtype is None
            and self._update is not None
            and not (self._augment is not None and self._augment.mixes)
            and self._criterion.is_plain
        )
        layers = dense_layers(self._module) if is_plain else None
        if layers is None:
            self._gradients = None
        elif self._gradients is None or self._gradients.layers != layers:
            self._gradients = DenseGradients(self._module, layers, self._criterion)

    def _choose_forward(self):
        if self._compiled is None:
            self._forward, self._pools = training_forward(self._module)
        else:
            self._forward = self._compiled

    @property
    def are_ours(self):
        """Whether :meth:`update` takes the step; otherwise the optimizer asks for the loss."""
        return self._update is not None or self._scaler is not None

    def augment(self, batch, epoch):
        """Return a batch whose images are changed, and mixed with each other if that is asked."""
        (images, targets), generator = batch, self._generators[0]
        images = self._augment(images, batch.rows, epoch, generator)
        mixed = None
        if self._augment.mixes:
            images, partners, share = self._augment.mix(images, generator)
            others = Batch((None, targets[partners]))
            others.weight = None if batch.weight is None else batch.weight[partners]
            soft = batch.soft_targets
            others.soft_targets = None if soft is None else soft[partners]
            mixed = others, share
        changed = Batch((images, targets))
        changed.weight, changed.rows, changed.mixed = batch.weight, batch.rows, mixed
        changed.soft_targets = batch.soft_targets
        return changed

    def compute(self, batch):
        """Return the weighted loss of a batch and its logits; leave gradients behind."""
        generators = [] if self._sam_rho is None else self._generators
        states = [generator.get_state() for generator in generators]
        loss, logits = self._compute(batch)
        if self._sam_rho is not None:
            # The same loss again, with the same values dropped.
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            self._look_uphill(batch)
        if self._max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._module.parameters(), self._max_grad_norm)
        return loss, logits

    def _compute(self, batch):
        """Return loss and logits of a batch; gradients are left in the parameters."""
        images, targets = batch
        if self._looks_anew:
            self.choose(self._optimizer)
        if self._gradients is not None:
            loss, logits = self._gradients(images, targets, batch.weight, batch.soft_targets)
            return loss, logits.clone() if self._keeps_logits else logits
        for parameter in self._module.parameters():
            parameter.grad = None
        frozen = batch_norms(self._module) if len(images) == 1 else []
        for layer in frozen:
            # One row has no variance to learn from: use the running statistics.
            layer.eval()
        # Also around the gradients, for which checkpoints of PyTorch's compute once more.
        with pooled_by_kernels(self._pools):
            logits = self.forward(images)
            loss = self._loss(logits, batch)
            (loss if self._scaler is None else self._scaler.scale(loss)).backward()
        for layer in frozen:
            layer.train()
        if self._scaler is not None:
            self._scaler.unscale_(self._optimizer)
        return loss, logits

    def _loss(self, logits, batch):
        """Return the loss of a batch, of mixed images for both of their labels."""
        criterion = self._criterion
        if batch.mixed is None:
            return criterion(logits, batch[1], batch.weight, batch.soft_targets)
        # Each of an image's two labels weighs what its own image does, times its share.
        others, share = batch.mixed
        total = whole = 0.0
        for part, known in ((share, batch), (1 - share, others)):
            if part > 0:
                weight = known.weight
                part = part if weight is None else part * weight.sum()
                total = total + part * criterion(logits, known[1], weight, known.soft_targets)
                whole = whole + part
        return total / whole

    def _look_uphill(self, batch):
        """Replace the gradients by those a step uphill from here."""
        parameters = [p for p in self._module.parameters() if p.grad is not None]
        with torch.no_grad():
            norm = torch.linalg.vector_norm(
                torch.stack([torch.linalg.vector_norm(p.grad) for p in parameters])
            )
            # Buffers as well: batch norm's statistics are to be those of the weights that stay.
            tensors = [*parameters, *self._module.buffers()]
            before = [tensor.detach().clone() for tensor in tensors]
            for parameter in parameters:
                parameter.add_(parameter.grad * (self._sam_rho / (norm + 1e-12)))
        self._compute(batch)
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)

    def update(self):
        """Let the optimizer take a step along the gradients."""
        if self._scaler is None:
            self._update()
        else:
            self._scaler.step(self._optimizer)
            self._scaler.update()

    def forward(self, images):
        """Return the logits in training, in the weights' dtype."""
        if self._forward is None:
            self._choose_forward()
        dtype = self._compute_dtype
        if dtype is None:
            return self._forward(images)
        with torch.autocast(images.device.type, dtype):
            logits = self._forward(images)
        return logits.float()

    def memory_error(self, batch, batch_size):
        """Return an error that says which batch size would fit, after one that does not."""
        images, targets = batch
        size = len(images)
        while (size := size // 2) > 1:  # a single row has no variance for batch norm
            for parameter in self._module.parameters():
                parameter.grad = None
            try:
                self._criterion(self.forward(images[:size]), targets[:size]).backward()
            except torch.OutOfMemoryError:
                continue
            break
        advice = f"use batch_size={size}, which fits" if size > 1 else "use a smaller network"
        return MemoryError(
            f"Got batch_size={batch_size}, for which the memory of the device is not "
            f"enough; {advice}."
        )
