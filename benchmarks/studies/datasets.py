"""Every classifier on other data sets than Fashion-MNIST.

Train all classifiers with the settings that they have for Fashion-MNIST on other images and on
tables, to see whether these travel, and where a net beats the best of the others. What comes with
packages is taken by default; the others are looked for, and downloaded, by ``fetch_mnist`` and its
like. Without official parts a data set is halved five times, and each half is trained on; what is
made of Fashion-MNIST is no new data. Every run is a process of its own.
"""

import statistics

from benchmarks import one_fit
from benchmarks.data import DERIVED, FOLDED, LARGE, N_FOLDS, SMALL, TABLES
from benchmarks.errors import at_least, names_option
from benchmarks.formatting import (
    below,
    cell,
    grouped,
    interval,
    mark,
    marks_of,
    pipe_table,
    values,
)
from benchmarks.models import MODELS
from benchmarks.pictures import pyplot
from benchmarks.recipes import find
from benchmarks.study import study_of

KNOWN, LISTED = (*SMALL, *LARGE, *DERIVED), ", ".join((*SMALL, *LARGE, *DERIVED))
OPTION = names_option(KNOWN) | {
    "default": ",".join([*SMALL, *DERIVED]),
    "help": f"some of {LISTED}; default {', '.join([*SMALL, *DERIVED])}",
}
THREADS = {"type": at_least(1), "help": "of each run; default all / jobs"}
CLASSIFIERS = [*MODELS, "svm", "extra_trees"]
ACCURACY = "metrics", "accuracy"
# What needs pixels beside each other, and the net that stands for ours on each kind of data.
OF_IMAGES, OURS, OURS_OF_TABLES = ("conv_net", "resnet", "attention_net"), "conv_net", "mlp_net"


def plan(asked):
    """Return each model on each data set that is asked for, in each half of those without parts."""
    found = []
    for name in asked.options.dataset:
        for model in asked.options.models:
            # An SVM takes as long as for all of Fashion-MNIST.
            if (name in TABLES and model in OF_IMAGES) or (name in DERIVED and model == "svm"):
                continue
            seeds = range(N_FOLDS) if name in FOLDED else asked.seeds
            if name not in FOLDED and not find(model).is_drawn:
                seeds = seeds[:1]  # who draws nothing is fitted once to official parts
            found += [({"data": name, "model": model}, seed) for seed in seeds]
    return found


def with_unit(name):
    """Return a function of ``benchmarks.one_fit`` for units of a model and its other arguments."""

    def call(unit, seed, asked):
        others = {key: value for key, value in unit.items() if key != "model"}
        return getattr(one_fit, name)(unit["model"], seed, asked, **others)

    return call


describe, measure = with_unit("describe"), with_unit("measure_apart")


def table(rows):
    """Write accuracies, a data set a column, and where nets are better than the best of others."""
    by_place = grouped(rows, lambda row: (row["unit"]["data"], row["unit"]["model"]))
    by_name = grouped(rows, lambda row: row["unit"]["data"])
    parts, every = [], [name for name in KNOWN if name in by_name]
    for is_derived in (False, True):
        if names := [name for name in every if (name in DERIVED) == is_derived]:
            parts += [_accuracies(by_place, names), _gains(by_place, names)]
    sizes = (
        f"{name} {its[0]['data']['train_rows']:,} training and "
        f"{its[0]['data']['test_rows']:,} test rows of {len(its[0]['class_names'])} classes"
        + (", halved five times" if name in FOLDED else "")
        for name, its in ((name, by_name[name]) for name in every)
    )
    words = (
        f"Test accuracy, mean ± standard deviation over halves or seeds. {'; '.join(sizes)}. "
        "Differences: "
        "points, with their 95 % intervals over seeds, or over halves, whose rows overlap, by "
        "Nadeau and Bengio's correction; the best of the others is chosen by these very results, "
        "in its favour."
    )
    parts.append(below(words, rows))
    if ranked(rows) is not None:
        parts.append("![Mean ranks of the classifiers over the data sets](images/datasets.png)")
    return "\n\n".join(parts)


def _accuracies(by_place, names):
    lines, marks = [], marks_of([row for its in by_place.values() for row in its])
    for model in CLASSIFIERS:
        found = [by_place.get((name, model)) for name in names]
        if any(found):
            cells = [
                cell(values(its, *ACCURACY), 100) + mark(its, marks) if its else "" for its in found
            ]
            lines.append([find(model).label, *cells])
    return pipe_table(lines, ["accuracy %", *names])


def _gains(by_place, names):
    """Write a line a data set: our net against the best of the others."""
    lines, marks = [], marks_of([row for its in by_place.values() for row in its])
    for name in names:
        of_model = {model: its for (data, model), its in by_place.items() if data == name}
        ours = OURS_OF_TABLES if name in TABLES else OURS
        others = {
            model: statistics.fmean(values(its, *ACCURACY))
            for model, its in of_model.items()
            if not find(model).ours
        }
        if ours in of_model and others:
            best = max(others, key=others.get)
            found = difference(of_model[ours], of_model[best], name)
            both = of_model[ours] + of_model[best]
            lines.append([name, find(ours).label, find(best).label, found + mark(both, marks)])
    return pipe_table(lines, ["data", "net", "best of the others", "difference"])


def difference(ours, others, name):
    """Write by how many points ours is better, seed by seed, with an interval."""
    base = {row["seed"]: row["metrics"]["accuracy"] for row in others}
    # Who draws nothing has one row, with which each of ours is compared.
    first = others[0]["metrics"]["accuracy"]
    gains = [row["metrics"]["accuracy"] - base.get(row["seed"], first) for row in ours]
    # Of k halves each has as many test rows as training rows.
    widened = (1 + len(gains)) ** 0.5 if name in FOLDED else 1.0
    return interval(gains, 100, widened=widened)


def ranked(rows):
    """Return accuracies of all that ran on every data set, None of too few for ranks."""
    import pandas as pd

    places = [row["unit"] | row["metrics"] for row in rows if row["unit"]["data"] not in DERIVED]
    frame = pd.DataFrame(places).pivot_table(index="data", columns="model", values="accuracy")
    frame = frame.drop(columns="dummy", errors="ignore").dropna(axis="columns")
    frame = frame.rename(columns=lambda name: find(name).label)
    return frame if len(frame) >= 5 and frame.shape[1] >= 3 else None


def draw(rows):
    """Draw the mean ranks of all that ran on every data set, joined where they may be equal."""
    import scikit_posthocs

    if (frame := ranked(rows)) is None:
        return None
    figure, axes = pyplot().subplots(figsize=(9, 3), layout="constrained")
    ranks = frame.rank(axis="columns", ascending=False).mean()
    chances = scikit_posthocs.posthoc_nemenyi_friedman(frame)
    scikit_posthocs.critical_difference_diagram(ranks, chances, ax=axes)
    axes.set_title(
        f"mean rank over {len(frame)} data sets; a bar joins what may be equal (Nemenyi)"
    )
    return figure


STUDY = study_of(
    __name__,
    cost="2 h",
    page="other_data.md",
    seeds=5,
    side_by_side=True,
    cheap=({"data": "digits", "model": "mlp_net"},),
    options={"--dataset": OPTION, "--models": names_option(CLASSIFIERS), "--threads": THREADS},
)
