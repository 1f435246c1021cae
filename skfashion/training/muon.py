"""Muon for the weights of hidden layers, AdamW for everything else, as one optimizer."""

import torch

from skfashion.training._torch import (
    adamw_step_,
    foreach_lerp,
    foreach_lerp_,
    foreach_mul_,
    without_compiler,
)
from skfashion.training.arithmetic import has_bfloat16, product

# Coefficients of Jordan's quintic iteration, and how often it is applied.
A, B, C = 3.4445, -4.7750, 2.0315
N_ITERATIONS = 5

# A gradient of nothing has this norm, as in PyTorch.
SMALLEST_NORM = 1e-7

# Matrices longer than so many times their height, or not higher than so many rows, are
# orthogonalised faster through the small matrix of products of rows, in float32, than in bfloat16
# (measured on a processor with AVX512-BF16).
MIN_RATIO = 4
MAX_SMALL = 128

# Size of the steps, as a share of `lr`, that AdamW's have (Liu et al.).
STEP_SIZE = 0.2


class MuonAdamW(without_compiler(torch.optim.Optimizer, __name__)):
    """An optimizer whose steps for hidden layers' weights are orthogonal matrices.

    Filters are matrices, too, one row a filter; the last layer, biases, norms, positions and
    filters of one channel get AdamW. The steps of both are of equal size, so that one `lr` suits
    both. They are those of ``torch.optim.Muon(adjust_lr_fn="match_rms_adamw")``, whose iteration
    is computed in a faster way where there is one, see :func:`orthogonalized`.

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

    References
    ----------
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; equal sizes of
    steps: Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982.
    """

    def __init__(
        self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, hidden=None
    ):
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
        """Update matrices in place by one step of Muon."""
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters]
        momenta = [self.state[parameter]["momentum_buffer"] for parameter in parameters]
        foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        if group["nesterov"]:
            momenta = foreach_lerp(gradients, momenta, group["momentum"])
        foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        for parameter, momentum in zip(parameters, momenta, strict=True):
            matrix = _as_matrix(parameter)
            step = orthogonalized(_as_matrix(momentum))
            matrix.add_(step, alpha=-group["lr"] * STEP_SIZE * max(matrix.shape) ** 0.5)

    def _step_adamw(self, group, parameters):
        """Update all other parameters in place by one step of AdamW."""
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            # A checkpoint brings it to the CPU, which a GPU's kernel must not read.
            state["step"] = state["step"].to(parameter.device) + 1
        adamw_step_(
            parameters,
            [p.grad for p in parameters],
            [self.state[p]["exp_avg"] for p in parameters],
            [self.state[p]["exp_avg_sq"] for p in parameters],
            [self.state[p]["step"] for p in parameters],
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
        )


def _as_matrix(tensor):
    """Return weights (n, ...) as a matrix (n, m), a view of the same memory."""
    tensor = tensor.detach()
    if tensor.ndim == 4 and not tensor.is_contiguous():
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.view(len(tensor), -1)


def orthogonalized(matrix):
    """Return nearly the closest matrix with orthonormal rows (or columns): (m, n) -> (m, n).

    Jordan's iteration ``X <- A X + B X X' X + C X X' X X' X`` multiplies `X` from the left by
    polynomials in ``X X'`` only. These commute, so that it is enough to follow ``X X'`` and the
    product of the polynomials, both as small as the shorter side allows; `X` itself is read twice
    instead of ten times. Where that saves little and the device has bfloat16, the iteration is
    followed as it is written, in bfloat16, as in PyTorch.

    Parameters
    ----------
    matrix : tensor (m, n)
        Any real dtype with at least 32 bits.

    References
    ----------
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    """
    n_short, n_long = sorted(matrix.shape)
    if matrix.shape[0] > n_short:
        return orthogonalized(matrix.t()).t()
    matrix = matrix / matrix.norm().clamp(min=SMALLEST_NORM)
    nearly_square = n_long < MIN_RATIO * n_short and n_short > MAX_SMALL
    if nearly_square and matrix.dtype is torch.float32 and has_bfloat16(matrix.device.type):
        return _iterated(matrix.bfloat16()).to(matrix.dtype)
    return product(_polynomials(product(matrix, matrix.t(), None)), matrix, None)


def _iterated(matrix):
    for _ in range(N_ITERATIONS):
        gram = matrix @ matrix.t()
        polynomial = torch.addmm(gram, gram, gram, beta=B, alpha=C)
        matrix = torch.addmm(matrix, polynomial, matrix, beta=A)
    return matrix


def _polynomials(gram):
    """Return the product of the iteration's polynomials in ``X X'``, (m, m)."""
    result = None
    for iteration in range(N_ITERATIONS):
        polynomial = product(gram, gram, None).mul_(C).add_(gram, alpha=B)
        polynomial.diagonal().add_(A)
        result = polynomial if result is None else product(polynomial, result, None)
        if iteration < N_ITERATIONS - 1:
            gram = product(polynomial, product(gram, polynomial, None), None)
    return result
