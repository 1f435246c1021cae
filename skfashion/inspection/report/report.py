"""A report as one page of HTML that needs no network."""

import importlib.metadata
import platform
from dataclasses import dataclass, field
from datetime import date
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import _safe_indexing, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, validate_params

from skfashion.inspection.arguments import (
    as_pictures,
    as_probabilities,
    codes_of,
    image_shape_of,
    labels_of,
    names_of,
)
from skfashion.inspection.displays.reliability import ReliabilityDisplay
from skfashion.inspection.pages import import_charts, render, specification
from skfashion.inspection.report import charts, checks, examples, scores
from skfashion.inspection.report.parts import part_of
from skfashion.inspection.report.tables import cells
from skfashion.inspection.steps import last_step

PACKAGES = ("skfashion", "scikit-learn", "torch", "skorch", "numpy")
# What is true of any test.
LIMITS = (
    "The intervals tell how much the scores depend on which images were drawn for the test, not "
    "on the seeds of the training, and not on images from another source.",
    "A model that was chosen with a look at these test images looks better here than it is.",
)


@dataclass(frozen=True, eq=False)
class Report:
    """A page of HTML, as :func:`make_report` returns it.

    Parameters
    ----------
    html : str
        The whole page.
    scores : pandas.DataFrame
        A row a model and score: ``model``, ``score``, ``value``, ``low`` and ``high``, the ends of
        an interval of 95 %.
    differences : pandas.DataFrame
        The same of the differences of each further model from the first; no rows for one model.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import make_report
    >>> X, y = load_fashion_sample(subset="test", return_X_y=True)
    >>> model = RandomForestClassifier(20, random_state=0).fit(X[:500], y[:500])
    >>> report = make_report(model, X[500:], y[500:], n_resamples=10)
    >>> report.scores["score"].tolist()
    ['accuracy', 'balanced_accuracy', 'f1_macro', 'log_loss', 'ece']
    """

    html: str = field(repr=False)
    scores: object
    differences: object

    def save(self, path):
        """Write the page to a file.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        pathlib.Path
            Where it is.
        """
        path = Path(path)
        path.write_text(self.html, encoding="utf-8")
        return path

    def _repr_html_(self):
        import html

        return (
            # Its scripts run, but reach nothing of the notebook.
            f'<iframe srcdoc="{html.escape(self.html)}" title="Report" sandbox="allow-scripts" '
            'style="width:100%;height:800px;border:0"></iframe>'
        )


