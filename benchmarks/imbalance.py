"""What a skew of the classes does to classifiers, and what helps against it."""

import argparse
import sys
import warnings

from benchmarks import backends, data, environment, models, results
from benchmarks.imbalance_report import draw_ratios, draw_recalls, markdown
from benchmarks.study_command import add_options, asked, publish_tables

START, END = "<!-- imbalance-table:start -->", "<!-- imbalance-table:end -->"
PAGE = environment.ROOT / "docs" / "imbalance.md"
RECALLS = environment.ROOT / "docs" / "images" / "imbalance_recalls.png"
RATIOS = environment.ROOT / "docs" / "images" / "imbalance_ratios.png"
PICTURES = (RECALLS, RATIOS)
FILE = results.PUBLISHED / "imbalance.jsonl"
CACHE = results.LOCAL / "cache" / "imbalance"

DESCRIPTION = """\
Draw skewed parts of the training images, fit classifiers to them under each of
skfashion.studies.TREATMENTS that suits, and measure them on all of the test images, whose classes
are equally frequent. Each seed draws the rows and the initial weights anew. Nothing is chosen by
these results: classifiers, treatments and samplers have their defaults. Runs that the result file
or the study's cache has, from the same sources, are skipped.
"""

# Where every treatment would take too long: one of each kind, and the usual ones.
FEW = (
    "nothing",
    "RandomOverSampler",
    "SMOTE",
    "RandomUnderSampler",
    "class_weight=balanced",
    "sampling=balanced",
    "sampling=sqrt",
    "loss=logit_adjusted",
    "loss=ldam + DRW",
    "prior correction",
    "threshold tuning",
)
# A forest takes minutes for the mixed rows of SMOTE: on the smallest data, besides part 1.
FEW_OF_A_FOREST = ("nothing", "RandomUnderSampler", "class_weight=balanced", "prior correction")
# Samplers that compare every row with every other one: on the smallest data alone.
SLOW = ("BorderlineSMOTE", "ADASYN", "SMOTEENN")
MLP, CNN, FOREST = ("MLPNetClassifier",), ("ConvNetClassifier",), ("RandomForest",)
RIVALS = ("BalancedRandomForest", "EasyEnsemble")

EXPONENTIAL = {"profiles": ("exponential",), "ratios": (100,), "permutations": (None,)}
DEEPSMOTE = EXPONENTIAL | {"profiles": ("deepsmote",)}


def _plan():
    """Return (estimators, treatments, skew): studies that make up the benchmark."""
    from skfashion.studies import TREATMENTS

    all_but_slow = tuple(name for name in TREATMENTS if name not in SLOW)
    of_images = tuple(name for name in all_but_slow if name != "PCA + SMOTE")
    orders, ratios = {"permutations": (1, 2)}, {"ratios": (10, 50)}
    nothing = ("nothing",)
    return (
        (MLP + FOREST, all_but_slow, EXPONENTIAL),
        (CNN, of_images, EXPONENTIAL),
        *(
            part
            for skew in (EXPONENTIAL | orders, EXPONENTIAL | ratios)
            for part in ((MLP, FEW, skew), (FOREST, FEW_OF_A_FOREST, skew))
        ),
        (MLP, (*FEW, *SLOW), DEEPSMOTE),
        (FOREST, (*FEW_OF_A_FOREST, "SMOTE", *SLOW), DEEPSMOTE),
        (CNN, FEW, DEEPSMOTE),
        *((RIVALS, nothing, s) for s in (EXPONENTIAL, EXPONENTIAL | orders, EXPONENTIAL | ratios)),
        (RIVALS, nothing, DEEPSMOTE),
    )


def _quick_plan():
    from skfashion.studies import TREATMENTS

    skew = EXPONENTIAL | {"ratios": (20,)}
    return ((MLP + FOREST, tuple(TREATMENTS), skew), (RIVALS, ("nothing",), skew))


def add_parser(subparsers):
    """Add the command ``imbalance``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "imbalance",
        help="classifiers on skewed classes, and what treatments do about them",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, quick="the bundled images", quick_seeds=1)
    parser.set_defaults(command=main)


def main(options):
    """Measure what is missing, then show the tables.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    name, n_seeds, path, command = asked(options, "imbalance", FILE)
    with backends.chosen(options) as where:
        _measure_missing(path, name, n_seeds, options, command, where)
    rows = results.current(results.read(path))
    print(markdown(rows))
    publish_tables(options)
    folder = path.parent if not options.publish else RECALLS.parent
    draw_recalls(rows, folder / RECALLS.name)
    if not options.quick:
        draw_ratios(rows, folder / RATIOS.name)
    return 0


