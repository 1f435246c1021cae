"""How soon a monitor notices that images have drifted, and what it estimates meanwhile.

Each seed draws training and validation images anew, fits each classifier, and makes a profile of
the validation images. Streams of test images then differ from them in a known way, by
skfashion.studies.DRIFTS; skfashion.studies.drift_study says what is measured. Nothing is chosen on
the test images: windows and rates are the defaults, which were chosen on training images alone.
"""

from functools import partial

import numpy as np

from benchmarks.data import part
from benchmarks.detectors import detectors
from benchmarks.errors import names_option
from benchmarks.formatting import below, group_table, grouped, interval, seeds, values
from benchmarks.study import study_of

FULL = {"train_rows": 20_000, "valid_rows": 10_000, "windows": [500, 1000], "n_images": 2000}
FULL |= {"n_streams": 10, "false_alarm_rate": 0.05, "drifts": None, "trees": 100}
QUICK = FULL | {"train_rows": 2_000, "valid_rows": 1_000, "n_streams": 4}
UNITS = ("MLPNetClassifier", "ConvNetClassifier", "RandomForest")
OURS, ALARMS, WITHIN = "DriftMonitor", "windows with an alarm", "noticed within {} images"


def classifiers(unit, settings):
    """Return the classifier of a unit, with one thread."""
    if unit == "RandomForest":
        from sklearn.ensemble import RandomForestClassifier

        return {unit: RandomForestClassifier(settings["trees"])}
    import skfashion

    return {unit: getattr(skfashion, unit)(n_threads=1, device="cpu")}


def measure(unit, seed, asked):
    """Measure all drifts with one seed: a row a drift, detector and window, with ``metrics``."""
    from skfashion.studies import DRIFTS, drift_study

    settings = asked.settings
    drifts = settings["drifts"] or list(DRIFTS)
    X, y = part(*asked.images[:2], settings["train_rows"] + settings["valid_rows"], seed)
    same = ("windows", "n_images", "n_streams", "false_alarm_rate")
    frame = drift_study(
        classifiers(unit, settings),
        *(X, y, *asked.images[2:4]),
        drifts=drifts[:1] if asked.brief else drifts,
        detectors=None if asked.brief else detectors(),
        validation_size=settings["valid_rows"],
        seeds=(seed,),
        verbose=0,
        on_error="raise",
        **{key: settings[key] for key in same},
    )
    keys = ["drift", "detector", "window"]
    for names, its in frame.groupby(keys, sort=False):
        run = dict(zip(keys, names, strict=True))
        its = its.dropna(subset="value")  # a mean of no alarms is none
        metrics = {name: round(v, 6) for name, v in zip(its["metric"], its["value"], strict=True)}
        yield run | {"window": int(run["window"]), "metrics": metrics}


def table(rows):
    """Write two tables a classifier: what is noticed, and what is estimated meanwhile."""
    windows, parts = sorted({row["window"] for row in rows}), []
    for unit, its in grouped(rows, "unit").items():
        ours = grouped([row for row in its if row["detector"] == OURS], "window")
        others = grouped([row for row in its if row["detector"] != OURS], "detector")
        noticed = grouped(ours[windows[0]], "drift")
        parts.append(f"**{unit}: how often and how soon, windows of {windows[0]:,}**")
        parts.append(group_table(noticed, ["drift"], NOTICED | _of_others(others)))
        parts.append(f"**{unit}: what is estimated, windows of {windows[-1]:,}**")
        parts.append(group_table(grouped(ours[windows[-1]], "drift"), ["drift"], ESTIMATED))
    settings = rows[-1]["settings"]
    words = (
        f"Means over {seeds(rows)} with their 95 % intervals. Each seed draws "
        f"{settings['train_rows']:,} training and {settings['valid_rows']:,} validation images and "
        f"{settings['n_streams']} streams of {settings['n_images']:,} test images a drift. The "
        f"stated rate of false alarms is {100 * settings['false_alarm_rate']:g} % of the windows. "
        "What others are given: the validation images as a reference, and of each image all "
        "probabilities, confidence, predicted class, brightness, contrast and roughness "
        "(evidently's rule), or its confidence (river). Prior fed back: as the first window "
        "estimates it, on the images that follow."
    )
    # Not that of the last row: seeds and classifiers may have been measured one by one.
    return "\n\n".join([*parts, below(words, rows, "python -m benchmarks drift")])


def _of_others(others):
    """Return columns of other detectors: windows with an alarm, and streams noticed."""

    def write(rows, name):
        its = [row for row in others[name] if row["drift"] == rows[0]["drift"]]
        means = (np.mean(values(its, "metrics", key)) for key in (ALARMS, WITHIN.format(1000)))
        return " / ".join(f"{100 * mean:.0f}" for mean in means)

    return {f"{name}: windows / within 1,000 %": partial(write, name=name) for name in others}


def _mean(metric, decimals=2, factor=100):
    """Return what writes the mean of a metric, "" where no seed has it."""

    def write(rows):
        found = [row["metrics"][metric] for row in rows if metric in row["metrics"]]
        within = 0, 100 if factor == 100 else np.inf  # all are shares, errors or numbers of images
        return interval(found, factor, decimals, sign="", within=within)

    return write


def _gain(prior):
    """Return what writes how much accuracy a prior gains, "" where it was not measured."""
    after, before = f"accuracy {prior}", "accuracy before"

    def write(rows):
        found = [m[after] - m[before] for m in values(rows, "metrics") if {after, before} <= set(m)]
        return interval(found, 100)

    return write


def _tests(rows):
    """Name the tests that give an alarm in more than half of the windows."""
    names = [name for name in rows[0]["metrics"] if name.startswith(f"{ALARMS}: ")]
    often = [name for name in names if np.mean(values(rows, "metrics", name)) > 0.5]
    return ", ".join(name.removeprefix(f"{ALARMS}: ") for name in often)


# Columns by heading.
NOTICED = {
    "windows with an alarm %": _mean(ALARMS, 1),
    "streams noticed within 500 images %": _mean(WITHIN.format(500), 1),
    "within 1,000 %": _mean(WITHIN.format(1000), 1),
    "images until the alarm": _mean("images until the alarm", 0, 1),
    "tests that notice most windows": _tests,
}
ESTIMATED = {
    "accuracy %": _mean("accuracy", 1),
    "error of it by the report, points": _mean("error of expected accuracy"),
    "error of it by ATC, points": _mean("error of thresholded confidence"),
    "error of it by mean confidence, points": _mean("error of mean confidence"),
    "error of it by no change, points": _mean("error of validation accuracy"),
    "error of class mix by the report %": _mean("error of class mix", 1),
    "error of class mix by BBSE %": _mean("error of class mix by BBSE", 1),
    "error of class mix by counting predictions %": _mean(
        "error of class mix by counting predictions", 1
    ),
    "error of class mix by no change %": _mean("error of class mix of the validation data", 1),
    "label shift said %": _mean("windows of label shift", 0),
    "gain with the estimated prior, points": _gain("with the estimated prior"),
    "gain with that by BBSE, points": _gain("with the prior by BBSE"),
    "gain with the true one, points": _gain("with the true prior"),
    "gain with what is advised, points": _gain("as advised"),
}
STUDY = study_of(
    __name__,
    cost="60 min",
    page="monitoring.md",
    seeds=5,
    units=lambda asked: asked.options.classifiers,
    options={"--classifiers": names_option(UNITS)},
    packages=("river",),
    cheap=("MLPNetClassifier",),
)
