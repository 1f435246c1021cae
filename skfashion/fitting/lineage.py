"""Which trainings have their beginning in common, so that their weights may be averaged."""

import hashlib
import secrets


def lineage_of(module, before, *, is_given):
    """Return the name that a training shares with those that begin, or went on, where it does.

    Parameters
    ----------
    module : torch.nn.Module
        The network, its weights those of the beginning.
    before : TrainingNet or None
        The net whose training goes on, in a warm start.
    is_given : bool
        Whether weights come from another net or from a file.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    known = getattr(before, "lineage_", None)  # an old pickle has none
    if known is not None:
        return known
    # Two fits that draw the same random weights go different ways from the first step on (Frankle
    # et al., ICML 2020), so a name of that kind is unlike any other.
    return hash_of_weights(module) if is_given else secrets.token_hex(16)


def hash_of_weights(module):
    """Return a name of a network's weights.

    Statistics of the pixels and batch norm's counters are left out: the former are compared by
    themselves, and the latter are missing in old files.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        if not (name.startswith("standardize.") or name.endswith(".num_batches_tracked")):
            values = tensor.detach().cpu().contiguous().numpy()
            digest.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
    return digest.hexdigest()[:32]
