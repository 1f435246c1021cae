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
from benchmarks.formatting import below, cell, grouped, interval, pipe_table, values
from benchmarks.models import MODELS, RIVALS
from benchmarks.pictures import pyplot
from benchmarks.recipes import find
from benchmarks.study import study_of

KNOWN = (*SMALL, *LARGE, *DERIVED)
OPTION = names_option(KNOWN) | {
    "default": ",".join([*SMALL, *DERIVED]),
    "help": f"some of {', '.join(KNOWN)}; default {', '.join([*SMALL, *DERIVED])}",
}
CLASSIFIERS = [*MODELS, *(name for name in ("svm", "extra_trees") if name in RIVALS)]
# What needs pixels beside each other, and the net that stands for ours on each kind of data.
OF_IMAGES, OURS, OURS_OF_TABLES = ("conv_net", "resnet", "attention_net"), "conv_net", "mlp_net"
# As long as all of Fashion-MNIST.
SLOW = ("svm",)


def plan(asked):
    """Return each model on each data set that is asked for, in each half of those without parts."""
    found = []
    for name in asked.options.dataset:
        seeds = range(N_FOLDS) if name in FOLDED else asked.seeds
        for model in asked.options.models:
            kinds = (TABLES, OF_IMAGES), (DERIVED, SLOW)
            if any(name in these and model in those for these, those in kinds):
                continue
            unit = {"data": name, "model": model}
            # Who draws nothing is fitted once to official parts.
            is_drawn = name in FOLDED or find(model).is_drawn
            found += [(unit, seed) for seed in (seeds if is_drawn else asked.seeds[:1])]
    return found


def describe(unit, seed, asked):
    """Say by what a row is recognised, see ``benchmarks.study.Study.describe``."""
    return one_fit.describe(unit["model"], seed, asked, data=unit["data"])


def measure(unit, seed, asked):
    """Fit and measure one model on one data set, in a process of its own."""
    return one_fit.measure_apart(unit["model"], seed, asked, data=unit["data"])


def table(rows):
    """Write accuracies, a data set a column, and where nets are better than the best of others."""
    by_place = grouped(rows, lambda row: (row["unit"]["data"], row["unit"]["model"]))
    by_name = grouped(rows, lambda row: row["unit"]["data"])
    parts, every = [], [name for name in KNOWN if name in by_name]
    new = [name for name in every if name not in DERIVED]
    for names in (new, [name for name in every if name in DERIVED]):
        if names:
            parts += [_accuracies(by_place, names), _gains(by_place, names)]
    sizes = (
        f"{name} {its[0]['data']['train_rows']:,} training and "
        f"{its[0]['data']['test_rows']:,} test rows of {len(its[0]['class_names'])} classes"
        + (", halved five times" if name in FOLDED else "")
        for name, its in ((name, by_name[name]) for name in every)
    )
    words = (
        f"Test accuracy, mean ± deviation over halves or seeds. {'; '.join(sizes)}. Differences: "
        "points, with their 95 % intervals over seeds, or over halves, whose rows overlap, by "
        "Nadeau and Bengio's correction; the best of the others is chosen by these very results, "
        "in its favour."
    )
    picture = "![Mean ranks of the classifiers over the data sets](images/datasets.png)"
    pictures = [] if ranked(rows) is None else [picture]
    return "\n\n".join([*parts, below(words, rows), *pictures])


def _accuracies(by_place, names):
    lines = []
    for model in CLASSIFIERS:
        found = [values(by_place.get((name, model), []), "metrics", "accuracy") for name in names]
        if any(found):
            cells = [cell(its, 100) if its else "" for its in found]
            lines.append([find(model).label, *cells])
    return pipe_table(lines, ["accuracy %", *names])


def _gains(by_place, names):
    """Write a line a data set: our net against the best of the others."""
    lines = []
    for name in names:
        of_model = {model: by_place[name, model] for data, model in by_place if data == name}
        ours = OURS_OF_TABLES if name in TABLES else OURS
        others = {m: accuracy_of(its) for m, its in of_model.items() if not find(m).ours}
        if ours not in of_model or not others:
            continue
        best = max(others, key=others.get)
        found = difference(of_model[ours], of_model[best], name)
        lines.append([name, find(ours).label, find(best).label, found])
    return pipe_table(lines, ["data", "net", "best of the others", "difference"])


def accuracy_of(rows):
    """Return the mean accuracy of rows."""
    return statistics.fmean(values(rows, "metrics", "accuracy"))


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

    places = [row["unit"] | {"accuracy": row["metrics"]["accuracy"]} for row in rows]
    places = [place for place in places if place["data"] not in DERIVED]
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
    options={
        "--dataset": OPTION,
        "--models": names_option(CLASSIFIERS),
        "--threads": {"type": at_least(1), "help": "of each run; default all / jobs"},
    },
)
