"""What an unknown keyword may have meant: the nearest name, or a neighbour's word for a thing."""

import functools
import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Self, TypeVar

Advised = TypeVar("Advised", bound=Callable[..., Any])

# Words of scikit-learn's MLPClassifier and searches, skorch, Keras, Lightning, XGBoost, TabNet,
# fairlearn and others, and the names that the same things have here.
TRANSLATIONS = {
    "accelerator": "device",
    "algorithm": "optimizer",
    "alpha": "weight_decay",
    "amp": "precision",
    "arch": "backbone",
    "architecture": "backbone",
    "augmentation": "augment",
    "callbacks": "skorch_callbacks",
    "clip_grad_norm": "max_grad_norm",
    "clipnorm": "max_grad_norm",
    "criterion": "loss",
    "cuda": "device",
    "data_augmentation": "augment",
    "display_labels": "class_names",
    "dtype": "precision",
    "early_stopping_rounds": "n_iter_no_change",
    "epochs": "max_epochs",
    "eval_set": "X_val",
    "filters": "channels",
    "gpu": "device",
    "gradient_clip_val": "max_grad_norm",
    "hidden_dim": "hidden_layer_sizes",
    "hidden_dims": "hidden_layer_sizes",
    "hidden_size": "hidden_layer_sizes",
    "hidden_units": "hidden_layer_sizes",
    "images": "pixels",
    "input_shape": "image_shape",
    "l2": "weight_decay",
    "learning_rate": "lr",
    "learning_rate_init": "lr",
    "lr_scheduler": "lr_schedule",
    "max_iter": "max_epochs",
    "mixed_precision": "precision",
    "model_name": "backbone",
    "monitor": "scoring",
    "n_epochs": "max_epochs",
    "n_filters": "channels",
    "n_iter": ("max_epochs", "n_candidates"),
    "n_jobs": "n_threads",
    "num_epochs": "max_epochs",
    "param_distributions": "param_grid",
    "patience": "n_iter_no_change",
    "pretrained": "weights",
    "random_seed": "random_state",
    "scheduler": "lr_schedule",
    "seed": "random_state",
    "sensitive_features": "groups",
    "solver": "optimizer",
    "target_names": "class_names",
    "temperature": "distillation_temperature",
    "train_split": "validation_fraction",
    "use_gpu": "device",
    "validation_data": "X_val",
}
# What there is to say besides, where the thing is not quite the same.
NOTES = {
    "early_stopping_rounds": "It counts with early_stopping=True.",
    "learning_rate": "How it changes from step to step is lr_schedule.",
    "n_jobs": "To train several nets at a time, set n_jobs of a search.",
    "patience": "It counts with early_stopping=True.",
    "train_split": "It counts with early_stopping=True.",
}
# What to say of a parameter that others' `fit` has, and has for something else.
NOTES_ON_OWN = {
    "validation_split": "A share is validation_fraction, which counts with early_stopping=True."
}
# What to say of words for things that another class or function has, and this one perhaps not.
OTHER_PLACES = {
    "criterion": "A loss of PyTorch's form is the criterion of ModuleClassifier.",
    "eval_set": "Validation data are given to fit: fit(X, y, X_val=…, y_val=…).",
    "filters": "Their number is channels in ConvNetClassifier, width in ResNetClassifier.",
    "n_filters": "Their number is channels in ConvNetClassifier, width in ResNetClassifier.",
    "pretrained": "Pretrained weights are weights of TorchvisionClassifier and TimmClassifier; "
    "those of a net of your own are init_from.",
    "sensitive_features": "They are the groups of group_metrics and fairness_study.",
    "target_names": "They are the class_names of displays and reports.",
    "validation_data": "They are given to fit: fit(X, y, X_val=…, y_val=…).",
}
# The same of one function alone, where others have such a parameter.
PLACES_OF_FUNCTIONS = dict.fromkeys(
    [("quantize", word) for word in ("features", "profile", "examples")],
    "The ONNX file has it: write that first, by to_onnx(model, 'net.onnx', X, profile=…), and give "
    "its path in place of the model: quantize('net.onnx', path, X).",
)


