"""A report as one page of HTML that needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skfashion.inspection.pages import framed, import_charts
from skfashion.inspection.report.findings import measure
from skfashion.inspection.report.page import write_page
from skfashion.utils._sklearn import Interval, validate_params
from skfashion.utils.files import write_text
from skfashion.utils.names import advises

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Report:
    """A page of HTML, as :func:`make_report` returns it.

    Parameters
    ----------
    html : str
        The whole page.
    scores : pandas.DataFrame
        One row per model and score: ``model``, ``score``, ``value``, ``low`` and ``high``, the ends
        of a 95 % interval.
    differences : pandas.DataFrame
        The same for the difference of each further model from the first; no rows for one model.

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
    scores: "pd.DataFrame"
    differences: "pd.DataFrame"

    def save(self, path):
        """Write the page to a file.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        pathlib.Path
            Where it is.

        Raises
        ------
        OSError
            If the page cannot be written; an existing file is kept.
        """
        path = Path(path)
        write_text(path, self.html)
        return path

    def _repr_html_(self):
        return framed(self.html, "Report")


@advises
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
    image_shape: str | tuple[int, ...] = "auto",
    y_train=None,
    data_name="test images",
    data_limits: Sequence[str] = (),
    data_card=None,
    tables=None,
    title="Report",
    n_resamples=1000,
    random_state: int | np.random.RandomState | None = 0,
):
    """Report how fitted classifiers perform on test images, as one page to share.

    Parameters
    ----------
    models : estimator, or dict of str to estimator
        Fitted classifiers with ``predict``, ``predict_proba`` and equal ``classes_``: of this
        package, and others for comparison. All others are compared with the first.
    X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        Test images, which none of the models has seen.
    y : array-like of shape (n,)
        Their labels.
    class_names : array-like of str, default=None
        In the order of ``classes_``; None takes the labels.
    image_shape : "auto" or tuple of int, default="auto"
        As in the classifiers; "auto" is that of the first model's fit.
    y_train : array-like, default=None
        Labels of the training images, to show how frequent classes were there.
    data_name : str, default="test images"
        What the images are.
    data_limits : sequence of str, default=()
        What a reader must know about the data, a sentence or two each.
    data_card : dict of str to str, default=None
        More about the data: where it is from, its licence, its fingerprint.
    tables : dict of str to pandas.DataFrame, default=None
        More tables by their headings, such as accuracies on corrupted images or by group.
    title : str, default="Report"
    n_resamples : int, default=1000
        Bootstrap samples of the test images, for 95 % intervals.
    random_state : int, RandomState or None, default=0
        Draws these samples, and examples.

    Returns
    -------
    Report

    Raises
    ------
    ImportError
        If altair or vl-convert-python is not installed: the extra ``report``.
    ValueError
        If there is no model, one is not fitted or has no probabilities, the models have different
        classes, or `y` has other labels; if names of models are equal as text, the numbers of
        labels and images differ, `data_limits` is a single string, or `n_resamples` is not a whole
        number from 1.

    Notes
    -----
    Intervals are percentiles of scores on bootstrap samples of the test images. All models get the
    same samples, and differences are computed in each: if two models fail on the same images, the
    interval of their difference is narrower than those of their scores.

    Resampling makes the expected calibration error larger, because it is a sum of absolute values.
    Its interval, and that of its difference, are therefore shifted so that the mean of the samples
    is the value, and that of the error is cut at 0: they show its spread.

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
    findings = measure(
        models,
        X,
        y,
        class_names=class_names,
        image_shape=image_shape,
        y_train=y_train,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    html = write_page(
        findings,
        title=title,
        data_name=data_name,
        data_limits=data_limits,
        data_card=data_card,
        tables=tables,
    )
    columns = ["model", "score", "value", "low", "high"]
    return Report(
        html,
        pd.DataFrame(findings.scores, columns=columns),
        pd.DataFrame(findings.differences, columns=columns),
    )
