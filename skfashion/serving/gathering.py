"""Requests that have come together are predicted as one batch; none waits for another."""

import asyncio
import time

import numpy as np

from skfashion.serving.work import AT_ONCE

# Rows of a batch; more would be no faster.
MOST = 8
# A row among others must take no more than so much of the time of a row alone.
GAIN = 0.95


class Gathering:
    """Predicts for coroutines, together for those that ask in one turn of the event loop.

    Parameters
    ----------
    max_rows : int
        Of a batch; 1 if none is to be gathered.
    """

    def __init__(self, max_rows):
        self._max_rows, self._waiting = max_rows, []

    async def run(self, predict, inputs):
        """Return what ``predict(inputs)`` returns, an :class:`Answer`; the work is short.

        Parameters
        ----------
        predict : callable
            The same for all.
        inputs : ndarray of shape (n, *input_shape)
            Of one request.
        """
        if self._max_rows == 1 or len(inputs) > 1:
            return predict(inputs)
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if not self._waiting:
            # Behind the requests that have been read by now, and before any that have not.
            loop.call_soon(self._answer, predict)
        self._waiting.append((inputs, future))
        return await future

    def _answer(self, predict):
        """Answer all that wait and are still waited for."""
        waiting = [(inputs, future) for inputs, future in self._waiting if not future.done()]
        self._waiting = []
        for start in range(0, len(waiting), self._max_rows):
            inputs, futures = zip(*waiting[start : start + self._max_rows], strict=True)
            try:
                answer = predict(np.concatenate(inputs))
            except Exception:
                # One of them may be to blame, and the others are not.
                _answer_each(predict, inputs, futures)
                continue
            for number, future in enumerate(futures):
                future.set_result(answer.row(number))


def _answer_each(predict, inputs, futures):
    """Answer requests one by one, with what is wrong with each."""
    for rows, future in zip(inputs, futures, strict=True):
        try:
            future.set_result(predict(rows))
        except Exception as error:
            future.set_exception(error)


def rows_together(model):
    """Return how many rows of several requests are predicted as one batch.

    More than one only where that has been measured to be faster and each row's answer is, to the
    last bit, the one that it gets alone.

    Parameters
    ----------
    model : Model
    """
    n = MOST if model.row_seconds <= 0 else min(MOST, int(AT_ONCE / model.row_seconds))
    if n < 2:
        return 1
    rows = model.trial_rows(n)
    alone = [model.compute(rows[number : number + 1]) for number in range(n)]
    for size in range(2, n + 1):
        answer = model.compute(rows[:size])
        if not all(answer.row(number).is_same(alone[number]) for number in range(size)):
            return 1
    together = _least_seconds(model, [rows])
    return n if together <= GAIN * _least_seconds(model, np.split(rows, n)) else 1


def _least_seconds(model, batches):
    """Return the seconds that some batches take, the least of several trials."""
    found = []
    for _ in range(5):
        start = time.perf_counter()
        for batch in batches:
            model.compute(batch)
        found.append(time.perf_counter() - start)
    return min(found)