def advice_on(word, known):
    """Return what to say about an unknown name, "" if nothing is like it.

    Parameters
    ----------
    word : str
        The unknown name.
    known : iterable of str
        Those that there are.
    """
    known = list(known)
    owner, _, inner = word.partition("__")
    if inner and f"{owner}_params" in known:
        return (
            f"Did you mean {owner}_params={{{inner!r}: ...}}? {word!r} is for set_params and grids."
        )
    names = TRANSLATIONS.get(word, ())
    names = (names,) if isinstance(names, str) else names
    name = next((name for name in names if name in known), None)
    note = "" if name is None else NOTES.get(word, "")
    note = OTHER_PLACES.get(word, note)
    if name is None and not note:
        name = next(iter(get_close_matches(word, known, n=1)), None)
    question = "" if name is None else f"Did you mean {name!r}?"
    return f"{question} {note}".strip()


def with_advice(message, word, known):
    """Return a message, and behind it what an unknown name may have meant."""
    return f"{message} {advice_on(word, known)}".strip()


def advises(function: Advised) -> Advised:
    """Let a function, or a class's constructor, say what an unknown keyword may have meant.

    A constructor also says which name an argument lacks. The errors are Python's own, TypeErrors,
    with more words. It stands on all that is public and has options, outside of other decorators.
    """
    if isinstance(function, type):
        function.__init__ = advises(function.__init__)
        return function
    parameters = inspect.signature(function).parameters
    kinds = [parameter.kind for parameter in parameters.values()][1:]
    is_method = next(iter(parameters), None) == "self" and function.__name__ != "__init__"
    # Python's own words do not say which names there are.
    takes_names_alone = function.__name__ == "__init__" and set(kinds) == {
        inspect.Parameter.KEYWORD_ONLY
    }

    @functools.wraps(function)
    def call(*args, **kwargs):
        for word in kwargs:
            if word not in parameters:
                name, advice = function.__qualname__, advice_on(word, parameters)
                advice = PLACES_OF_FUNCTIONS.get((function.__name__, word), advice)
                if is_method and args and hasattr(args[0], "get_params"):
                    name = f"{type(args[0]).__name__}.{function.__name__}"
                    advice = _advice_on_own(args[0], word) or advice
                message = f"{name}() got an unexpected keyword argument {word!r}."
                raise TypeError(f"{message} {advice}".strip())
        if takes_names_alone and len(args) > 1:
            value = args[1]
            shown = getattr(value, "__qualname__", f"{value!r:.40}")
            # In the order that users see.
            name = list(inspect.signature(call).parameters)[1]
            raise TypeError(
                f"{function.__qualname__}() got {shown} as a positional argument, expected it by "
                f"name, such as {name}={shown}."
            )
        return function(*args, **kwargs)

    return call


def _advice_on_own(estimator, word):
    """Say that a name, or what it means, is a parameter of an estimator's own; "" if it is none."""
    known, names = estimator.get_params(deep=False), TRANSLATIONS.get(word, ())
    names = [word, *((names,) if isinstance(names, str) else names)]
    name = next((name for name in names if name in known), None)
    if name is None:
        return ""
    note = next((its[word] for its in (NOTES_ON_OWN, OTHER_PLACES, NOTES) if word in its), "")
    return f"It is a parameter: {type(estimator).__name__}({name}=…). {note}".strip()


class Advising:
    """Mixin of estimators that say what an unknown parameter may have meant."""

    def set_params(self, **params) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Values by name; those of objects inside by ``<name>__<parameter>``, such as
            ``augment__flip``.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no such parameter; then none is set.
        """
        known = self.get_params(deep=False)
        for name, value in params.items():
            own = name.partition("__")[0]
            if own in known:
                continue
            try:
                super().set_params(**{name: value})
            except ValueError as error:
                raise ValueError(with_advice(str(error), own, known)) from None
        return super().set_params(**params)
