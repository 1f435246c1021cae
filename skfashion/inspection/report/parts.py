"""What a report says of one model."""

from skfashion.inspection.drawing import last_step
from skfashion.inspection.prediction_grid import choose_rows
from skfashion.inspection.report import examples, scores


def part_of(name, model, scored, first, outcome, names, gallery, seed):
    """Return what the page says of one model.

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
    return {
        "name": name,
        "facts": _facts(model),
        "scores": _as_text(scores.intervals(scored)),
        "differences": _as_text(scores.differences(scored, first), sign="+"),
        "per_class": scores.per_class(codes, predicted, names),
        "cells": examples.cells_of(*outcome, gallery),
        "examples": shown,
    }


def _facts(model):
    """Return what was trained and how, pairs of a word and a text."""
    last = last_step(model)
    facts = [("estimator", repr(model))]
    if hasattr(last, "net_"):
        parameters = sum(p.numel() for p in last.net_.module_.parameters())
        history = last.history_
        facts += [
            ("weights", f"{parameters:,}"),
            ("epochs", f"{last.n_iter_}"),
            ("training", f"{history['seconds'].sum():.1f} s"),
            ("classes were as frequent as", ", ".join(f"{p:.1%}" for p in last.class_prior_)),
        ]
    seed = last.get_params().get("random_state") if hasattr(last, "get_params") else None
    return [*facts, ("random_state", repr(seed))]


def _as_text(ends, sign=""):
    """Return values and the ends of their intervals as they are written."""
    texts = {}
    for key, (_, form) in scores.SCORES.items():
        form = form.replace("{:", "{:" + sign)
        texts[key] = dict(zip(("text", "low", "high"), map(form.format, ends[key]), strict=True))
    return texts
