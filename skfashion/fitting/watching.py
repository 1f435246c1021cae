"""scikit-learn's callback protocol, as a fit sees it."""

import copy


class TaskHooks:
    """scikit-learn's callback protocol: one task for the fit, one for each epoch.

    Parameters
    ----------
    estimator : estimator
        The one that the user fits, which holds the callbacks.
    X, y, sample_weight : array-likes
        What was passed to fit.
    """

    def __init__(self, estimator, X, y, sample_weight):
        self.estimator = estimator
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.has_callbacks = bool(getattr(estimator, "_skl_callbacks", None))

    def start(self, twin, n_epochs):
        """Announce the fit: `twin` is what is being trained."""
        self.twin = twin
        self.root = self.estimator._init_callback_context(max_subtasks=n_epochs)
        self.root.call_on_fit_task_begin(**self.given)

    def begin_epoch(self):
        """Announce an epoch."""
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.given)

    def end_epoch(self):
        """Report an epoch; return whether a callback asks to stop."""
        return self.epoch.call_on_fit_task_end(
            **self.given, reconstruction_attributes=self._fitted_state
        )

    def finish(self):
        """Report the fit."""
        self.root.call_on_fit_task_end(**self.given, reconstruction_attributes=self._fitted_state)

    def _fitted_state(self):
        """Return what makes a copy of the estimator a fitted one, as of now."""
        state = {name: value for name, value in vars(self.twin).items() if name.endswith("_")}
        # A copy, since the training goes on.
        # The copy is made from the user's estimator, which may know other names from before.
        state.setdefault("feature_names_in_", None)
        state["net_"] = copy.deepcopy(state["net_"])
        state["net_"].module_.eval()
        return state
