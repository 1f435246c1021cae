"""Probabilities after balancing, and after its undoing.

Fit a net to the skewed part of the training images that the benchmark "imbalance" begins with,
plain and balanced, and measure its probabilities on test images with the same skew: as they are,
and with prior="train", which takes the balancing back.
"""

from functools import partial

from benchmarks.formatting import summary_below, summary_table
from benchmarks.studies import imbalance
from benchmarks.studies.imbalance import EXPONENTIAL, MLP
from benchmarks.study import study_of

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
UNITS = ({"estimators": MLP, **EXPONENTIAL},)


def measure(unit, seed, asked):
    """Measure all treatments with one seed, on test images skewed like those of the training."""
    from skfashion.datasets import make_imbalanced

    # The same test rows for every seed.
    X_test, y_test = make_imbalanced(asked.images.X_test, asked.images.y_test, random_state=0)
    images = asked.images._replace(X_test=X_test, y_test=y_test)
    chosen = {"nothing": None} if asked.brief else TREATMENTS
    return imbalance.runs(unit, seed, images, asked.settings, chosen, **asked.parallel)


def table(rows):
    """Write a line a treatment."""
    text = summary_table(imbalance.frame_of(rows), COLUMNS, ["classifier", "treatment"])
    n_rows = sum(rows[-1]["by_class"]["rows"].values())
    trained = f"Trained on {n_rows:,.0f} images of ratio 100"
    words = f"{trained}, measured on test images of the same ratio."
    return f"{text}\n\n{summary_below(rows, words)}"


STUDY = study_of(
    __name__,
    cost="7 min",
    page="imbalance.md",
    sizes=imbalance.STUDY.sizes,
    seeds=5,
    describe=partial(imbalance.describe, chosen=TREATMENTS),
    cheap=UNITS,
    packages=("imbalanced-learn",),
    distributed=True,
)
