"""Predictions, loss and gradients of a multilayer perceptron, written out.

The same numbers as PyTorch's modules and autograd's, the gradients up to rounding, in less time:
no module is called, nothing is recorded, and what a gradient needs goes into buffers that are there
already (but for large products, which oneDNN returns in new memory).
"""

from contextlib import nullcontext
from functools import partial

import torch
from torch import nn
from torch.nn.functional import pad

from skfashion.parallel.threads import borrowed_threads
from skfashion.training.activations import ROUNDED, in_vectors
from skfashion.training.arithmetic import filling, product

# To a multiple of so many rows, of more where that is untried, and of so many columns products are
# filled up for predictions. The columns give them the same bits with every number of threads.
ROWS, COLUMNS = 4, 16
# Predictions of at most so many multiplications take one thread: a second one is not worth waiting
# for, least of all where other processes compute, too.
FEW = 2**22


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
    list of (torch.nn.Linear or PaddedLinear, type)
        Each linear layer and the class of the activation that follows it.
    """
    if not isinstance(module.features, nn.Sequential):
        return None
    first, *layers = module.features
    layers += [module.head, nn.Identity()]
    linear, activations = layers[::2], layers[1::2]
    suits = (
        type(first) is nn.Flatten
        and len(layers) % 2 == 0
        and all(map(_is_affine, linear))
        and all(type(layer) in ACTIVATIONS for layer in activations)
    )
    return list(zip(linear, map(type, activations), strict=True)) if suits else None


def _is_affine(layer):
    return type(layer) is PaddedLinear or (type(layer) is nn.Linear and layer.bias is not None)


class PaddedLinear(nn.Module):
    """A linear layer, and a batch norm behind it, that give a row the same bits in any company.

    MKL's products of at least four rows do so where the second matrix has a multiple of 16 columns
    and, in float64, lies in memory row by row; with one thread and with sixteen (on AMD's
    processors, seen with PyTorch 2.14.1).

    Parameters
    ----------
    weight : tensor (m, d)
    bias : tensor (m,) or None
    batch_norm : torch.nn.BatchNorm1d or None
        In evaluation mode.
    """

    def __init__(self, weight, bias=None, batch_norm=None):
        super().__init__()
        self.out_features, self.n_weights = len(weight), weight.numel()
        n_padding = -len(weight) % COLUMNS
        # Parameters that are read anew each time are parameters of this module, and no others.
        self.reads_weight = weight.dtype is torch.float32 and not n_padding
        if not self.reads_weight:
            weight = pad(weight.detach(), (0, 0, 0, n_padding)).t().contiguous()
        shift, scale = weight.new_zeros(self.out_features) if bias is None else bias, None
        if batch_norm is not None:
            scale = batch_norm.weight / (batch_norm.running_var + batch_norm.eps).sqrt()
            shift = batch_norm.bias + (shift - batch_norm.running_mean) * scale
            scale = pad(scale.detach(), (0, n_padding))
        self.weight, self.scale = weight, scale
        self.shift = pad(shift.detach(), (0, n_padding)) if n_padding else shift

    def products(self, rows):
        """Return the values of a multiple of four rows, padded: ``(n, d) -> (n, p)``."""
        weight = self.weight.t() if self.reads_weight else self.weight
        if self.scale is None:
            return torch.addmm(self.shift, rows, weight)
        return torch.addcmul(self.shift, torch.mm(rows, weight), self.scale)

    def forward(self, x):
        """Return the values: ``(..., d) -> (..., m)``."""
        rows = x.flatten(0, -2)
        padded = pad(rows, (0, 0, 0, -len(rows) % filling(ROWS)))
        return self.products(padded)[: len(rows), : self.out_features].unflatten(0, x.shape[:-1])


class DenseForward:
    """What a network in evaluation mode computes, without the cost of calling its modules.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    layers : list of (torch.nn.Linear or PaddedLinear, type)
        See :func:`dense_layers`. If all are padded ones, a row has the same bits in any company of
        a multiple of four.
    """

    def __init__(self, module, layers):
        self._standardize = module.standardize
        self._layers = [
            (*_products_of(layer), _activation_of(activation)) for layer, activation in layers
        ]
        are_padded = all(isinstance(layer, PaddedLinear) for layer, _ in layers)
        # The bits of other products may depend on the number of threads.
        self._few_rows = FEW // sum(layer.n_weights for layer, _ in layers) if are_padded else 0

    def transform(self, images):
        """Return the activations before the last layer: ``(n, c, h, w) -> (n, d)``."""
        return self._apply(images, self._layers[:-1])

    def __call__(self, images):
        """Return the logits: ``(n, c, h, w) -> (n, k)``."""
        return self._apply(images, self._layers)

    def _apply(self, images, layers):
        value = self._standardize.forward(images).flatten(1)
        with borrowed_threads(1) if value.shape[0] <= self._few_rows else nullcontext():
            for products, n_columns, activate in layers:
                value = activate(products(value))
                value = value if n_columns is None else value[:, :n_columns]
        return value


def _products_of(layer):
    """Return what computes a linear layer of rows, and how many columns count, None for all."""
    if not isinstance(layer, PaddedLinear):
        return partial(_affine, layer), None
    return layer.products, layer.out_features if layer.out_features % COLUMNS else None


def _activation_of(cls):
    """Return a function that computes an activation, in place where it can."""
    function, _ = ACTIVATIONS[cls]
    return partial(in_vectors, function) if cls in ROUNDED else function


def _affine(layer, rows):
    return torch.addmm(layer.bias, rows, layer.weight.t())


class DenseGradients:
    """Compute the weighted cross-entropy of a batch and its gradients.

    Parameters
    ----------
    module : torch.nn.Module
        The network, on the CPU.
    layers : list of (torch.nn.Linear, type)
        See :func:`dense_layers`.
    criterion : WeightedCrossEntropy
        The loss, a plain one.
    """

    def __init__(self, module, layers, criterion):
        self.layers = layers
        self._pixels = _Pixels(module.standardize)
        self._layers = [_Layer(linear, *ACTIVATIONS[activation]) for linear, activation in layers]
        self._label_smoothing = criterion.label_smoothing
        self._offset = None if criterion.offset is None else criterion.offset.unsqueeze(1)
        self._soft_weight, self._temperature = criterion.soft_weight, criterion.temperature
        self._buffers = {}

    @torch.no_grad()
    def __call__(self, images, targets, weight, soft_targets=None):
        """Fill the gradients of all parameters.

        Parameters
        ----------
        images : tensor (n, c, h, w)
        targets : int64 tensor (n,)
        weight : float tensor (n,) or None
        soft_targets : float tensor (n, k) or None

        Returns
        -------
        loss : tensor ()
            The weighted mean.
        logits : tensor (n, k)
            In a buffer: valid until the next call.
        """
        n_rows = len(images)
        if n_rows not in self._buffers:
            self._buffers[n_rows] = _Buffers(images, self._layers, self._label_smoothing)
        buffers = self._buffers[n_rows]
        # All values are neurons by rows. That suits every product, the softmax, which uses vector
        # instructions where the numbers of one row lie apart, and the sums of the biases.
        rows = self._pixels(images, buffers.pixels)
        inputs = [(rows.t(), rows)]
        for layer, (out, transposed) in zip(self._layers, buffers.values, strict=True):
            layer.look()
            value = layer.activate(product(layer.weight, inputs[-1][0], out, layer.column))
            inputs.append((value, transposed if value is out else value.t()))
        logits, logits_of_rows = inputs.pop()
        loss, gradient = self._loss(logits, buffers, targets, weight, soft_targets)
        for i in range(len(inputs) - 1, -1, -1):
            layer, (value, rows) = self._layers[i], inputs[i]
            layer.weight.grad = product(gradient, rows, layer.of_weight)
            layer.bias.grad = torch.sum(gradient, 1, out=layer.of_bias)
            if i:
                gradient = torch.mm(layer.transposed, gradient, out=buffers.gradients[i - 1])
                self._layers[i - 1].backward(gradient, value)
        return loss, logits_of_rows

    def _loss(self, logits, buffers, targets, weight, soft_targets):
        """Return the loss, and its gradient with respect to the logits: (k, n) -> (), (k, n)."""
        smoothing, gradient = self._label_smoothing, buffers.gradients[-1]
        n_classes, n_rows = logits.shape
        logits = logits if self._offset is None else logits + self._offset
        logs = torch.log_softmax(logits, 0)
        torch.exp(logs, out=gradient)
        targets = targets.unsqueeze(0)
        gradient.scatter_add_(0, targets, buffers.minus)
        if smoothing:
            gradient.sub_(smoothing / n_classes)
        losses = logs.gather(0, targets)
        if smoothing:
            losses = (1 - smoothing) * losses + smoothing * logs.mean(0)
        if soft_targets is not None:
            losses = self._add_soft_targets(losses, gradient, logits, soft_targets.t())
        if weight is None:
            return losses.mean().neg_(), gradient.mul_(1 / n_rows)
        share = weight / weight.sum()
        return -(losses[0] @ share), gradient.mul_(share)

    def _add_soft_targets(self, losses, gradient, logits, soft_targets):
        """Return the negative losses with the term of soft targets (k, n), and its gradient's."""
        share, temperature = self._soft_weight, self._temperature
        logs = torch.log_softmax(logits / temperature, 0)
        gradient.mul_(1 - share).add_(logs.exp() - soft_targets, alpha=share * temperature)
        soft = (soft_targets * logs).sum(0, keepdim=True)
        return (1 - share) * losses + share * temperature**2 * soft