def _measure_missing(path, name, n_seeds, options, command, where):
    """Run the parts of the plan that the result file has not, and add them to it."""
    code = environment.code_hash()
    split = data.load_split(name)
    plan = _quick_plan() if options.quick else _plan()
    for seed in range(n_seeds):
        for i, part in enumerate(plan, start=1):
            common = head(part, seed, name, options.quick)
            if results.identity(common) in results.measured(path):
                continue
            print(f"seed {seed}, part {i} of {len(plan)}", file=sys.stderr)
            frame = measure(*part, seed, split, options, code)
            common |= where | environment.circumstances(command, "imbalanced-learn")
            # All at once: a part that is there at all is there as a whole.
            results.append_all(path, [common | run for run in runs(frame)])


def table():
    """Write the tables of the published results."""
    return markdown(results.current(results.read(FILE)))


def head(part, seed, name, quick):
    """Return what the rows of a part of the plan begin with: another plan is measured anew."""
    estimators, treatments, skew = part
    known = classifiers(quick)
    return results.head(
        "imbalance",
        models.described({"estimators": estimators, **skew}),
        seed,
        models.described(
            {
                "treatments": treatments,
                "classifiers": {name: known[name] for name in estimators},
            }
        ),
        data=name,
        libraries=("imbalanced-learn",),
    )


def classifiers(quick):
    """Return the classifiers by name, each with one thread: runs go side by side.

    Parameters
    ----------
    quick : bool
        Whether they are to be small.

    Returns
    -------
    dict of str to classifier
    """
    from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
    from sklearn.ensemble import RandomForestClassifier

    from skfashion import ConvNetClassifier, MLPNetClassifier

    net = {"n_threads": 1, "device": "cpu"}
    if quick:
        net["max_epochs"] = 5
    trees = 20 if quick else 100
    return {
        "MLPNetClassifier": MLPNetClassifier(**net),
        "ConvNetClassifier": ConvNetClassifier(**net),
        "RandomForest": RandomForestClassifier(trees),
        "BalancedRandomForest": BalancedRandomForestClassifier(trees),
        "EasyEnsemble": EasyEnsembleClassifier(5 if quick else 10),
    }


def measure(estimators, treatments, skew, seed, split, options, code):
    """Run one study for one seed.

    Parameters
    ----------
    estimators, treatments : tuple of str
        Names.
    skew : dict
        ``profiles``, ``ratios`` and ``permutations``.
    seed : int
    split : benchmarks.data.Split
    options : argparse.Namespace
    code : str
        Fingerprint of the sources, which the cache does not look at.

    Returns
    -------
    DataFrame
        As `skfashion.studies.imbalance_study` returns it.
    """
    from skfashion.studies import imbalance_study

    known = classifiers(options.quick)
    with warnings.catch_warnings():
        # ADASYN and others refuse some data, and then have no row.
        warnings.filterwarnings("default", message="A run failed", category=RuntimeWarning)
        return imbalance_study(
            {name: known[name] for name in estimators},
            *split[:4],
            treatments=treatments,
            **skew,
            seeds=(seed,),
            n_jobs=options.jobs,
            cache=CACHE / code,
            on_error="warn",
        )


def runs(frame):
    """Turn a study's table into what is written of each run.

    Parameters
    ----------
    frame : DataFrame
        Of one seed.

    Returns
    -------
    list of dict
        What distinguishes the run, ``metrics`` and, for each class, ``by_class``; values with six
        decimals.
    """
    import pandas as pd

    found = []
    keys = ["estimator", "treatment", "profile", "ratio", "permutation"]
    for names, table in frame.groupby(keys, sort=False, dropna=False):
        run = {key: None if pd.isna(name) else name for key, name in zip(keys, names, strict=True)}
        if run["permutation"] is not None:
            run["permutation"] = int(run["permutation"])
        run |= {"metrics": {}, "by_class": {}}
        for metric, label, value in zip(
            table["metric"], table["class"], table["value"], strict=True
        ):
            if pd.isna(label):
                run["metrics"][metric] = round(value, 6)
            else:
                run["by_class"].setdefault(metric, {})[str(label)] = round(value, 6)
        found.append(run)
    return found


# What a clock or the size of a process says of a run.
MEASURED_ANEW = ("fit_seconds", "peak_memory_mb")


def learned(run):
    """Return the metrics of a run that it would have again, the main one first."""
    metrics = {key: value for key, value in run["metrics"].items() if key not in MEASURED_ANEW}
    return {"balanced_accuracy": metrics.pop("balanced_accuracy"), **metrics}


def verify(rows):
    """Yield the fastest net as it is, on the first skew."""
    from skfashion.studies import imbalance_study

    keys = {"estimator": MLP[0], "treatment": "nothing", "profile": "exponential", "ratio": 100}
    keys |= {"permutation": None, "seed": 0}
    row = next(row for row in rows if all(row[key] == value for key, value in keys.items()))
    net = {MLP[0]: classifiers(quick=False)[MLP[0]]}
    split = data.load_split("full")
    (found,) = runs(
        imbalance_study(
            net, *split[:4], treatments=("nothing",), **EXPONENTIAL, seeds=(0,), verbose=0
        )
    )
    yield row, learned(row), learned(found)
