"""Losses and gradients of several multilayer perceptrons of one shape, in common products.

A small network spends more time between its products than in them. Of several, the weights lie one
behind the other here, so that a layer of all is one product. The numbers are those of one network
after the other up to rounding.
"""

import torch

from skfashion.training.products import product


class StackedGradients:
    """Compute the mean cross-entropies of several networks' batches, and their gradients.

    From now on each network's weights are views of the memory that all share.

    Parameters
    ----------
    members : list of DenseGradients
        Of one `shape`, without offsets.
    """

    def __init__(self, members):
        self._members = members
        self._pixels = [member.pixels for member in members]
        self._standardize_alike = all(pixels.equals(self._pixels[0]) for pixels in self._pixels)
        self._layers = [_Layer(group) for group in zip(*(m.layers for m in members), strict=True)]
        self._smoothing = self._layers[0].weight.new_tensor(
            [[[member.label_smoothing]] for member in members]
        )
        self._buffers = {}

    def takes(self, batches):
        """Tell whether these are batches for all networks at once.

        Parameters
        ----------
        batches : list of (images, targets, weight)
            One for each network.
        """
        sizes = {len(images) for images, *_ in batches}
        return (
            len(sizes) == 1
            and all(weight is None for *_, weight in batches)
            # A callback may have given a network weights of its own.
            and all(layer.is_shared() for layer in self._layers)
        )

    @torch.no_grad()
    def __call__(self, batches):
        """Fill the gradients of all parameters.

        Parameters
        ----------
        batches : list of (images, targets, weight)
            One for each network, for which :meth:`takes` is True.

        Returns
        -------
        list of (loss, logits)
            As DenseGradients returns them.
        """
        n_rows = len(batches[0][0])
        if n_rows not in self._buffers:
            self._buffers[n_rows] = _Buffers(n_rows, self._layers, self._smoothing)
        buffers = self._buffers[n_rows]
        pixels = self._read(batches, buffers)
        # As in DenseGradients all values are neurons by rows, here of each network in turn.
        value = pixels.transpose(-1, -2)
        inputs = []
        for layer, out in zip(self._layers, buffers.values, strict=True):
            inputs.append(value)
            value = layer.activate(layer.forward(value, out))
        losses, gradient = self._loss(value, batches, buffers)
        for i in range(len(self._layers) - 1, -1, -1):
            layer = self._layers[i]
            layer.set_gradients(gradient, inputs[i])
            if i:
                weight = layer.weight.transpose(1, 2)
                gradient = torch.bmm(weight, gradient, out=buffers.gradients[i - 1])
                self._layers[i - 1].backward(gradient, inputs[i])
        return list(zip(losses.unbind(), value.transpose(1, 2).unbind(), strict=True))

    def _read(self, batches, buffers):
        """Return the pixels ``(n, d)`` where all networks see the same, else ``(k, n, d)``."""
        images = batches[0][0]
        if self._standardize_alike and all(torch.equal(b[0], images) for b in batches[1:]):
            return self._pixels[0](images, buffers.pixels[0])
        for pixels, (images, *_), out in zip(self._pixels, batches, buffers.pixels, strict=True):
            rows = pixels(images, out)
            if rows.data_ptr() != out.data_ptr():
                out.copy_(rows)
        return buffers.pixels

    def _loss(self, logits, batches, buffers):
        """Return the losses, and their gradients with respect to the logits (k, c, n)."""
        _, n_classes, n_rows = logits.shape
        gradient = buffers.gradients[-1]
        logs = torch.log_softmax(logits, 1)
        torch.exp(logs, out=gradient)
        targets = torch.stack([targets for _, targets, _ in batches]).unsqueeze(1)
        gradient.scatter_add_(1, targets, buffers.minus)
        losses = logs.gather(1, targets)
        if any(member.label_smoothing for member in self._members):
            gradient.sub_(self._smoothing / n_classes)
            losses = (1 - self._smoothing) * losses + self._smoothing * logs.mean(1, keepdim=True)
        return losses.mean((1, 2)).neg_(), gradient.mul_(1 / n_rows)


class _Layer:
    """A layer of all networks, in common memory."""

    def __init__(self, group):
        self._linear = [linear for linear, *_ in group]
        _, self.activate, self.backward = group[0]
        with torch.no_grad():
            self.weight = torch.stack([linear.weight for linear in self._linear])
            self.bias = torch.stack([linear.bias for linear in self._linear])
        for k, linear in enumerate(self._linear):
            linear.weight.data, linear.bias.data = self.weight[k], self.bias[k]
        self._column = self.bias.unsqueeze(2)
        self._places = self._where()
        self._of_weight, self._of_bias = (torch.empty_like(t) for t in (self.weight, self.bias))

    def is_shared(self):
        """Tell whether all networks' weights are where they were put."""
        return self._where() == self._places

    def _where(self):
        return [(linear.weight.data_ptr(), linear.bias.data_ptr()) for linear in self._linear]

    def forward(self, value, out):
        """Return the sums of the neurons: ``(d, n)`` or ``(k, d, n) -> (k, o, n)``."""
        if value.ndim == 3:
            return torch.baddbmm(self._column, self.weight, value, out=out)
        wide = self.weight.flatten(0, 1), value, out.flatten(0, 1)
        return product(*wide, self._column.flatten(0, 1)).view(out.shape)

    def set_gradients(self, gradient, value):
        """Leave the gradients at the parameters, given that of the sums and the layer's input."""
        rows = value.transpose(-1, -2)
        if value.ndim == 3:
            of_weight = torch.bmm(gradient, rows, out=self._of_weight)
        else:
            wide = product(gradient.flatten(0, 1), rows, self._of_weight.flatten(0, 1))
            of_weight = wide.view(self.weight.shape)
        of_bias = torch.sum(gradient, 2, out=self._of_bias)
        for linear, own, bias in zip(self._linear, of_weight, of_bias, strict=True):
            linear.weight.grad, linear.bias.grad = own, bias


class _Buffers:
    """Where the results of batches of some size go."""

    def __init__(self, n_rows, layers, smoothing):
        weight = layers[0].weight
        n_networks, _, n_pixels = weight.shape
        sizes = [layer.weight.shape[1] for layer in layers]
        self.pixels = weight.new_empty(n_networks, n_rows, n_pixels)
        self.values = [weight.new_empty(n_networks, size, n_rows) for size in sizes]
        self.gradients = [weight.new_empty(n_networks, size, n_rows) for size in sizes]
        # What the probability of the true class is reduced by.
        self.minus = (smoothing - 1).expand(n_networks, 1, n_rows).contiguous()
