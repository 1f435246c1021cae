"""Predictions, loss and gradients of a multilayer perceptron, written out.

The same numbers as PyTorch's modules and autograd's, the gradients up to rounding, in less time:
no module is called, nothing is recorded, every gradient's result goes into a buffer that is there
already and is written where the optimizer reads it.
"""

import torch
from torch import nn

from skfashion.training.products import linear_product, product_of_columns


def _relu_backward(grad, out):
    torch.ops.aten.threshold_backward.grad_input(grad, out, 0, grad_input=grad)


def _sigmoid_backward(grad, out):
    torch.ops.aten.sigmoid_backward.grad_input(grad, out, grad_input=grad)


def _tanh_backward(grad, out):
    torch.ops.aten.tanh_backward.grad_input(grad, out, grad_input=grad)


# Layer class -> the function in place, and the gradient in place, given the function's value.
ACTIVATIONS = {
    nn.ReLU: (torch.relu_, _relu_backward),
    nn.Sigmoid: (torch.sigmoid_, _sigmoid_backward),
    nn.Tanh: (torch.tanh_, _tanh_backward),
    nn.Identity: (lambda x: x, lambda grad, out: None),
}


def dense_layers(module):
    """Return the linear layers and activations of a network, None if it has others.

    Parameters
    ----------
    module : torch.nn.Module
        With ``standardize``, ``features`` (a sequence of layers) and ``head``.

    Returns
    -------
    list of (torch.nn.Linear, type)
        Each linear layer and the class of the activation that follows it.
    """
    first, *layers = module.features
    layers += [module.head, nn.Identity()]
    linear, activations = layers[::2], layers[1::2]
    suits = (
        type(first) is nn.Flatten
        and len(layers) % 2 == 0
        and all(type(layer) is nn.Linear and layer.bias is not None for layer in linear)
        and all(type(layer) in ACTIVATIONS for layer in activations)
    )
    return list(zip(linear, map(type, activations), strict=True)) if suits else None


class DenseForward:
    """What a network in evaluation mode computes, without the cost of calling its modules.

    The very operations of the modules, so that the bits are the same. Weights and statistics are
    read anew each time.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    layers : list of (torch.nn.Linear, type)
        See :func:`dense_layers`.
    """

    def __init__(self, module, layers):
        self._module = module
        self._layers = [(linear, ACTIVATIONS[activation][0]) for linear, activation in layers]
        self._parts = self._all_parts()

    def is_current(self, module):
        """Tell whether this is how `module` computes, its layers the same and without hooks."""
        return (
            module is self._module
            and self._parts == self._all_parts()
            and not any(part._forward_hooks or part._forward_pre_hooks for part in self._parts)
        )

    def _all_parts(self):
        module = self._module
        return [module, module.standardize, module.features, *module.features, module.head]

    def transform(self, images):
        """Return the activations before the last layer: ``(n, c, h, w) -> (n, d)``."""
        return self._apply(images, self._layers[:-1])

    def forward(self, images):
        """Return the logits: ``(n, c, h, w) -> (n, k)``."""
        return self._apply(images, self._layers)

    def _apply(self, images, layers):
        value = self._module.standardize.forward(images).flatten(1)
        for linear, activate in layers:
            value = activate(torch.addmm(linear.bias, value, linear.weight.t()))
        return value


