"""The tables and the pictures of the imbalance benchmark."""

from benchmarks.markdown import pipe_table
from benchmarks.studies import by_run, caption, cell, difference

# Heading, metric, factor, decimals, whether the difference to nothing is shown.
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
SKEW = ("profile", "ratio", "permutation")
# The classical rivals, which are treatment and classifier in one: compared with the forest.
RIVALS = {"BalancedRandomForest": "RandomForest", "EasyEnsemble": "RandomForest"}
# In the order of the labels 0 to 9.
LABELS = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Boot",
)
SHOWN = ("nothing", "RandomOverSampler", "loss=logit_adjusted", "prior correction")


def frame_of(rows):
    """Return a study's tidy table: a row a run and metric, of the metrics without a class.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    DataFrame
    """
    import pandas as pd

    lines = []
    for row in rows:
        key = [row["estimator"], row["treatment"], *(row[name] for name in SKEW), row["seed"]]
        if row["estimator"] in RIVALS:
            key[:2] = RIVALS[row["estimator"]], row["estimator"]
        lines += [(*key, metric, value) for metric, value in row["metrics"].items()]
    return pd.DataFrame(lines, columns=["estimator", "treatment", *SKEW, "seed", "metric", "value"])


def markdown(rows):
    """Write a table an estimator, and one of the other skews.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    frame = frame_of(rows)
    first = frame[(frame["profile"] == "exponential") & frame["permutation"].isna()]
    ratio = first["ratio"].max()
    first = first[first["ratio"] == ratio]
    parts = []
    for estimator in first["estimator"].unique():
        title = f"**{estimator}, exponential profile, ratio {ratio:g}, classes in their own order**"
        parts += [title, _table(first[first["estimator"] == estimator])]
    if len(frame[list(SKEW)].drop_duplicates()) > 1:
        parts += ["**Balanced accuracy % under other skews**", _other_skews(frame)]
    return "\n\n".join([*parts, _caption(rows)])


def _table(frame):
    found = by_run(frame)
    estimator = frame["estimator"].iloc[0]
    headings = ["treatment"]
    for heading, *_, has_difference in COLUMNS:
        headings += [heading, "difference"] if has_difference else [heading]
    lines = []
    for treatment in frame["treatment"].unique():
        line = [treatment]
        for _, metric, factor, decimals, has_difference in COLUMNS:
            row = found.get((estimator, treatment, metric))
            line.append(cell(row, factor, decimals))
            if has_difference:
                line.append(difference(row, factor, 2))
        lines.append(line)
    return pipe_table(lines, headings)


def _other_skews(frame):
    frame = frame[frame["metric"] == "balanced_accuracy"]
    exponential = frame["profile"] == "exponential"
    skews = {
        f"ratio {ratio:g}": frame[exponential & (frame["ratio"] == ratio)]
        for ratio in sorted(frame["ratio"].dropna().unique())
    }
    orders = frame[exponential]["permutation"].nunique() + 1
    hundred = list(skews)[-1]
    # Treatments and seeds that have all orders, so that a mean is over the same runs.
    wide = skews[hundred].fillna({"permutation": -1})
    counts = wide.groupby(["estimator", "treatment", "seed"])["permutation"].transform("nunique")
    skews[hundred] = wide[counts == orders]
    fixed = frame[frame["profile"] == "deepsmote"]
    headings = {name: name for name in skews}
    headings[hundred] = f"{hundred}, {orders} orders of the classes"
    if len(fixed):
        skews["counts"] = fixed
        headings["counts"] = "4000 to 40 rows (DeepSMOTE)"
    found = {name: by_run(part) for name, part in skews.items()}
    lines = []
    for estimator in frame["estimator"].unique():
        for treatment in frame[frame["estimator"] == estimator]["treatment"].unique():
            cells = []
            for name in skews:
                row = found[name].get((estimator, treatment, "balanced_accuracy"))
                cells.append(f"{cell(row, 100, 2)} {difference(row, 100, 2)}".strip())
            if any(cells):
                lines.append([estimator, treatment, *cells])
    return pipe_table(lines, ["classifier", "treatment", *headings.values()])


def _caption(rows):
    return caption(
        rows,
        "All test images, whose classes are equally frequent; seconds of one thread beside other "
        "runs; peak memory with data and libraries; rows trained on as they reach the classifier. "
        "By their formulas, loss=balanced_softmax is loss=logit_adjusted, and loss=cross_entropy + "
        "DRW is loss=class_balanced + DRW: these are no second opinions. BorderlineSMOTE, ADASYN "
        "and SMOTEENN compare every row with every other one, and are measured on the smallest "
        "data alone; so is SMOTE before a forest outside of the first table.",
    )


def draw_recalls(rows, path):
    """Draw the recall of each class, from the most frequent to the rarest, before and after.

    Parameters
    ----------
    rows : list of dict
    path : pathlib.Path
        PNG file.
    """
    import numpy as np

    pyplot = _pyplot()
    ratio = max(row["ratio"] for row in rows if row["ratio"])
    known = {row["estimator"] for row in rows}
    estimators = [
        n for n in ("MLPNetClassifier", "ConvNetClassifier", "RandomForest") if n in known
    ]
    figure, axes = pyplot.subplots(
        1, len(estimators), figsize=(4.6 * len(estimators), 3.8), sharey=True, squeeze=False
    )
    for axis, estimator in zip(axes[0], estimators, strict=True):
        for i, treatment in enumerate(SHOWN):
            values = [
                [list(row["by_class"][key].values()) for key in ("rows", "recall")]
                for row in rows
                if (row["estimator"], row["treatment"]) == (estimator, treatment)
                and (row["profile"], row["ratio"]) == ("exponential", ratio)
                and row["permutation"] is None
            ]
            if not values:
                continue
            counts, recalls = np.mean(values, axis=0)
            order = np.argsort(-counts)
            names = [f"{LABELS[i]} {counts[i]:.0f}" for i in order]
            style = {"color": "black", "lw": 2.2} if treatment == "nothing" else {"color": f"C{i}"}
            axis.plot(100 * recalls[order], marker="o", ms=4, label=treatment, **style)
            axis.set_xticks(range(len(order)), names, rotation=60, ha="right", fontsize=8)
        axis.set_title(estimator)
        axis.set_xlabel("class, and its training images")
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("recall, %")
    axes[0, 0].legend(fontsize=8)
    _save(figure, path)


def draw_ratios(rows, path):
    """Draw balanced accuracy against the ratio, a line a treatment.

    Parameters
    ----------
    rows : list of dict
    path : pathlib.Path
        PNG file.
    """
    pyplot = _pyplot()
    frame = frame_of(rows)
    frame = frame[
        (frame["metric"] == "balanced_accuracy")
        & (frame["profile"] == "exponential")
        & frame["permutation"].isna()
    ]
    # Twenty points below all others, where they would flatten what can be compared.
    frame = frame[frame["treatment"] != "EasyEnsemble"]
    estimators = [n for n in frame["estimator"].unique() if n != "ConvNetClassifier"]
    figure, axes = pyplot.subplots(
        1, len(estimators), figsize=(5.4 * len(estimators), 4), squeeze=False
    )
    for axis, estimator in zip(axes[0], estimators, strict=True):
        mine = frame[frame["estimator"] == estimator]
        table = mine.pivot_table(index="ratio", columns="treatment", values="value")
        table = 100 * table.dropna(axis="columns")
        for i, treatment in enumerate(table.iloc[-1].sort_values(ascending=False).index):
            style = {"color": "black", "lw": 2.2} if treatment == "nothing" else {"color": f"C{i}"}
            # Ten colours are not enough.
            style |= {"linestyle": "--", "marker": "s"} if i >= 10 else {"marker": "o"}
            axis.plot(table.index, table[treatment], ms=4, label=treatment, **style)
        axis.set_xscale("log")
        axis.set_xticks(table.index, [f"{ratio:g}" for ratio in table.index])
        axis.minorticks_off()
        axis.set_title(estimator)
        axis.set_xlabel("most frequent to rarest class")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    axes[0, 0].set_ylabel("balanced accuracy, %")
    _save(figure, path)


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure, path):
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
