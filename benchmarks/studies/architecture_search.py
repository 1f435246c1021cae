"""Searches simulated on the table of architectures: what is lost for how much less time.

No net is trained. Each search chooses by the validation column of one seed, as a user's would, and
is judged by the mean of all seeds on rows that chose nothing: its regret is by how many points that
is below the best architecture's. Its seconds are those of the epochs that it asks for, one training
at a time.
"""

import statistics
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.formatting import below, group_table, grouped, half_interval, interval, values
from benchmarks.pictures import fingerprint, pyplot
from benchmarks.studies import architectures
from benchmarks.study import study_of

ALL = "all families"
GRID, RANDOM, HALVING = "GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV"
EPOCHS, TPE, PRUNED = "EpochHalvingSearchCV", "Optuna's TPE", "Optuna's TPE, median pruning"
# Searches, shares of the candidates that they try, factors of halvings: of trainings from scratch
# the table knows those for 1, 3, 9 and 27 epochs alone.
TRIED = [(GRID, 1.0, None), *((RANDOM, share, None) for share in (0.125, 0.25, 0.5))]
TRIED += [(name, share, None) for name in (TPE, PRUNED) for share in (0.25, 0.5)]
TRIED += [(HALVING, 1.0, 3), *((EPOCHS, 1.0, factor) for factor in (2, 3, 4))]
SCOPES = (ALL, *architectures.FAMILIES)
UNITS = [
    {"search": name, "of": scope, "share": share, "factor": factor}
    for scope in SCOPES
    for name, share, factor in TRIED
]


class Table(NamedTuple):
    """What is known of some architectures, the first axis of each array."""

    levels: list  # of each, family and factors by name
    seconds: np.ndarray  # of an epoch
    scores: np.ndarray  # by seed and epoch, of the longest training
    averaged: np.ndarray  # likewise, by averaged weights
    finals: dict  # by length of a training from scratch: by seed
    judge: np.ndarray  # mean over seeds at the end

    @property
    def n_epochs(self):
        """Epochs of the longest training."""
        return self.scores.shape[2]


def describe(unit, seed, asked):
    """Say by what a row is recognised: the rows of the table, too."""
    stamp = fingerprint([*_rows()])
    return {"settings": asked.settings | {"table": stamp}, "scope": None}


@cache
def _rows():
    found = architectures.STUDY.rows(), architectures.SECONDS.rows()
    if not all(found):
        raise BenchmarkError(
            "Got no table of architectures. Measure it first: python -m benchmarks architectures, "
            "and with --seconds."
        )
    return found


@cache
def known(scope):
    """Return the table of a family, or of all."""
    learned, timed = _rows()
    seconds = {(row["family"], row["unit"]): row["seconds"] for row in timed}
    of_scope = [row for row in learned if scope in (ALL, row["family"])]
    found = grouped(of_scope, "family", "unit")
    of_length = [grouped(its, "epochs") for its in found.values()]
    longest = max(of_length[0])
    long = [its[longest] for its in of_length]
    judge = [[row["judge"][str(longest)] for row in its] for its in long]
    return Table(
        [{"family": name} | architectures.levels(name, number) for name, number in found],
        np.array([seconds[name] for name in found]),
        np.array([values(its, "scores") for its in long]),
        np.array([values(its, "averaged") for its in long]),
        {n: np.array([values(its[n], "scores", -1) for its in of_length]) for n in of_length[0]},
        np.mean(judge, axis=1),
    )


def measure(unit, seed, asked):
    """Search again and again, each time by a seed of the table's and in an order drawn anew."""
    table, search = known(unit["of"]), SEARCHES[unit["search"]]
    n_tried, regrets, seconds = round(unit["share"] * len(table.judge)), [], []
    for repetition in range(asked.settings["repetitions"]):
        rng = np.random.RandomState(repetition)
        column, order = rng.randint(table.scores.shape[1]), rng.permutation(len(table.judge))
        chosen, spent = search(table, column, order[:n_tried], unit["factor"])
        regrets.append(round(float(100 * (table.judge.max() - table.judge[chosen])), 4))
        seconds.append(spent)
    grid = table.seconds.sum() * table.n_epochs
    return {
        "regrets": regrets,
        "share_of_grid": round(float(np.mean(seconds) / grid), 6),
        "simulated_s": round(float(np.mean(seconds)), 2),
    }


def whole(table, column, tried, factor):
    """Train candidates to the end, and take the best."""
    scores = table.scores[tried, column, -1]
    return tried[scores.argmax()], table.seconds[tried].sum() * table.n_epochs


