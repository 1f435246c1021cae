"""How trainings of candidates are told to scikit-learn's callbacks, the search's and the nets'."""

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from skfashion.utils._sklearn import has_callbacks


@dataclass(frozen=True)
class Announcement:
    """The place of one training in the tree of callbacks.

    Attributes
    ----------
    search : estimator or None
        Whose task it is; None of a search without callbacks of its own, whom nobody asks for.
    context : CallbackContext
        Of the task.
    """

    search: Any
    context: Any

    @contextmanager
    def training(self, model, about):
        """Return a context in which the task begins, and its callbacks are those of the model."""
        with self.context.propagate_callback_context(model):
            self.context.call_on_fit_task_begin(estimator=self.search, **about)
            yield

    def end(self, about):
        """Report the task."""
        self.context.call_on_fit_task_end(estimator=self.search, **about)


class Silence:
    """The place of a training where nobody listens: nothing need be sent to its process."""

    def training(self, model, about):
        """Return a context in which nothing is said."""
        return nullcontext()

    def end(self, about):
        """Say nothing."""


def about_training(X, y, fit_params):
    """Return what callbacks are told of a training."""
    weight = fit_params.get("sample_weight")
    return {"X": X, "y": y, "metadata": None if weight is None else {"sample_weight": weight}}


def announcements_of(search, branch, models):
    """Return an announcement of the training of each model, as tasks of a branch of the tree.

    Parameters
    ----------
    search : estimator
    branch : CallbackContext
        Of the rung.
    models : list of estimator

    Returns
    -------
    list of Announcement or Silence
    """
    places = [
        branch.subcontext(task_name="candidate-split-evaluation", task_id=number)
        for number in range(len(models))
    ]
    caller = search if has_callbacks(search) else None
    return [
        Silence() if caller is None and not _is_heard(model) else Announcement(caller, place)
        for model, place in zip(models, places, strict=True)
    ]


def _is_heard(model):
    """Tell whether a model, or an estimator in it, has callbacks of its own."""
    return any(has_callbacks(part) for part in [model, *model.get_params().values()])
