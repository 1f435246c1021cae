"""What a report finds out: predictions, scores and examples of each model, and nothing written."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skfashion.inspection.arguments import (
    as_pictures,
    as_probabilities,
    image_shape_of,
    labels_of,
    names_of,
)
from skfashion.inspection.displays.reliability import ReliabilityDisplay
from skfashion.inspection.report import checks, examples, scores
from skfashion.inspection.report.parts import describe_model
from skfashion.utils._sklearn import take_rows
from skfashion.utils.callers import each_warning_once
from skfashion.utils.labels import column_of_labels, encode_labels
from skfashion.utils.no_numbers import kind_of_pictures
from skfashion.utils.pipelines import last_step


@dataclass(frozen=True)
class Findings:
    """What was found out about models on test images.

    Parameters
    ----------
    models : list of dict
        Of each model what the page says, see ``describe_model``.
    names : list of str
        Of the classes.
    scores, differences : list of (str, str, float, float, float)
        Model, score, value and the ends of its interval; of all models, and of how much all but
        the first differ from the first.
    counts : dict of str to ndarray of shape (n_classes,)
        Rows of each class, of the "training" images where they are known and of the "test" images.
    reliabilities : dict of str to ReliabilityDisplay
    histories : dict of str to DataFrame
        Of the models that have one.
    images : dict of int to str
        The images that are shown, as addresses of themselves, by their row.
    data : dict
        "n", "shape", "dtype" and "n_train" of the images.
    n_resamples : int
    random_state : int, None or str
        A generator is named by its type: its address would tell nothing.
    """

    models: list
    names: list
    scores: list
    differences: list
    counts: dict
    reliabilities: dict
    histories: dict
    images: dict
    data: dict
    n_resamples: int
    random_state: int | str | None


@each_warning_once
def measure(models, X, y, *, class_names, image_shape, y_train, n_resamples, random_state):
    """Let models predict test images, and find out how good they are and where they fail.

    Parameters
    ----------
    models, X, y, class_names, image_shape, y_train, n_resamples, random_state
        As in ``make_report``.

    Returns
    -------
    Findings

    Raises
    ------
    ValueError
        As in ``make_report``.
    """
    y, models = labels_of(y, X), checks.models_by_name(models)
    if not len(y):
        raise ValueError("Got no test images, expected at least one.")
    classes = checks.common_classes(models)
    names, (_, codes) = names_of(classes, class_names), encode_labels(y, classes)
    shape = image_shape_of(next(iter(models.values())), X, image_shape)
    rng = check_random_state(random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=2)
    gallery = examples.Gallery(lambda rows: as_pictures(take_rows(X, rows), shape))
    parts, found, compared, reliabilities, histories, first = [], [], [], {}, {}, None
    for name, model in models.items():
        probabilities = as_probabilities(model.predict_proba(X), classes)
        _, predicted = encode_labels(model.predict(X), classes, "predictions")
        # The same draws for each model: what differs is the models.
        draws = np.random.RandomState(seeds[0])
        scored = scores.scores_of(codes, predicted, probabilities, n_resamples, draws)
        found += [(name, score, *ends) for score, ends in scores.intervals(scored).items()]
        if first is None:
            first = scored
        else:
            between = scores.differences(scored, first)
            compared += [(name, score, *ends) for score, ends in between.items()]
        reliabilities[name] = ReliabilityDisplay._from_codes(codes, probabilities, name=name)
        if hasattr(last_step(model), "history_"):
            histories[name] = last_step(model).history_
        outcome = (codes, predicted, probabilities)
        parts.append(describe_model(name, model, scored, first, outcome, names, gallery, seeds[1]))
    counts = {"test": np.bincount(codes, minlength=len(names))}
    if y_train is not None:
        _, learned = encode_labels(
            column_of_labels(y_train, "y_train", warn=True), classes, "y_train"
        )
        counts = {"training": np.bincount(learned, minlength=len(names))} | counts
    is_seed = random_state is None or isinstance(random_state, Integral)
    return Findings(
        models=parts,
        names=names,
        scores=found,
        differences=compared,
        counts=counts,
        reliabilities=reliabilities,
        histories=histories,
        images=gallery.addresses(),
        data={
            "n": len(codes),
            **_form_of(X),
            "n_train": 0 if y_train is None else len(y_train),
        },
        n_resamples=n_resamples,
        random_state=random_state if is_seed else f"a {type(random_state).__name__}",
    )


def _form_of(X):
    """Return shape and type of images; files have neither."""
    if kind_of_pictures(X) is not None:
        return {"shape": [], "dtype": "a picture that the classifiers read"}
    return {"shape": list(np.shape(X)[1:]), "dtype": str(np.asarray(take_rows(X, [0])).dtype)}
