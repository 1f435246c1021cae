"""Every classifier on other data sets than Fashion-MNIST.

Train all classifiers with the settings that they have for Fashion-MNIST on other images, to see
whether these travel. The small data sets come with packages; the others are looked for, and
downloaded, by ``fetch_mnist`` and its like. Every run is a process of its own.
"""

from benchmarks import one_fit
from benchmarks.data import LARGE, SMALL
from benchmarks.errors import at_least, names_option
from benchmarks.formatting import cell, grouped, seeds, table_above, values
from benchmarks.models import MODELS
from benchmarks.study import study_of

KNOWN = (*SMALL, *LARGE)
OPTION = names_option(KNOWN) | {
    "default": ",".join(SMALL),
    "help": f"some of {', '.join(KNOWN)}; default {', '.join(SMALL)}",
}


def units(asked):
    """Return each model on each data set that is asked for."""
    options = asked.options
    return [{"data": name, "model": model} for name in options.dataset for model in options.models]


def describe(unit, seed, asked):
    """Say by what a row is recognised, see ``benchmarks.study.Study.describe``."""
    return one_fit.describe(unit["model"], seed, asked, data=unit["data"])


def measure(unit, seed, asked):
    """Fit and measure one model on one data set, in a process of its own."""
    return one_fit.measure_apart(unit["model"], seed, asked, data=unit["data"])


def table(rows):
    """Write the table: a classifier a line, a data set a column."""
    by_place = grouped(rows, lambda row: (row["unit"]["model"], row["unit"]["data"]))
    by_name = grouped(rows, lambda row: row["unit"]["data"])
    names = [name for name in KNOWN if name in by_name]
    lines = []
    for model in MODELS:
        found = [values(by_place.get((model, name), []), "metrics", "accuracy") for name in names]
        if any(found):
            cells = [cell(its, 100) if its else "" for its in found]
            lines.append([MODELS[model].label, *cells])
    sizes = (
        f"{name} {its[0]['data']['train_rows']:,} training and "
        f"{its[0]['data']['test_rows']:,} test images of {len(its[0]['class_names'])} classes"
        for name, its in ((name, by_name[name]) for name in names)
    )
    words = f"Test accuracy; {seeds(rows)}. {'; '.join(sizes)}."
    return table_above(lines, ["accuracy %", *names], words, rows)


STUDY = study_of(
    __name__,
    cost="5 min a seed",
    page="data.md",
    seeds=1,
    side_by_side=True,
    cheap=({"data": "digits", "model": "mlp_net"},),
    options={
        "--dataset": OPTION,
        "--models": names_option(MODELS),
        "--threads": {"type": at_least(1), "help": "of each run; default all / jobs"},
    },
)
