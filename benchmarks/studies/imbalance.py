"""Classifiers on skewed classes, and what treatments do about them.

Draw skewed parts of the training images, fit classifiers to them under each of
skfashion.studies.TREATMENTS that suits, and measure them on all of the test images, whose classes
are equally frequent. Each seed draws the rows and the initial weights anew. Nothing is chosen by
these results: classifiers, treatments and samplers have their defaults.
"""

import itertools
import warnings

import numpy as np

from benchmarks import formatting
from benchmarks.formatting import (
    by_run,
    marked,
    pipe_table,
    summary_below,
    summary_cells,
    summary_table,
)
from benchmarks.models import MODELS, described
from benchmarks.pictures import pyplot
from benchmarks.recipes import build
from benchmarks.study import study_of

# Where every treatment would take too long: one of each kind, and the usual ones.
FEW = ["nothing", "RandomOverSampler", "SMOTE", "RandomUnderSampler", "class_weight=balanced"]
FEW += ["sampling=balanced", "sampling=sqrt", "loss=logit_adjusted", "loss=ldam + DRW"]
FEW += ["prior correction", "threshold tuning"]
# A forest takes minutes for the mixed rows of SMOTE: on the smallest data, besides the first part.
FEW_OF_A_FOREST = ["nothing", "RandomUnderSampler", "class_weight=balanced", "prior correction"]
# Samplers that compare every row with every other one: on the smallest data alone.
SLOW = ["BorderlineSMOTE", "ADASYN", "SMOTEENN"]
# What stands for all treatments but some.
ALL, NOT_SLOW, OF_IMAGES = ["all but"], ["all but", *SLOW], ["all but", *SLOW, "PCA + SMOTE"]
# Those that have no sampling and no loss of their own to treat.
FEW_OF_OTHERS = ["nothing", "class_weight=balanced", "prior correction"]
MLP, CNN, FOREST = ["MLPNetClassifier"], ["ConvNetClassifier"], ["RandomForest"]
# With the settings of the main comparison, by their names.
OTHERS = {m.label: m for m in map(MODELS.get, ("logistic_regression", "hist_gradient_boosting"))}
# The classical rivals, which are treatment and classifier in one: compared with the forest.
RIVALS = {"BalancedRandomForest": "RandomForest", "EasyEnsemble": "RandomForest"}

EXPONENTIAL = {"profiles": ["exponential"], "ratios": [100], "permutations": [None]}
ORDERS, RATIOS = EXPONENTIAL | {"permutations": [1, 2]}, EXPONENTIAL | {"ratios": [10, 50]}
DEEPSMOTE, TWENTY = EXPONENTIAL | {"profiles": ["deepsmote"]}, EXPONENTIAL | {"ratios": [20]}
SKEW = ("profile", "ratio", "permutation")


def part(estimators, treatments, skew):
    """Return a part of the plan, which is measured as a whole: a unit, and its treatments."""
    return {"estimators": list(estimators), **skew}, treatments


PARTS = [
    part(MLP + FOREST, NOT_SLOW, EXPONENTIAL),
    part(CNN, OF_IMAGES, EXPONENTIAL),
    part(MLP, FEW, ORDERS),
    part(FOREST, FEW_OF_A_FOREST, ORDERS),
    part(MLP, FEW, RATIOS),
    part(FOREST, FEW_OF_A_FOREST, RATIOS),
    part(MLP, [*FEW, *SLOW], DEEPSMOTE),
    part(FOREST, [*FEW_OF_A_FOREST, "SMOTE", *SLOW], DEEPSMOTE),
    part(CNN, FEW, DEEPSMOTE),
    part(CNN, FEW, RATIOS),
    part(OTHERS, [*FEW_OF_OTHERS, "threshold tuning"], EXPONENTIAL),
    part(OTHERS, FEW_OF_OTHERS, RATIOS),
    *(part(RIVALS, ["nothing"], skew) for skew in (EXPONENTIAL, ORDERS, RATIOS, DEEPSMOTE)),
]
QUICK_PARTS = [part(MLP + FOREST, ALL, TWENTY), part(RIVALS, ["nothing"], TWENTY)]
FULL = {"parts": PARTS, "nets": {}, "trees": 100, "easy": 10}
QUICK = {"parts": QUICK_PARTS, "nets": {"max_epochs": 5}, "trees": 20, "easy": 5}


