"""An exponential moving average of the weights in training."""

import operator

import torch

from skfashion.training._torch import foreach_lerp_


class AveragedWeights:
    """Follow a network's weights, and take their place between the epochs.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    decay : float in (0, 1)
        Share of the average that a step leaves; at most ``(1 + step) / (10 + step)``, so that the
        first weights are soon forgotten.

    References
    ----------
    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(self, module, decay):
        self._module = module
        self._current = self._tensors()
        self._other = [tensor.detach().clone() for tensor in self._current]
        self._decay = decay
        self._n_steps = 0
        self._is_in_place = False

    def _tensors(self):
        # Buffers as well: batch norm's statistics belong to the weights that made them. The tensors
        # themselves, whose values a callback may move.
        state = self._module.state_dict(keep_vars=True).values()
        return [tensor for tensor in state if tensor.is_floating_point()]

    @torch.no_grad()
    def update(self):
        """Take the weights of a step into the average."""
        self._n_steps += 1
        decay = min(self._decay, (1 + self._n_steps) / (10 + self._n_steps))
        foreach_lerp_(self._other, self._current, 1 - decay)

    def put_in_place(self):
        """Put the average into the network, to be validated or kept."""
        if not self._is_in_place:
            self._exchange()

    def put_aside(self):
        """Put the weights that are being trained back into the network."""
        if self._is_in_place:
            self._exchange()
        self._look_anew()

    def _look_anew(self):
        """Begin the average of a layer that a callback has replaced with what it has now."""
        now = self._tensors()
        if len(now) != len(self._current) or any(map(operator.is_not, now, self._current)):
            known = dict(zip(map(id, self._current), self._other, strict=True))
            self._other = [known.get(id(tensor), tensor.detach().clone()) for tensor in now]
            self._current = now

    @torch.no_grad()
    def _exchange(self):
        for current, other in zip(self._current, self._other, strict=True):
            kept = current.detach().clone()
            current.copy_(other)
            other.copy_(kept)
        self._is_in_place = not self._is_in_place

    def state_dict(self):
        """Return what the rest of the training depends on, for a checkpoint."""
        return {"other": list(self._other), "n": self._n_steps, "in_place": self._is_in_place}

    def load_state_dict(self, state):
        """Continue where :meth:`state_dict` was called; the network has its own state again."""
        with torch.no_grad():
            for other, saved in zip(self._other, state["other"], strict=True):
                other.copy_(saved)
        self._n_steps, self._is_in_place = state["n"], state["in_place"]
