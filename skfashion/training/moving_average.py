"""An exponential moving average of the weights in training."""

import torch


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
        # Buffers as well: batch norm's statistics belong to the weights that made them.
        state = module.state_dict().values()
        self._current = [tensor for tensor in state if tensor.is_floating_point()]
        self._other = [tensor.clone() for tensor in self._current]
        self._decay = decay
        self._n_steps = 0
        self._is_in_place = False

    @torch.no_grad()
    def update(self):
        """Take the weights of a step into the average."""
        self._n_steps += 1
        decay = min(self._decay, (1 + self._n_steps) / (10 + self._n_steps))
        torch._foreach_lerp_(self._other, self._current, 1 - decay)

    def put_in_place(self):
        """Put the average into the network, to be validated or kept."""
        if not self._is_in_place:
            self._exchange()

    def put_aside(self):
        """Put the weights that are being trained back into the network."""
        if self._is_in_place:
            self._exchange()

    @torch.no_grad()
    def _exchange(self):
        for current, other in zip(self._current, self._other, strict=True):
            kept = current.clone()
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