def classifiers(unit, settings):
    """Return the classifiers of a part by name, each with one thread: runs go side by side."""
    from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
    from sklearn.ensemble import RandomForestClassifier

    net = {"n_threads": 1, "device": "cpu"} | settings["nets"]
    known = {name: build(name, net, None) for name in MLP + CNN} | {
        "RandomForest": RandomForestClassifier(settings["trees"]),
        "BalancedRandomForest": BalancedRandomForestClassifier(settings["trees"]),
        "EasyEnsemble": EasyEnsembleClassifier(settings["easy"]),
        **{name: model.build(None, 1) for name, model in OTHERS.items()},
    }
    return {name: known[name] for name in unit["estimators"]}


def treatments(unit, settings):
    """Return the names of the treatments of a part."""
    from skfashion.studies import TREATMENTS

    (names,) = (names for its, names in settings["parts"] if its == unit)
    return [name for name in TREATMENTS if name not in names] if names[0] == "all but" else names


def describe(unit, seed, asked, chosen=None):
    """Say by what a row is recognised: treatments, and classifiers with all their parameters."""
    settings = {"treatments": chosen or treatments(unit, asked.settings)}
    settings["classifiers"] = described(classifiers(unit, asked.settings))
    scope = "images" if {*MLP, *CNN} & {*unit["estimators"]} else None
    return {"settings": settings, "data": asked.size, "scope": scope}


def measure(unit, seed, asked):
    """Measure a part of the plan with one seed: a row a run."""
    names = treatments(unit, asked.settings)
    with warnings.catch_warnings():
        # ADASYN and others refuse some data, and then have no row of results.
        warnings.filterwarnings("default", message="A run failed", category=RuntimeWarning)
        return runs(unit, seed, asked.images, asked.settings, names, **asked.parallel)


def runs(unit, seed, images, settings, treatments, **options):
    """Return the rows of a part under some treatments: ``metrics``, and ``by_class`` each class."""
    import pandas as pd

    from skfashion.studies import imbalance_study

    own = {key: unit[key] for key in EXPONENTIAL} | {"treatments": treatments, "seeds": (seed,)}
    frame = imbalance_study(classifiers(unit, settings), *images[:4], **own, **options)
    found, keys = {}, ("estimator", "treatment", *SKEW)
    for line in frame[frame["metric"] != "failed"].to_dict("records"):
        names = tuple(None if pd.isna(line[key]) else line[key] for key in keys)
        its = {"metrics": {}, "by_class": {}}
        run = found.setdefault(names, dict(zip(keys, names, strict=True)) | its)
        metrics, label, value = run["metrics"], line["class"], round(line["value"], 6)
        if pd.isna(label):
            metrics[line["metric"]] = value
        else:
            run["by_class"].setdefault(line["metric"], {})[str(label)] = value
    return list(found.values())


def units(asked):
    """Return the parts of the plan."""
    return [unit for unit, _ in asked.settings["parts"]]


COLUMNS = (
    ("balanced accuracy %", "balanced_accuracy", 100, 2, True),
    ("macro F1 %", "f1_macro", 100, 2, True),
    ("G-mean %", "geometric_mean", 100, 1, False),
    ("worst recall %", "worst_class_recall", 100, 1, False),
    ("ROC AUC", "roc_auc_ovr", 1, 3, False),
    ("MCC", "matthews_corrcoef", 1, 3, False),
    ("log-loss", "log_loss", 1, 3, False),
    ("ECE %", "ece", 100, 1, False),
    ("fit s", "fit_seconds", 1, 1, False),
    ("rows trained on", "rows_trained", 1, 0, False),
    ("peak MB", "peak_memory_mb", 1, 0, False),
)


# Which treatments are compared with each other, the first with the second.
PAIRS = (
    ("prior correction", "loss=logit_adjusted"),
    ("prior correction", "threshold tuning"),
    ("prior correction", "class_weight=balanced"),
    ("prior correction", "loss=ldam + DRW"),
    ("loss=logit_adjusted + DRW", "prior correction"),
    ("loss=ldam + DRW", "class_weight=balanced"),
    ("class_weight=balanced", "SMOTE"),
    ("PCA + SMOTE", "SMOTE"),
    ("class_weight=balanced", "BalancedRandomForest"),
)


