"""How a batch becomes an optimisation step: of several ways, the fastest that suits."""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from skfashion.training.dense import DenseGradients, dense_layers
from skfashion.training.inference import is_watched
from skfashion.training.optimizers import make_update


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
        # float16 has so small a range that gradients must be scaled up; bfloat16 has not.
        half = net.compute_dtype is torch.float16
        self.scaler = torch.amp.GradScaler(net.device) if half else None
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
        )
        layers = dense_layers(net.module_) if is_plain else None
        if layers is None:
            self._gradients = None
        elif self._gradients is None:
            self._gradients = DenseGradients(net.module_, layers, net.criterion_.label_smoothing)

    @property
    def are_ours(self):
        """Whether :meth:`update` takes the step; otherwise the optimizer asks for the loss."""
        return self._update is not None or self.scaler is not None

    def compute(self, batch):
        """Return the weighted loss of a batch and its logits; leave gradients behind."""
        images, targets = batch
        if self._gradients is not None:
            loss, logits = self._gradients(images, targets, batch.weight)
            # A listener may keep what it hears; the buffer is written again in the next step.
            return loss, logits.clone() if self._net.announces_batches_ else logits
        for parameter in self._net.module_.parameters():
            parameter.grad = None
        frozen = self._batch_norms() if len(images) == 1 else []
        for layer in frozen:
            # One row has no variance to learn from: use the running statistics.
            layer.eval()
        logits = self.forward(images)
        loss = self._net.criterion_(logits, targets, batch.weight)
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        for layer in frozen:
            layer.train()
        if self.scaler is not None:
            self.scaler.unscale_(self._net.optimizer_)
        return loss, logits

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