class _Layer:
    """A linear layer, its activation, and views that cost more to make than small products do."""

    def __init__(self, linear, activate, backward):
        self._linear, self.activate, self.backward = linear, activate, backward
        self.of_weight = torch.empty_like(linear.weight)
        self.of_bias = torch.empty_like(linear.bias)
        self.weight = self.bias = self._places = None

    def look(self):
        """Make the views anew if the parameters are others, or lie elsewhere: a callback may."""
        weight, bias = self._linear.weight, self._linear.bias
        places = weight.data_ptr(), bias.data_ptr()
        if weight is not self.weight or bias is not self.bias or places != self._places:
            self.weight, self.bias, self._places = weight, bias, places
            self.transposed, self.column = weight.t(), bias.unsqueeze(1)


class _Buffers:
    """Where the results of a batch of some size go."""

    def __init__(self, images, layers, label_smoothing):
        n_rows, like = len(images), layers[0].of_weight
        sizes = [len(layer.of_bias) for layer in layers]
        self.pixels = like.new_empty(n_rows, images[0].numel())
        values = [like.new_empty(size, n_rows) for size in sizes]
        self.values = [(value, value.t()) for value in values]
        self.gradients = [like.new_empty(size, n_rows) for size in sizes]
        # What the probability of the true class is reduced by.
        self.minus = like.new_full((1, n_rows), label_smoothing - 1)


class _Pixels:
    """What ``standardize`` does to a batch, as rows, with one pass over grey images."""

    def __init__(self, standardize):
        self._standardize = standardize
        self._is_identity = standardize.is_identity()
        # A mean so large that the difference of two products would lose its digits is subtracted
        # the plain way.
        mean, scale = standardize.mean, standardize.scale
        tiny = torch.finfo(scale.dtype).tiny  # whose inverse is no number of this type
        self._is_grey = mean.numel() == 1 and bool((mean.abs() < 1000 * scale) & (scale > tiny))
        if self._is_grey:
            self._factor = 1 / standardize.scale.item()
            self._shift = -standardize.mean.flatten() * self._factor

    def __call__(self, images, out):
        """Return the rows ``(n, c*h*w)``, in `out` unless they are there already."""
        if self._is_identity and images.dtype == out.dtype:
            return images.flatten(1)
        pixels = out.view(images.shape).copy_(images)
        if self._is_identity:
            return out
        if not self._is_grey:
            pixels.sub_(self._standardize.mean).div_(self._standardize.scale)
            return out
        return torch.add(self._shift, out, alpha=self._factor, out=out)