def frame_of(rows):
    """Return the metrics of rows as a tidy table, in which rivals are treatments of the forest."""
    named = []
    for row in rows:
        name = row["estimator"]
        rival = {"estimator": RIVALS[name], "treatment": name} if name in RIVALS else {}
        named.append(row | rival)
    return formatting.frame_of(named, more=SKEW)


def table(rows):
    """Write a table an estimator, and one of the other skews."""
    frame, parts = frame_of(rows), []
    first = frame[(frame["profile"] == "exponential") & frame["permutation"].isna()]
    ratio = first["ratio"].max()
    for estimator, its in first[first["ratio"] == ratio].groupby("estimator", sort=False):
        title = f"**{estimator}, exponential profile, ratio {ratio:g}, classes in their own order**"
        parts += [title, summary_table(its, COLUMNS, ["treatment"])]
    skews = _skews(frame)
    largest = first[(first["ratio"] == ratio) & (first["metric"] == "balanced_accuracy")]
    if pairs := _pairs({f"ratio {ratio:g}": largest, **skews}):
        parts += ["**Balanced accuracy of one treatment above another, points**", pairs]
    if len(frame[list(SKEW)].drop_duplicates()) > 1:
        parts += ["**Balanced accuracy % under other skews**", _other_skews(frame, skews)]
    words = (
        "Differences between two treatments have paired 95 % intervals, not corrected for their "
        "number. All test images, whose classes are equally frequent; seconds of one thread "
        "beside other runs; peak memory with data and libraries; rows trained on as they reach "
        "the classifier. By their formulas, loss=balanced_softmax is loss=logit_adjusted, and "
        "loss=cross_entropy + DRW is loss=class_balanced + DRW: each pair counts as one. "
        "BorderlineSMOTE, ADASYN and SMOTEENN compare every row with every other one, and are "
        "measured on the smallest data alone; so is SMOTE before a forest outside of the first "
        "table."
    )
    return "\n\n".join([*parts, summary_below(rows, words)])


def _skews(frame):
    """Return the balanced accuracies of each skew, the largest one's over all orders of classes."""
    frame = frame[frame["metric"] == "balanced_accuracy"]
    exponential, fixed = (frame[frame["profile"] == name] for name in ("exponential", "deepsmote"))
    skews = {f"ratio {ratio:g}": its for ratio, its in exponential.groupby("ratio")}
    # Treatments and seeds that have all orders, so that a mean is over the same runs.
    orders = exponential["permutation"].nunique() + 1
    largest, wide = skews.popitem()
    kinds = [wide[key] for key in ("estimator", "treatment", "seed")]
    counts = wide["permutation"].fillna(-1).groupby(kinds).transform("nunique")
    skews[f"{largest}, {orders} orders of the classes"] = wide[counts == orders]
    if len(fixed):
        skews["4000 to 40 rows (DeepSMOTE)"] = fixed
    return skews


def _pairs(skews):
    """Write how much better some treatments are than others, seed by seed, a column a skew."""
    # A mean over the orders of the classes, a line a seed; missing where there is none.
    keys = {"index": "seed", "columns": ["estimator", "treatment"], "values": "value"}
    found = {skew: its.pivot_table(**keys) for skew, its in skews.items()}
    lines = []
    for estimator in dict.fromkeys(name for its in skews.values() for name in its["estimator"]):
        for pair in PAIRS:
            runs, cells = [(estimator, treatment) for treatment in pair], []
            for values in found.values():
                both = values.reindex(columns=runs).dropna()
                gains = list(both[runs[0]] - both[runs[1]])
                cells.append(formatting.interval(gains, 100) if len(gains) > 1 else "")
            lines += [[estimator, " above ".join(pair), *cells]] if any(cells) else []
    return pipe_table(lines, ["classifier", "treatments", *found]) if lines else ""


def _other_skews(frame, skews):
    """Write balanced accuracies, a column a ratio, the largest one over all orders of classes."""
    frame = frame[frame["metric"] == "balanced_accuracy"]
    found, lines = [by_run(its) for its in skews.values()], []
    for estimator, mine in frame.groupby("estimator", sort=False):
        for treatment, its in mine.groupby("treatment", sort=False):
            key = (estimator, treatment, "balanced_accuracy")
            cells = [" ".join(summary_cells(skew.get(key), 100, 2)).strip() for skew in found]
            lines += [[estimator, marked(treatment, its), *cells]] if any(cells) else []
    return pipe_table(lines, ["classifier", "treatment", *skews])