def halving(table, column, tried, factor, *, goes_on=False):
    """Train candidates for some epochs, and the best of them for more: anew, or going on."""
    from skfashion.model_selection.rungs import plan_rungs

    n_candidates, n_epochs = plan_rungs(len(tried), factor, 1, table.n_epochs)
    spent, before = 0.0, 0
    for n_left, epochs in zip([*n_candidates[1:], 1], n_epochs, strict=True):
        spent += table.seconds[tried].sum() * (epochs - before)
        if goes_on:
            scores, before = table.averaged[:, column, epochs - 1], epochs
        else:
            scores = table.finals[epochs][:, column]
        # In their order where scores are equal.
        tried = tried[np.argsort(-scores[tried], kind="stable")[:n_left]]
    return tried[0], spent


def tpe(table, column, tried, factor, *, prunes=False):
    """Let Optuna propose as many architectures, and end the worse half of trainings early."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Of every factor the number of its level: Optuna takes no tuples.
    places = {_words(levels): index for index, levels in enumerate(table.levels)}
    choices = {}
    for levels in table.levels:
        for name, level in levels.items():
            of_family = choices.setdefault(levels["family"], {}).setdefault(name, [])
            if level not in of_family:
                of_family.append(level)
    sampler = optuna.samplers.TPESampler(seed=int(tried[0]) + 1000 * len(tried) + column)
    pruner = optuna.pruners.MedianPruner() if prunes else optuna.pruners.NopPruner()
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    spent = 0.0

    def objective(trial):
        nonlocal spent
        family = trial.suggest_categorical("family", [*choices])
        levels = {"family": family}
        for name, of_family in [*choices[family].items()][1:]:
            number = trial.suggest_categorical(f"{family}, {name}", [*range(len(of_family))])
            levels[name] = of_family[number]
        index = places[_words(levels)]
        trial.set_user_attr("index", index)
        for epoch, score in enumerate(table.scores[index, column], start=1):
            spent += table.seconds[index]
            trial.report(score, epoch)
            if prunes and trial.should_prune():
                raise optuna.TrialPruned
        return score

    study.optimize(objective, n_trials=len(tried))
    return study.best_trial.user_attrs["index"], spent


def _words(levels):
    return tuple(map(str, levels.values()))


SEARCHES = {
    GRID: whole,
    RANDOM: whole,
    TPE: tpe,
    PRUNED: partial(tpe, prunes=True),
    HALVING: halving,
    EPOCHS: partial(halving, goes_on=True),
}


def table(rows):
    """Write the regret and the time of each search, among all architectures and in each family."""

    def lost(scope, its):
        return "".join(
            f"{interval(row['regrets'], sign='')} in {100 * row['share_of_grid']:.0f} %"
            for row in its
            if row["unit"]["of"] == scope
        )

    columns = {scope: partial(lost, scope) for scope in SCOPES}
    groups = grouped(rows, _search, lambda row: f"{100 * row['unit']['share']:g} %")
    words = (
        "Points of accuracy lost against the best architecture, mean with its 95 % interval "
        f"over {len(rows[-1]['regrets'])} searches, and the share of the seconds that all "
        "trainings to the end take, one at a time and without a last fit. A grid search loses "
        "something, too: it chooses by one seed, and by other rows than those that judge."
    )
    picture = "![Regret of searches against their time](images/architecture_search.png)"
    text = group_table(groups, ["search", "tried"], columns)
    return f"{text}\n\n{below(words, rows)}\n\n{picture}"


def _search(row):
    """Name a search with its factor, if it has one."""
    name, factor = row["unit"]["search"], row["unit"]["factor"]
    return name if factor is None else f"{name}, factor {factor}"


def draw(rows):
    """Draw regret against time, among all architectures."""
    figure, axes = pyplot().subplots(figsize=(8, 5), layout="constrained")
    its = sorted(
        (row for row in rows if row["unit"]["of"] == ALL), key=lambda row: row["simulated_s"]
    )
    for name in SEARCHES:
        group = [row for row in its if row["unit"]["search"] == name]
        x, y = values(group, "simulated_s"), [statistics.fmean(row["regrets"]) for row in group]
        bars = [half_interval(row["regrets"]) for row in group]
        axes.errorbar(x, y, bars, marker="o", markersize=4, capsize=2, label=name)
        for row, *at in zip(group, x, y, strict=True):
            share, factor = row["unit"]["share"], row["unit"]["factor"]
            words = f"{100 * share:g} %" if factor is None else f"x {factor}"
            axes.annotate(words, at, (4, 4), textcoords="offset points", fontsize=7)
    axes.set(xscale="log", xlabel="seconds of all trainings", ylabel="regret, points of accuracy")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


STUDY = study_of(
    __name__,
    cost="20 min",
    page="architectures.md",
    units=UNITS,
    sizes={"full": {"repetitions": 500}},
    seeds=None,
    cheap=(UNITS[0],),
    packages=("optuna",),
)
