"""What a report says of one model."""

import re

from skfashion.inspection.displays.prediction_grid import choose_rows
from skfashion.inspection.report import examples, scores
from skfashion.utils.pipelines import last_step

# Signs of a printed parameter: an array or a frame may be one.
LONGEST = 2000


def describe_model(name, model, scored, first, outcome, names, gallery, seed):
    """Return what the page of a report says of one model: facts, scores, examples.

    Parameters
    ----------
    name : str
    model : estimator
        Fitted.
    scored, first : dict of str to (float, ndarray of shape (n_resamples,))
        Scores of the model, and those of the model that it is compared with.
    outcome : tuple of three ndarrays
        Places of the true and of the predicted classes, and all probabilities.
    names : list of str
        Of the classes.
    gallery : Gallery
        To which examples are added.
    seed : int
        Draws these.

    Returns
    -------
    dict
        For the template.
    """
    codes, predicted, probabilities = outcome
    shown = {}
    for which in ("confident_wrong", "uncertain"):
        rows = choose_rows(*outcome, which, examples.PER_CELL, seed)
        shown[which] = [
            {
                "row": row,
                "predicted": names[predicted[row]],
                "true": names[codes[row]],
                "share": f"{probabilities[row, predicted[row]]:.0%}",
                "is_right": bool(predicted[row] == codes[row]),
            }
            for row in gallery.add(rows)
        ]
    in_matrix = examples.most_confused(codes, predicted, len(names))
    return {
        "name": name,
        "facts": _facts(model, names),
        "parameters": _parameters(model),
        "scores": _as_text(scores.intervals(scored), _score),
        "differences": _as_text(scores.differences(scored, first), _difference, " points"),
        "per_class": scores.per_class(codes, predicted, names),
        "in_matrix": in_matrix.tolist(),
        "cells": examples.confusion_cells(*outcome, in_matrix, gallery),
        "examples": shown,
    }


def _facts(model, names):
    """Return what was trained and how, pairs of a word and a text."""
    last = last_step(model)
    facts = [("estimator", _short_repr(model))]
    if hasattr(last, "net_"):
        parameters = sum(p.numel() for p in last.net_.module_.parameters())
        shares = zip(names, last.class_prior_, strict=True)
        facts += [
            ("weights", f"{parameters:,}"),
            ("epochs", f"{last.n_iter_}"),
            ("training", f"{last.history_['seconds'].sum():.1f} s"),
            ("share of each class in training", ", ".join(f"{name} {p:.1%}" for name, p in shares)),
        ]
    facts += [
        (
            "best of the search",
            ", ".join(f"{key}={_short_repr(value)}" for key, value in found.items()),
        )
        for found in _found_by_searches(model)
    ]
    # Wrapped nets have seeds of their own.
    seeds = {
        key: _short_repr(value)
        for key, value in _params_of(model, deep=True).items()
        if key.endswith("random_state")
    }
    return [*facts, *seeds.items()]


def _parameters(model):
    """Return all parameters of the classifier itself, pairs of a name and a text."""
    params = _params_of(last_step(model), deep=False)
    return [(key, _short_repr(value)) for key, value in sorted(params.items())]


def _params_of(model, *, deep):
    return model.get_params(deep=deep) if hasattr(model, "get_params") else {}


def _found_by_searches(model):
    """Yield what searches have found, from the outermost to those inside."""
    if hasattr(model, "best_params_"):
        yield model.best_params_
    if hasattr(model, "best_estimator_"):
        yield from _found_by_searches(model.best_estimator_)
    elif hasattr(model, "steps"):
        yield from _found_by_searches(model.steps[-1][1])


def _short_repr(value):
    """Return how a value is printed, without the address of an object and not without end."""
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text):,} signs)"


def _as_text(ends, form, points=""):
    """Return values and ends of intervals, by score, as text; `points` follows those of shares."""
    texts = {}
    for key in scores.SCORES:
        value, low, high = (form(end, key) for end in ends[key])
        unit = points if _is_share(key) else ""
        texts[key] = {"text": value + unit, "low": low, "high": high}
    return texts


def _is_share(key):
    return scores.SCORES[key][1].endswith("%}")


def _score(value, key):
    """Return a score as it is written."""
    return scores.SCORES[key][1].format(value + 0.0)  # -0.0 + 0.0 is 0.0


def _difference(value, key):
    """Return a difference of scores as it is written, that of shares in percentage points."""
    text = f"{100 * value:+.2f}" if _is_share(key) else f"{value:+.3f}"
    # No sign where there is nothing.
    return text if float(text) else text[1:]