def draw_recalls(rows):
    """Draw the recall of each class, from the most frequent to the rarest, before and after."""
    from skfashion.datasets import load_fashion_sample

    skew = ("exponential", max(row["ratio"] for row in rows if row["ratio"]), None)
    rows = [row for row in rows if tuple(row[key] for key in SKEW) == skew]
    groups = formatting.grouped(rows, "estimator", "treatment")
    classes = load_fashion_sample().target_names
    estimators = [name for name in MLP + CNN + FOREST if (name, "nothing") in groups]
    shown = ("nothing", "RandomOverSampler", "loss=logit_adjusted", "prior correction")
    figure, axes = _panels(estimators, size=(4.6, 3.8), sharey=True)
    for axis, estimator in zip(axes, estimators, strict=True):
        for i, treatment in enumerate(shown):
            its = [row["by_class"] for row in groups.get((estimator, treatment), [])]
            if its:
                values = [[list(of[key].values()) for key in ("rows", "recall")] for of in its]
                counts, recalls = np.mean(values, axis=0)
                order = np.argsort(-counts)
                axis.plot(100 * recalls[order], ms=4, label=treatment, **_style(treatment, i))
        names = [f"{classes[label]} {counts[label]:.0f}" for label in order]
        axis.set_xticks(range(len(order)), names, rotation=60, ha="right", fontsize=8)
        axis.set_xlabel("class, and its training images")
    axes[0].set_ylabel("recall, %")
    axes[0].legend(fontsize=8)
    return figure


def draw_ratios(rows):
    """Draw balanced accuracy against the ratio, a line a treatment; nothing for a single ratio."""
    frame = frame_of(rows)
    wanted = frame["metric"].eq("balanced_accuracy") & frame["profile"].eq("exponential")
    # EasyEnsemble is twenty points below all others, and would flatten what can be compared.
    wanted &= frame["treatment"].ne("EasyEnsemble") & frame["permutation"].isna()
    frame = frame[wanted]
    if frame["ratio"].nunique() < 2:
        return None
    groups = dict(list(frame.groupby("estimator", sort=False)))
    # A treatment has one look in all panels.
    order = list(dict.fromkeys(frame["treatment"]))
    figure, axes = _panels(groups, size=(5, 4))
    for axis, mine in zip(axes, groups.values(), strict=True):
        table = mine.pivot_table(index="ratio", columns="treatment", values="value")
        table = 100 * table.dropna(axis="columns")
        for treatment in table.iloc[-1].sort_values(ascending=False).index:
            style = _style(treatment, order.index(treatment))
            axis.plot(table[treatment], ms=4, label=treatment, **style)
        axis.set(xscale="log", xlabel="most frequent to rarest class")
        axis.set_xticks(table.index, [f"{ratio:g}" for ratio in table.index])
        axis.minorticks_off()
        axis.legend(fontsize=7)
    axes[0].set_ylabel("balanced accuracy, %")
    return figure


def _panels(titles, size, **options):
    """Return a figure and its axes, up to three in a line, each with a title and a grid."""
    shape = -(-len(titles) // 3), min(len(titles), 3)
    figure = pyplot().figure(figsize=(size[0] * shape[1], size[1] * shape[0]), layout="tight")
    axes = figure.subplots(*shape, squeeze=False, **options).ravel()
    for axis, title in itertools.zip_longest(axes, titles):
        axis.set_visible(title is not None)
        axis.set_title(title)
        axis.grid(alpha=0.3)
    return figure, axes[: len(titles)]


def _style(treatment, i):
    """Return the look of a line: nothing in black, and dashed where ten colours are not enough."""
    style = {"color": "black", "lw": 2.2} if treatment == "nothing" else {"color": f"C{i}"}
    return style | ({"linestyle": "--", "marker": "s"} if i >= 10 else {"marker": "o"})


STUDY = study_of(
    __name__,
    cost="3 h",
    page="imbalance.md",
    seeds=5,
    cheap=({"estimators": [*RIVALS], **EXPONENTIAL},),
    pictures={"imbalance_recalls.png": draw_recalls, "imbalance_ratios.png": draw_ratios},
    packages=("imbalanced-learn",),
    distributed=True,
)
