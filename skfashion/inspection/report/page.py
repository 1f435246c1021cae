"""The page of a report: what was found out, as HTML."""

import importlib.metadata
import platform
from datetime import date

from skfashion.inspection.pages import render, specification
from skfashion.inspection.report import charts, scores
from skfashion.inspection.report.tables import table_as_text

PACKAGES = ("skfashion", "scikit-learn", "torch", "skorch", "numpy")
# What is true of any test.
LIMITS = (
    "The intervals tell how much the scores depend on which images were drawn for the test, not "
    "on the seeds of the training, and not on images from another source.",
    "A model that was chosen with a look at these test images looks better here than it is.",
)


def write_page(findings, *, title, data_name, data_limits, data_card, tables):
    """Return the findings as one page of HTML.

    Parameters
    ----------
    findings : Findings
    title, data_name, data_limits, data_card, tables
        As in ``make_report``.

    Returns
    -------
    str
    """
    drawn = {
        "distribution": charts.distribution(findings.counts, findings.names),
        "reliability": charts.reliability(findings.reliabilities),
        "curves": charts.curves(findings.histories),
    }
    numbers = {
        "distribution": charts.numbers_of_distribution(findings.counts, findings.names),
        "reliability": charts.numbers_of_reliability(findings.reliabilities),
        "curves": charts.numbers_of_curves(findings.histories),
    }
    card = {str(key): str(text) for key, text in (data_card or {}).items()}
    return render(
        "report.html",
        title=title,
        models=findings.models,
        names=findings.names,
        data={"name": data_name, "card": card, **findings.data},
        limits=[*data_limits, *LIMITS],
        tables=[
            {"heading": str(heading), **table_as_text(frame)}
            for heading, frame in (tables or {}).items()
        ],
        score_names={key: words for key, (words, _) in scores.SCORES.items()},
        images=findings.images,
        charts={name: specification(chart) for name, chart in drawn.items() if chart is not None},
        numbers={
            name: table_as_text(frame) for name, frame in numbers.items() if frame is not None
        },
        best=scores.best_of_classes([part["per_class"] for part in findings.models]),
        n_resamples=findings.n_resamples,
        random_state=findings.random_state,
        versions=[(name, importlib.metadata.version(name)) for name in PACKAGES],
        python=platform.python_version(),
        today=date.today().isoformat(),
    )
