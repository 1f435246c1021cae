"""What balancing does to probabilities, and whether a prior makes them honest again."""

from benchmarks.data import load_split
from benchmarks.formatting import by_run, difference, pipe_table, summary_caption, summary_cell
from benchmarks.results import of_unit
from benchmarks.studies.imbalance import (
    EXPONENTIAL,
    FULL,
    MLP,
    QUICK,
    classifiers,
    frame_of,
    learned,
    runs,
)
from benchmarks.study import Study

BALANCED = {
    "sampling=balanced": {"sampling": "balanced"},
    "class_weight=balanced": {"class_weight": "balanced"},
    "loss=logit_adjusted": {"loss": "logit_adjusted"},
}
TREATMENTS = {"nothing": None}
for _name, _parameters in BALANCED.items():
    TREATMENTS[_name] = _parameters
    TREATMENTS[f"{_name}, prior=train"] = _parameters | {"prior": "train"}

COLUMNS = (
    ("log-loss", "log_loss", 1, 3),
    ("ECE %", "ece", 100, 2),
    ("accuracy %", "accuracy", 100, 2),
    ("balanced accuracy %", "balanced_accuracy", 100, 2),
)


def _nets(settings):
    """Return what is fitted, by name."""
    known = classifiers(settings)
    return {name: known[name] for name in MLP}


def describe(unit, seed, asked):
    """Say what was chosen: treatments, and the net with all its parameters."""
    from benchmarks.models import described

    settings = {"treatments": TREATMENTS, "classifiers": described(_nets(asked.settings))}
    return {"settings": settings, "data": asked.size}


def measure(unit, seed, asked):
    """Measure all treatments with one seed on test images that are skewed like the training."""
    where = {"n_jobs": asked.jobs, "cache": asked.cache}
    return _runs(seed, asked.images, asked.settings, TREATMENTS, **where)


def _runs(seed, images, settings, chosen, **options):
    """Return the rows of some treatments."""
    from skfashion.datasets import make_imbalanced
    from skfashion.studies import imbalance_study

    X, y, X_test, y_test, _ = images
    frame = imbalance_study(
        _nets(settings),
        *(X, y),
        # The same test rows for every seed.
        *make_imbalanced(X_test, y_test, random_state=0),
        treatments=chosen,
        **EXPONENTIAL,
        seeds=(seed,),
        **options,
    )
    return runs(frame)


def table(rows):
    """Write a line a treatment."""
    frame = frame_of(rows)
    found, headings, lines = by_run(frame), ["classifier", "treatment"], []
    for heading, *_ in COLUMNS:
        headings += [heading, "difference"]
    for names in dict.fromkeys(zip(frame["estimator"], frame["treatment"], strict=True)):
        line = [*names]
        for _, metric, *form in COLUMNS:
            row = found[*names, metric]
            line += [summary_cell(row, *form), difference(row, *form)]
        lines.append(line)
    n_rows = sum(rows[-1]["by_class"]["rows"].values())
    told = (
        f"Trained on {n_rows:,.0f} images of ratio 100, measured on test images of the same ratio."
    )
    return f"{pipe_table(lines, headings)}\n\n{summary_caption(rows, told)}"


def verify(rows):
    """Yield the fastest net as it is."""
    row = of_unit(rows, rows[0]["unit"], treatment="nothing")
    (found,) = _runs(0, load_split("full"), FULL, {"nothing": None}, verbose=0)
    yield row, learned(row), learned(found)


STUDY = Study(
    name="honesty",
    help="probabilities after balancing, and after its undoing",
    cost="7 min",
    page="imbalance.md",
    sizes={"full": FULL, "quick": QUICK},
    seeds=5,
    units=lambda asked: [{"estimators": MLP, **EXPONENTIAL}],
    describe=describe,
    measure=measure,
    table=table,
    verify=verify,
    packages=("imbalanced-learn",),
    distributed=True,
    description="""\
Fit a net to the skewed part of the training images that the benchmark "imbalance" begins with,
plain and balanced, and measure its probabilities on test images with the same skew: as they are,
and with prior="train", which takes the balancing back.
""",
)