@validate_params(
    {
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    # What models validate when they predict is theirs.
    prefer_skip_nested_validation=False,
)
def make_report(
    models,
    X,
    y,
    *,
    class_names=None,
    image_shape="auto",
    y_train=None,
    data_name="test images",
    data_limits=(),
    data_card=None,
    tables=None,
    title="Report",
    n_resamples=1000,
    random_state=0,
):
    """Write down what fitted classifiers do on test images, as one page to send on.

    Parameters
    ----------
    models : estimator, or dict of str to estimator
        Fitted classifiers with ``predict``, ``predict_proba`` and equal ``classes_``: of this
        package, and others to compare them with. The first is the one that all others are compared
        with.
    X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        Test images, which none of the models has seen.
    y : array-like of shape (n,)
        Their labels.
    class_names : array-like of str, default=None
        In the order of ``classes_``; None takes the labels.
    image_shape : "auto" or tuple of int, default="auto"
        As the parameter of the classifiers; "auto" is that of the first model's fit.
    y_train : array-like, default=None
        Labels of the training images, to show how frequent classes were there.
    data_name : str, default="test images"
        What the images are.
    data_limits : sequence of str, default=()
        What a reader must know about the data, a sentence or two each.
    data_card : dict of str to str, default=None
        More about the data: where it is from, its licence, its fingerprint.
    tables : dict of str to pandas.DataFrame, default=None
        More tables by their headings, such as accuracies of disturbed images or of groups.
    title : str, default="Report"
    n_resamples : int, default=1000
        Bootstrap samples of the test images, for intervals of 95 %.
    random_state : int, RandomState or None, default=0
        Draws these, and examples.

    Returns
    -------
    Report

    Raises
    ------
    ImportError
        If altair or vl-convert-python is not installed: the extra ``report``.
    ValueError
        If there is no model, one is not fitted or has no probabilities, models have other classes
        than each other, or `y` has labels that are none of these; if names of models are equal as
        text, there are not as many labels as images, `data_limits` is a single text, or
        `n_resamples` is not a whole number from 1.

    Notes
    -----
    Intervals are percentiles of scores of bootstrap samples of the test images. All models get the
    same samples, and a difference is taken in each: where two models fail on the same images, the
    interval of their difference is narrower than those of their scores.

    Resampling makes the expected calibration error larger, as it is a sum of sizes. Its interval,
    and that of its difference, are therefore moved until the mean of the samples is the value, and
    that of the error is cut at 0: they tell its spread.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import make_report
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X, y)
    >>> report = make_report(net, X_test, y_test, n_resamples=100)
    >>> path = report.save("report.html")  # doctest: +SKIP
    """
    import pandas as pd

    import_charts()
    if isinstance(data_limits, str):
        raise ValueError(f"Got data_limits={data_limits!r}, expected a sequence of sentences.")
    y, models = labels_of(y, X), checks.named(models)
    if not len(y):
        raise ValueError("Got no test images, expected at least one.")
    classes = checks.common_classes(models)
    names, codes = names_of(classes, class_names), codes_of(y, classes)
    shape = image_shape_of(next(iter(models.values())), X, image_shape)
    rng = check_random_state(random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=2)
    gallery = examples.Gallery(lambda rows: as_pictures(_safe_indexing(X, rows), shape))
    parts, found, compared, reliabilities, histories, first = [], [], [], {}, {}, None
    for name, model in models.items():
        probabilities = as_probabilities(model.predict_proba(X), classes)
        predicted = codes_of(model.predict(X), classes)
        # The same draws for each model: what differs is the models.
        draws = np.random.RandomState(seeds[0])
        scored = scores.scores_of(codes, predicted, probabilities, n_resamples, draws)
        found += [(name, score, *ends) for score, ends in scores.intervals(scored).items()]
        if first is None:
            first = scored
        else:
            between = scores.differences(scored, first)
            compared += [(name, score, *ends) for score, ends in between.items()]
        reliabilities[name] = ReliabilityDisplay._of(codes, probabilities, name=name)
        if hasattr(last_step(model), "history_"):
            histories[name] = last_step(model).history_
        outcome = (codes, predicted, probabilities)
        parts.append(part_of(name, model, scored, first, outcome, names, gallery, seeds[1]))
    counts = {"test": np.bincount(codes, minlength=len(names))}
    if y_train is not None:
        learned = codes_of(column_or_1d(y_train, warn=True), classes)
        counts = {"training": np.bincount(learned, minlength=len(names))} | counts
    drawn = {
        "distribution": charts.distribution(counts, names),
        "reliability": charts.reliability(reliabilities),
        "curves": charts.curves(histories),
    }
    numbers = {
        "distribution": charts.numbers_of_distribution(counts, names),
        "reliability": charts.numbers_of_reliability(reliabilities),
        "curves": charts.numbers_of_curves(histories),
    }
    is_seed = random_state is None or isinstance(random_state, Integral)
    html = _render(
        title=title,
        models=parts,
        names=names,
        data={
            "name": data_name,
            "n": len(codes),
            "shape": list(np.shape(X)[1:]),
            "dtype": str(np.asarray(_safe_indexing(X, [0])).dtype),
            "card": {str(key): str(text) for key, text in (data_card or {}).items()},
            "n_train": 0 if y_train is None else len(y_train),
        },
        limits=[*data_limits, *LIMITS],
        tables=[
            {"heading": str(heading), **cells(frame)} for heading, frame in (tables or {}).items()
        ],
        score_names={key: words for key, (words, _) in scores.SCORES.items()},
        images=gallery.addresses(),
        charts={name: specification(chart) for name, chart in drawn.items() if chart is not None},
        numbers={name: cells(frame) for name, frame in numbers.items() if frame is not None},
        best=scores.best_of_classes([part["per_class"] for part in parts]),
        n_resamples=n_resamples,
        # A generator prints an address, which tells nothing.
        random_state=random_state if is_seed else f"a {type(random_state).__name__}",
    )
    columns = ["model", "score", "value", "low", "high"]
    return Report(
        html, pd.DataFrame(found, columns=columns), pd.DataFrame(compared, columns=columns)
    )


def _render(**values):
    return render(
        "report.html",
        **values,
        versions=[(name, importlib.metadata.version(name)) for name in PACKAGES],
        python=platform.python_version(),
        today=date.today().isoformat(),
    )