class DenseGradients:
    """Compute the weighted cross-entropy of a batch and its gradients.

    Parameters
    ----------
    module : torch.nn.Module
        The network, on the CPU.
    layers : list of (torch.nn.Linear, type)
        See :func:`dense_layers`.
    label_smoothing : float
        Share of the target probability that is spread evenly over all classes.
    """

    def __init__(self, module, layers, label_smoothing):
        self._pixels = _Pixels(module.standardize)
        self._layers = [(linear, *ACTIVATIONS[activation]) for linear, activation in layers]
        self._label_smoothing = label_smoothing
        self._buffers = {}
        parameters = [p for linear, _ in layers for p in (linear.weight, linear.bias)]
        self._gradients = [(p, torch.zeros_like(p)) for p in parameters]

    @torch.no_grad()
    def __call__(self, images, targets, weight):
        """Fill the gradients of all parameters.

        Parameters
        ----------
        images : tensor (n, c, h, w)
        targets : int64 tensor (n,)
        weight : float tensor (n,) or None

        Returns
        -------
        loss : tensor ()
            The weighted mean.
        logits : tensor (n, k)
            In a buffer: valid until the next call.
        """
        for parameter, gradient in self._gradients:
            if parameter.grad is not gradient:
                parameter.grad = gradient
        n_rows = len(images)
        if n_rows not in self._buffers:
            self._buffers[n_rows] = _Buffers(images, self._layers, self._label_smoothing)
        buffers = self._buffers[n_rows]
        value = self._pixels(images, buffers.pixels)
        inputs, values = [], []
        for (linear, activate, _), out in zip(self._layers[:-1], buffers.outputs, strict=True):
            inputs.append(value)
            value = activate(linear_product(value, linear.weight, linear.bias, out))
            values.append(value)
        head = self._layers[-1][0]
        # Classes by rows: a softmax of ten numbers, which lie apart, for many rows at a time uses
        # vector instructions, which one of ten numbers side by side does not.
        torch.addmm(head.bias.unsqueeze(1), head.weight, value.t(), out=buffers.logits)
        loss = self._loss(buffers, targets, weight)
        torch.mm(buffers.of_logits, value, out=head.weight.grad)
        torch.sum(buffers.of_logits, 1, out=head.bias.grad)
        of_value, after = buffers.of_logits.t(), head
        for i in range(len(inputs) - 1, -1, -1):
            linear, _, backward = self._layers[i]
            of_value = torch.mm(of_value, after.weight, out=buffers.of_outputs[i])
            backward(of_value, values[i])
            product_of_columns(of_value, inputs[i], linear.weight.grad)
            torch.sum(of_value, 0, out=linear.bias.grad)
            after = linear
        return loss, buffers.logits.t()

    def _loss(self, buffers, targets, weight):
        """Return the loss; write its gradient with respect to the logits."""
        smoothing, of_logits = self._label_smoothing, buffers.of_logits
        n_classes, n_rows = of_logits.shape
        logs = torch.log_softmax(buffers.logits, 0)
        torch.exp(logs, out=of_logits)
        targets = targets.unsqueeze(0)
        of_logits.scatter_add_(0, targets, buffers.minus)
        if smoothing:
            of_logits.sub_(smoothing / n_classes)
        losses = logs.gather(0, targets)
        if smoothing:
            losses = (1 - smoothing) * losses + smoothing * logs.mean(0)
        if weight is None:
            of_logits.mul_(1 / n_rows)
            return losses.mean().neg_()
        share = weight / weight.sum()
        of_logits.mul_(share)
        return -(losses[0] @ share)


class _Buffers:
    """Where the results of a batch of some size go."""

    def __init__(self, images, layers, label_smoothing):
        n_rows, like = len(images), layers[0][0].weight
        n_classes = layers[-1][0].out_features
        hidden = [linear.out_features for linear, *_ in layers[:-1]]
        self.pixels = like.new_empty(n_rows, images[0].numel())
        self.outputs = [like.new_empty(n_rows, size) for size in hidden]
        self.of_outputs = [like.new_empty(n_rows, size) for size in hidden]
        self.logits, self.of_logits = like.new_empty(2, n_classes, n_rows)
        # What the probability of the true class is reduced by.
        self.minus = like.new_full((1, n_rows), label_smoothing - 1)


class _Pixels:
    """What ``standardize`` does to a batch, as rows, with one pass over grey images."""

    def __init__(self, standardize):
        self._standardize = standardize
        self._is_grey = standardize.mean.numel() == 1
        self._is_identity = standardize.is_identity()
        if self._is_grey:
            self._factor = 1 / standardize.scale.item()
            self._shift = -standardize.mean.flatten() * self._factor

    def __call__(self, images, out):
        """Return the rows ``(n, c*h*w)``, in `out` unless they are there already."""
        if self._is_identity and images.dtype == out.dtype:
            return images.flatten(1)
        if not (self._is_identity or self._is_grey):
            return self._standardize(images).flatten(1)
        out.view(images.shape).copy_(images)
        if self._is_identity:
            return out
        return torch.add(self._shift, out, alpha=self._factor, out=out)
