"""Muon for the weights of hidden layers, AdamW for everything else, as one optimizer."""

import torch


class MuonAdamW(torch.optim.Optimizer):
    """An optimizer whose steps for hidden layers' weights are orthogonal matrices.

    PyTorch's Muon takes matrices only and is not meant for the last layer. Here filters are
    matrices, too, one row a filter; the last layer, biases, norms, positions and filters of one
    channel get AdamW.
    The steps of both are of equal size, so that one `lr` suits both.

    Parameters
    ----------
    params : iterable of tensors or of dicts
        In the order of the layers.
    lr, weight_decay, momentum : float
        As in ``torch.optim.Muon``.
    nesterov : bool
        Whether Muon's momentum is Nesterov's.
    hidden : list of tensors or None
        Those that get Muon; None means all matrices and filters but the last.

    Raises
    ------
    ImportError
        If this version of PyTorch has no Muon.

    References
    ----------
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; equal sizes of
    steps: Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982.
    """

    def __init__(
        self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, hidden=None
    ):
        if not hasattr(torch.optim, "Muon"):
            raise ImportError(
                f"Got optimizer='muon' with PyTorch {torch.__version__}, expected 2.9 or newer."
            )
        params = list(params)
        groups = params if isinstance(params[0], dict) else [{"params": params}]
        groups = [{**group, "params": list(group["params"])} for group in groups]
        if hidden is None:
            hidden = [p for group in groups for p in group["params"] if p.ndim in (2, 4)][:-1]
        hidden = {id(p) for p in hidden}
        split = []
        for group in groups:
            for orthogonal in (True, False):
                chosen = [p for p in group["params"] if (id(p) in hidden) == orthogonal]
                if chosen:
                    split.append({**group, "params": chosen, "orthogonal": orthogonal})
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        defaults |= {"nesterov": nesterov, "betas": (0.9, 0.999), "eps": 1e-8}
        super().__init__(split, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        """Update the parameters that have gradients; return the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                (self._step_muon if group["orthogonal"] else self._step_adamw)(group, parameters)
        return loss

    def _step_muon(self, group, parameters):
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
        torch.optim._muon.muon(
            [_as_matrix(p, p) for p in parameters],
            [_as_matrix(p.grad, p) for p in parameters],
            [_as_matrix(self.state[p]["momentum_buffer"], p) for p in parameters],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            nesterov=group["nesterov"],
            ns_coefficients=(3.4445, -4.7750, 2.0315),
            ns_steps=5,
            eps=1e-7,
            adjust_lr_fn="match_rms_adamw",
            has_complex=False,
        )

    def _step_adamw(self, group, parameters):
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
                state["step"] = torch.zeros((), device=parameter.device)
            state["step"] += 1
        torch._fused_adamw_(
            parameters,
            [p.grad for p in parameters],
            [self.state[p]["exp_avg"] for p in parameters],
            [self.state[p]["exp_avg_sq"] for p in parameters],
            [],
            [self.state[p]["step"] for p in parameters],
            amsgrad=False,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def _as_matrix(tensor, parameter):
    """Return a tensor of a parameter's shape as a matrix, a view where the layouts agree."""
    tensor = tensor.detach()
    if parameter.ndim == 2:
        return tensor
    if not parameter.is_contiguous():
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(len(tensor), -1)
