"""Where activations lie in the memory of a small device: those that are needed together, apart."""


def arrange(plan):
    """Return the first byte of each activation of a plan, and the number of bytes of them all.

    Largest first, each takes the lowest place that is free as long as it is needed. What a layer
    computes in place begins where the input begins that it writes over, of which it is the last
    reader.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    offsets : dict of Activation to int
    n_bytes : int
    """
    born, dies = {plan.input: 0}, {}
    for number, layer in enumerate(plan.layers, 1):
        born[layer.output] = number
        dies |= dict.fromkeys(layer.inputs, number)
    dies |= dict.fromkeys(plan.last.inputs, len(plan.layers) + 1)
    needed = {value: (first, dies.get(value, first)) for value, first in born.items()}
    offsets = {}
    for chain in sorted(_chains(plan, dies), key=lambda c: -max(value.size for value in c)):
        offsets |= dict.fromkeys(chain, _lowest_place(chain, needed, offsets))
    return offsets, max(offset + value.size for value, offset in offsets.items())


def _chains(plan, dies):
    """Return lists of activations that lie one over another."""
    chains = {plan.input: [plan.input]}
    for number, layer in enumerate(plan.layers, 1):
        written_over = [
            value
            for value in layer.inputs
            if layer.in_place and dies[value] == number and value.size >= layer.output.size
        ]
        chain = chains[written_over[0]] if written_over else []
        chain.append(layer.output)
        chains[layer.output] = chain
    return list({id(chain): chain for chain in chains.values()}.values())


def _lowest_place(chain, needed, offsets):
    """Return the first byte where a chain lies apart from all that is needed at the same time."""
    ends = (offset + other.size for other, offset in offsets.items())
    return next(
        place
        for place in sorted({0, *ends})
        if not any(
            _collide(place, value, offset, other, needed)
            for value in chain
            for other, offset in offsets.items()
        )
    )


def _collide(place, value, offset, other, needed):
    """Tell whether two activations are needed together and would share bytes."""
    (first, last), (other_first, other_last) = needed[value], needed[other]
    is_apart = last < other_first or other_last < first
    return not is_apart and place < offset + other.size and offset < place + value.size
