"""What balancing does to probabilities, and whether a prior makes them honest again.

Fit a net to the skewed part of the training images that the benchmark "imbalance" begins with,
plain and balanced, and measure its probabilities on test images with the same skew: as they are,
and with prior="train", which takes the balancing back.
"""

from benchmarks.data import load_split
from benchmarks.formatting import summary_below, summary_table
from benchmarks.results import of_unit
from benchmarks.studies import imbalance
from benchmarks.studies.imbalance import EXPONENTIAL, FULL, MLP, QUICK
from benchmarks.study import Study

BALANCED = {"sampling": "balanced", "class_weight": "balanced", "loss": "logit_adjusted"}
TREATMENTS = {"nothing": None}
for name, value in BALANCED.items():
    TREATMENTS[f"{name}={value}"] = {name: value}
    TREATMENTS[f"{name}={value}, prior=train"] = {name: value, "prior": "train"}

COLUMNS = (
    ("log-loss", "log_loss", 1, 3, True),
    ("ECE %", "ece", 100, 2, True),
    ("accuracy %", "accuracy", 100, 2, True),
    ("balanced accuracy %", "balanced_accuracy", 100, 2, True),
)
UNIT = {"estimators": MLP, **EXPONENTIAL}


def _runs(seed, images, settings, treatments, **options):
    """Return the rows of some treatments, measured on test images skewed like the training."""
    from skfashion.datasets import make_imbalanced

    # The same test rows for every seed.
    X_test, y_test = make_imbalanced(images.X_test, images.y_test, random_state=0)
    images = images._replace(X_test=X_test, y_test=y_test)
    return imbalance.runs(UNIT, seed, images, settings, treatments, **options)


def table(rows):
    """Write a line a treatment."""
    text = summary_table(imbalance.frame_of(rows), COLUMNS, ["classifier", "treatment"])
    n_rows = sum(rows[-1]["by_class"]["rows"].values())
    trained = f"Trained on {n_rows:,.0f} images of ratio 100"
    words = f"{trained}, measured on test images of the same ratio."
    return f"{text}\n\n{summary_below(rows, words)}"


def verify(rows):
    """Yield the fastest net as it is."""
    row = of_unit(rows, UNIT, treatment="nothing")
    (found,) = _runs(0, load_split("full"), FULL, {"nothing": None}, verbose=0)
    yield row, imbalance.learned(row), imbalance.learned(found)


STUDY = Study(
    name="honesty",
    help="probabilities after balancing, and after its undoing",
    cost="7 min",
    page="imbalance.md",
    sizes={"full": FULL, "quick": QUICK},
    seeds=5,
    units=lambda asked: [UNIT],
    describe=lambda unit, seed, asked: imbalance.chosen(unit, TREATMENTS, asked),
    measure=lambda unit, seed, asked: _runs(
        seed, asked.images, asked.settings, TREATMENTS, **asked.parallel
    ),
    table=table,
    verify=verify,
    packages=("imbalanced-learn",),
    distributed=True,
)
