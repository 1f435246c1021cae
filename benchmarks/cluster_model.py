"""What many runs on a Dask cluster cost in time and bytes: a model of five numbers."""

import math
from typing import NamedTuple


class Costs(NamedTuple):
    """What the model needs to know.

    Parameters
    ----------
    fit : float
        Seconds of a run on one worker.
    overhead : float
        Seconds of client and scheduler for a run, whatever it computes. They come one after the
        other, however many workers there are.
    bandwidth : float
        Bytes a second from one process to another.
    data : int
        Bytes that all runs have in common.
    run : float
        Bytes of a run besides: what is to be done, the result, and Dask's messages about it.
    """

    fit: float
    overhead: float
    bandwidth: float
    data: int
    run: float


def seconds(costs, n_runs, n_workers):
    """Return how long runs take.

    The data goes to the scheduler, to one worker, and from worker to worker; here one after the
    other, which is the worst case. Then either the workers or the scheduler are the bottleneck.

    Parameters
    ----------
    costs : Costs
    n_runs, n_workers : int
        A worker computes one run at a time.

    Returns
    -------
    float
    """
    computing = math.ceil(n_runs / n_workers) * (costs.fit + costs.overhead)
    sending = (1 + n_workers) * costs.data / costs.bandwidth
    return sending + max(computing, n_runs * costs.overhead)


def moved(costs, n_runs, n_workers):
    """Return how many bytes go from one process to another.

    Parameters
    ----------
    costs : Costs
    n_runs, n_workers : int

    Returns
    -------
    float
    """
    return (1 + n_workers) * costs.data + n_runs * costs.run


def moved_by_halving(costs, state, n_trainings, n_workers):
    """Return how many bytes a successive halving moves that goes on with its trainings.

    The state of each training goes through the scheduler: to the client after every rung but the
    last, and those of survivors to a worker again before the next.

    Parameters
    ----------
    costs : Costs
    state : int
        Bytes of a training's state: weights, optimizer, generators.
    n_trainings : list of int
        Trainings of each rung.
    n_workers : int

    Returns
    -------
    float
    """
    n_passes = sum(n_trainings[:-1]) + sum(n_trainings[1:])
    return moved(costs, sum(n_trainings), n_workers) + 2 * n_passes * state
