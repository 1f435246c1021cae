"""The page of studies and searches, as a function."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from skfashion.inspection.dashboard.page import write_page
from skfashion.inspection.dashboard.reading import read_tables
from skfashion.inspection.dashboard.sections import section_of
from skfashion.inspection.pages import framed, import_charts
from skfashion.utils.files import write_text
from skfashion.utils.names import advises


@dataclass(frozen=True)
class Dashboard:
    """A dashboard, as one page of HTML that needs no network.

    Made by :func:`make_dashboard`.

    Attributes
    ----------
    html : str
        The page. A notebook shows it automatically.

    Examples
    --------
    >>> import pandas as pd
    >>> from skfashion.inspection import make_dashboard
    >>> table = pd.DataFrame({"method": ["a", "b"], "accuracy": [0.8, 0.9]})
    >>> make_dashboard({"two methods": table}).html[:15]
    '<!doctype html>'
    """

    html: str = field(repr=False)

    def save(self, path):
        """Write the page to a file, in one step.

        Parameters
        ----------
        path : path-like
            Its name, which should end with ``.html``.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OSError
            If the file cannot be written; an existing file is kept.
        """
        write_text(path, self.html)
        return Path(path)

    def _repr_html_(self):
        return framed(self.html, "Dashboard")


@advises
def make_dashboard(results, *, title="Dashboard"):
    """Put results of studies and searches on one page, with interactive charts.

    For a study, choose treatments to see the results of each class; for a search, choose ranges on
    parallel axes, then candidates, to see their scores on each split or resource.

    Parameters
    ----------
    results : dict, DataFrame or path-like
        Any number of the following by their headings, or a single one:

        - a study: the table of ``imbalance_study`` or ``fairness_study``, or any table with a
          column of text to compare (the first of "treatment", "mitigation", "method", "estimator",
          "name", "label" and "unit", else the first one) and either "metric", "value" and perhaps
          "class" and "group", or a column of numbers for each metric;
        - a search: ``cv_results_`` of any search in scikit-learn's form, as a dict of arrays or a
          table; scores that scikit-learn has negated, such as "neg_log_loss", are shown as losses;
        - a drift log: one row per test with "kind", "statistic" and "threshold", perhaps "alarm",
          "window" and "time"; or one row per window with "tests", a dict of these by kind, as in
          ``DriftReport.to_dict()``; or such a "report" in each answer of a service;
        - the path of a file of one of these (``.csv``, ``.json``, ``.jsonl``, ``.parquet``), or
          of the `cache` folder of a study.
    title : str, default="Dashboard"

    Returns
    -------
    Dashboard

    Raises
    ------
    ImportError
        If altair or vl-convert-python is not installed: the extra ``report``.
    OSError
        If a file cannot be opened.
    ValueError
        If there are no results, one has no rows or has the columns of none of these, or a file is
        of another kind.
    TypeError
        If a result is neither a table nor a path.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfashion.inspection import make_dashboard
    >>> search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1, 10]})
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> dashboard = make_dashboard({"C of the iris": search.cv_results_})
    >>> path = dashboard.save("dashboard.html")  # doctest: +SKIP
    """
    import_charts()
    return Dashboard(write_page(sections_of(_by_name(results)), title=title))


def sections_of(results, memory=None):
    """Return the sections of the page.

    Parameters
    ----------
    results : dict of str to DataFrame, dict or path-like
    memory : dict, default=None
        As ``read_tables``.

    Returns
    -------
    list of dict
        As ``section_of`` returns them. None of a cache that has no runs yet.
    """
    return [
        section_of(name, frame)
        for heading, result in results.items()
        for name, frame in _tables_of(heading, result, memory).items()
    ]


def _by_name(results):
    """Return results by their names; of a single one, give it one."""
    if isinstance(results, pd.DataFrame):
        return {"results": results}
    if isinstance(results, str | Path):
        return {Path(results).stem: results}
    if isinstance(results, dict) and "params" in results:  # cv_results_ itself
        return {"search": results}
    if not isinstance(results, dict) or not results:
        raise ValueError(
            f"Got results={results!r:.100}, expected a table, a path, or a dict of these by their "
            "headings. Write {'my study': frame}."
        )
    return results


def _tables_of(heading, result, memory):
    """Return the tables of one result by their names."""
    if isinstance(result, pd.DataFrame):
        return {str(heading): result}
    if isinstance(result, dict):
        try:
            return {str(heading): pd.DataFrame(result)}
        except ValueError as error:
            raise ValueError(
                f"Got {heading!r}, a dict that is no table ({error}), expected cv_results_ of a "
                "search. Give columns of equal lengths."
            ) from error
    if not isinstance(result, str | Path):
        raise TypeError(
            f"Got {heading!r} of {type(result).__name__}, expected a table, cv_results_ or a path. "
            "Give search.cv_results_ of a search, and what a study returns."
        )
    path = Path(result)
    tables = read_tables(path, memory)
    if not tables and memory is None:
        raise ValueError(
            f"Got the folder {path} without runs of a study, expected the cache of one. While its "
            "first run is not finished, give --watch."
        )
    return {f"{heading} {name}".strip(): table for name, table in tables.items()}
