"""How soon a monitor notices that images have drifted, and what it estimates meanwhile.

Each seed draws training and validation images anew, fits each classifier, and makes a profile of
the validation images. Streams of test images then differ from them in a known way, by
skfashion.studies.DRIFTS; skfashion.studies.drift_study says what is measured. Nothing is chosen on
the test images: windows and rates are the defaults, which were chosen on training images alone.
"""

import numpy as np

from benchmarks.data import part
from benchmarks.detectors import detectors
from benchmarks.errors import names_option
from benchmarks.formatting import below, grouped, interval, pipe_table, seeds
from benchmarks.study import study_of

FULL = {"train_rows": 20_000, "valid_rows": 10_000, "windows": [500, 1000], "n_images": 2000}
FULL |= {"n_streams": 10, "false_alarm_rate": 0.05, "drifts": None, "trees": 100}
QUICK = FULL | {"train_rows": 2_000, "valid_rows": 1_000, "n_streams": 4}
UNITS = ("MLPNetClassifier", "ConvNetClassifier", "RandomForest")
OURS, ALARMS = "DriftMonitor", "windows with an alarm"
# What tables call things, and what the study does.
GUESSES = {
    "the report": "expected accuracy",
    "ATC": "thresholded confidence",
    "mean confidence": "mean confidence",
    "no change": "validation accuracy",
}
MIXES = {
    "the report": "",
    "BBSE": " by BBSE",
    "counting predictions": " by counting predictions",
    "no change": " of the validation data",
}
PRIORS = {
    "the estimated prior": "with the estimated prior",
    "that by BBSE": "with the prior by BBSE",
    "the true one": "with the true prior",
    "what is advised": "as advised",
}


def classifiers(unit, settings):
    """Return the classifier of a unit, with one thread."""
    from sklearn.ensemble import RandomForestClassifier

    from skfashion import ConvNetClassifier, MLPNetClassifier

    known = {
        "MLPNetClassifier": MLPNetClassifier(n_threads=1, device="cpu"),
        "ConvNetClassifier": ConvNetClassifier(n_threads=1, device="cpu"),
        "RandomForest": RandomForestClassifier(settings["trees"]),
    }
    return {unit: known[unit]}


def measure(unit, seed, asked):
    """Measure all drifts with one seed: a row a drift, detector and window, with ``metrics``."""
    from skfashion.studies import DRIFTS, drift_study

    settings = asked.settings
    drifts = settings["drifts"] or list(DRIFTS)
    X, y = part(*asked.images[:2], settings["train_rows"] + settings["valid_rows"], seed)
    options = {name: settings[name] for name in ("windows", "n_images", "n_streams")}
    frame = drift_study(
        classifiers(unit, settings),
        *(X, y, *asked.images[2:4]),
        drifts=drifts[:1] if asked.brief else drifts,
        detectors=None if asked.brief else detectors(),
        validation_size=settings["valid_rows"],
        false_alarm_rate=settings["false_alarm_rate"],
        seeds=(seed,),
        verbose=0,
        on_error="raise",
        **options,
    )
    keys = ["drift", "detector", "window"]
    for (drift, detector, window), its in frame.groupby(keys, sort=False):
        # A mean of no alarms is none.
        pairs = its[["metric", "value"]].dropna().itertuples(index=False)
        metrics = {metric: round(value, 6) for metric, value in pairs}
        run = {"drift": drift, "detector": detector, "window": int(window)}
        yield run | {"metrics": metrics}


def table(rows):
    """Write two tables a classifier: what is noticed, and what is estimated meanwhile."""
    windows, parts = sorted({row["window"] for row in rows}), []
    for unit, its in grouped(rows, "unit").items():
        ours = grouped([row for row in its if row["detector"] == OURS], "window", "drift")
        others = grouped([row for row in its if row["detector"] != OURS], "detector", "drift")
        title = f"**{unit}: how often and how soon, windows of"
        parts += [f"{title} {windows[0]:,}**", _noticed(windows[0], ours, others)]
        title = f"**{unit}: what is estimated, windows of"
        parts += [f"{title} {windows[-1]:,}**", _estimated(windows[-1], ours)]
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


def _noticed(window, ours, others):
    """Write a line a drift: alarms of ours and of the others."""
    detectors, lines = list(dict.fromkeys(name for name, _ in others)), []
    for drift in [drift for its, drift in ours if its == window]:
        group = ours[window, drift]
        within = (f"noticed within {n} images" for n in (500, 1000))
        line = [drift, _cell(group, ALARMS, 1), *(_cell(group, name, 1) for name in within)]
        line += [_cell(group, "images until the alarm", 0, 1), _tests(group)]
        for name in detectors:
            its = others[name, drift]
            line.append(" / ".join(_mean(its, m) for m in (ALARMS, "noticed within 1000 images")))
        lines.append(line)
    headings = ["drift", "windows with an alarm %", "streams noticed within 500 images %"]
    headings += ["within 1,000 %", "images until the alarm", "tests that notice most windows"]
    return pipe_table(lines, [*headings, *(f"{n}: windows / within 1,000 %" for n in detectors)])


def _estimated(window, ours):
    """Write a line a drift: errors of estimates, and accuracy with several priors."""
    lines = []
    for drift in [drift for its, drift in ours if its == window]:
        group = ours[window, drift]
        lines.append([drift, _cell(group, "accuracy", 1)])
        lines[-1] += [_cell(group, f"error of {name}") for name in GUESSES.values()]
        lines[-1] += [_cell(group, f"error of class mix{name}", 1) for name in MIXES.values()]
        lines[-1].append(_cell(group, "windows of label shift", 0))
        for name in PRIORS.values():
            gains = [_gain(row["metrics"], name) for row in group]
            lines[-1].append("" if None in gains else interval(gains, 100))
    headings = ["drift", "accuracy %", *(f"error of it by {name}, points" for name in GUESSES)]
    headings += [f"error of class mix by {name} %" for name in MIXES]
    headings += ["label shift said %", *(f"gain with {name}, points" for name in PRIORS)]
    return pipe_table(lines, headings)


def _cell(group, metric, decimals=2, factor=100):
    """Write the mean of a metric over seeds, "" where no seed has it."""
    found = [row["metrics"][metric] for row in group if metric in row["metrics"]]
    return interval(found, factor, decimals, sign="")


def _mean(group, metric):
    return f"{100 * np.mean([row['metrics'][metric] for row in group]):.0f}"


def _tests(group):
    """Name the tests that give an alarm in more than half of the windows."""
    names = [name for name in group[0]["metrics"] if name.startswith(f"{ALARMS}: ")]
    shares = {name: np.mean([row["metrics"][name] for row in group]) for name in names}
    return ", ".join(name.removeprefix(f"{ALARMS}: ") for name in names if shares[name] > 0.5)


def _gain(metrics, name):
    """Return what a prior gains, None where it was not measured."""
    before, after = metrics.get("accuracy before"), metrics.get(f"accuracy {name}")
    return None if before is None or after is None else after - before


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
