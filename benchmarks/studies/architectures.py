"""A table of architectures: how each of 24 of four families learns, for searches without training.

Train every architecture of a complete factorial for 27 epochs on 10,000 training images, and from
scratch for 1, 3 and 9 epochs, whose learning rates fall sooner. 5,000 other training images are
scored after each epoch; 10,000 still others judge, at 1, 3, 9 and 27 epochs, and choose nothing. In
the manner of Ying et al., "NAS-Bench-101: towards reproducible neural architecture search", ICML
2019. Architectures come in an order in which every beginning has as many of each family, each with
all of its seeds, and the first 12 of a family are a complete factorial themselves.
"""

import itertools
from statistics import fmean

import numpy as np

from benchmarks.candidates import call_of
from benchmarks.data import held_out
from benchmarks.formatting import (
    below,
    cell,
    grouped,
    mark,
    marks_of,
    pipe_table,
    seeds,
    table_above,
)
from benchmarks.study import Study, study_of

FULL = {"train_rows": 10_000, "valid_rows": 5_000, "judge_rows": 10_000}
FULL |= {"epochs": [1, 3, 9, 27], "more": {}}
QUICK = {"train_rows": 300, "valid_rows": 100, "judge_rows": 200, "epochs": [1, 3], "more": {}}
# Family -> its factors, the last of which changes last, and what they make of a number each.
FAMILIES = {
    "MLPNetClassifier": (
        {"width": (64, 128, 256, 512), "layers": (1, 2, 3), "batch_norm": (False, True)},
        lambda width, layers, **own: {"hidden_layer_sizes": (width,) * layers} | own,
    ),
    "ConvNetClassifier": (
        {"width": (16, 32), "blocks": (2, 3), "depth": (1, 2, 3), "hidden": ((), (128,))},
        lambda width, blocks, depth, hidden: {
            "channels": tuple(width * 2**block for block in range(blocks)),
            "depth": depth,
            "hidden_layer_sizes": hidden,
        },
    ),
    "ResNetClassifier": (
        {"width": (16, 32), "stages": (2, 3), "block": ("basic", "preact", "se"), "depth": (1, 2)},
        lambda width, stages, depth, **own: {"width": width, "depth": (depth,) * stages} | own,
    ),
    "AttentionNetClassifier": (
        {"width": (32, 64, 96), "depth": (2, 4), "n_heads": (2, 4), "mlp_ratio": (1.0, 2.0)},
        dict,
    ),
}
N_ARCHITECTURES = 24


def plan(asked):
    """Return every architecture with all of its seeds before the next one."""
    return [(number, seed) for number in range(N_ARCHITECTURES) for seed in asked.seeds]


def levels(family, number):
    """Return the level of each factor of an architecture, by name."""
    factors, _ = FAMILIES[family]
    found = [*itertools.product(*reversed(factors.values()))][number]  # the last changes last
    return dict(zip(factors, reversed(found), strict=True))


def architecture(family, number):
    """Return the parameters of an architecture of a family."""
    return FAMILIES[family][1](**levels(family, number))


def classifiers(unit, settings):
    """Return the classifiers of a number, one of each family, each with one thread."""
    import skfashion

    own = {"n_threads": 1, "device": "cpu", "scoring": "accuracy"} | settings["more"]
    return {name: getattr(skfashion, name)(**architecture(name, unit), **own) for name in FAMILIES}


def drawn(asked):
    """Return images and labels to train on, to score and to judge by: always the same ones."""
    train, valid, judge = (asked.settings[f"{part}_rows"] for part in ("train", "valid", "judge"))
    X, X_others, y, y_others = held_out(asked.images, train, valid + judge, 0)
    return X, y, X_others[:valid], y_others[:valid], X_others[valid:], y_others[valid:]


def measure(unit, seed, asked):
    """Train the architectures of a number with one seed: a row a family and length of training."""
    from joblib import Parallel, delayed

    nets, lengths, data = classifiers(unit, asked.settings), asked.settings["epochs"], drawn(asked)
    if asked.brief:
        nets, lengths = dict([*nets.items()][:1]), lengths[:1]
    # The longest first, so that nobody waits for them in the end.
    runs = sorted(itertools.product(nets, lengths), key=lambda run: -run[1])
    found = Parallel(n_jobs=asked.jobs)(
        delayed(curves)(nets[family].set_params(random_state=seed), n, lengths, data)
        for family, n in runs
    )
    rows = [
        {"family": family, "architecture": architecture(family, unit), "epochs": n} | its
        for (family, n), its in zip(runs, found, strict=True)
    ]
    return sorted(rows, key=lambda row: row["epochs"])


def curves(net, n_epochs, judged, data):
    """Return what a net says of other rows after each epoch of a training of some length.

    ``scores`` are of its weights, ``averaged`` of those that a search judges a training in progress
    by, and ``judge``, by epoch, of the rows that choose nothing.
    """
    from skfashion.model_selection.stepping import train_until

    X, y, X_valid, y_valid, X_judge, y_judge = data
    valid = {"X_val": X_valid, "y_val": y_valid}
    paused, averaged, judge = None, [], {}
    for epoch in range(1, n_epochs + 1):
        net, paused = train_until(net, X, y, valid, until=epoch, total=n_epochs, paused=paused)
        averaged.append(round(net.score(X_valid, y_valid), 6))
        if epoch in judged:
            judge[str(epoch)] = round(net.score(X_judge, y_judge), 6)
    scores = net.history_["valid_score"].round(6).tolist()
    n_weights = sum(p.numel() for p in net.net_.module_.parameters())
    return {"weights": n_weights, "scores": scores, "averaged": averaged, "judge": judge}


def table(rows):
    """Write each family's best, median and worst architecture, and what each factor does."""
    longest, lines, effects = max(row["epochs"] for row in rows), [], []
    marks = marks_of(rows)
    for family, its in grouped(rows, "family").items():
        by_number = grouped(its, "unit")
        at_end = {n: [r for r in by_number[n] if r["epochs"] == longest] for n in sorted(by_number)}
        # Best is what a search would have taken for it, by the rows that it may see.
        scores = {n: fmean(row["scores"][-1] for row in group) for n, group in at_end.items()}
        ordered = sorted(by_number, key=scores.get, reverse=True)
        chosen = {"best": ordered[0], "median": ordered[len(ordered) // 2], "worst": ordered[-1]}
        for rank, number in chosen.items():
            lengths = grouped(by_number[number], "epochs").values()
            name = call_of(family, architecture(family, number))
            weights = f"{by_number[number][0]['weights']:,}"
            cells = (cell(map(_judged, group), 100) for group in lengths)
            place = f"{rank} of {len(ordered)}{mark(by_number[number], marks)}"
            lines.append([place, f"`{name}`", weights, *cells])
        for factor in FAMILIES[family][0]:
            of_level = {}
            for number, group in at_end.items():
                level = levels(family, number)[factor]
                of_level.setdefault(level, []).extend(map(_judged, group))
            words = (f"{level}: {100 * fmean(judged):.2f}" for level, judged in of_level.items())
            effects.append([family + mark(its, marks), factor, "; ".join(words)])
    lengths = [f"{n} epochs" for n in sorted({row["epochs"] for row in rows})]
    settings = rows[-1]["settings"]
    words = (
        f"Accuracy % on {settings['judge_rows']:,} training images that choose nothing, mean ± "
        f"standard deviation over {seeds(rows)}, of trainings of their own of each length on "
        f"{settings['train_rows']:,} images; ranks by {settings['valid_rows']:,} others."
    )
    parts = [
        pipe_table(lines, ["", "architecture", "weights", *lengths]),
        pipe_table(effects, ["family", "factor", "accuracy % at each level, all else averaged"]),
        below(words, rows),
    ]
    return "\n\n".join(parts)


def _judged(row):
    """Return the accuracy at the end of a training on the rows that choose nothing."""
    return row["judge"][str(row["epochs"])]


def measure_seconds(unit, seed, asked):
    """Measure an epoch of each family's architecture of a number, alone and with one thread."""
    X, y, *_ = drawn(asked)
    for family, net in classifiers(unit, asked.settings).items():
        # The first epoch warms up.
        seconds = net.set_params(random_state=0, max_epochs=4).fit(X, y).history_["seconds"][1:]
        yield {"family": family, "seconds": round(float(np.median(seconds)), 4)}


def table_of_seconds(rows):
    """Write the fastest and the slowest architecture of each family."""
    lines, marks = [], marks_of(rows)
    for family, its in grouped(rows, "family").items():
        ordered = sorted(its, key=lambda row: row["seconds"])
        lines.append([family + mark(its, marks)])
        for row in (ordered[0], ordered[len(ordered) // 2], ordered[-1]):
            name = call_of(family, architecture(family, row["unit"]))
            lines[-1].append(f"`{name}`: {row['seconds']:.2f}")
    headings = ["seconds of an epoch", "fastest", "median", "slowest"]
    words = f"{rows[-1]['settings']['train_rows']:,} images, one thread, one training at a time."
    return table_above(lines, headings, words, rows)


SECONDS = Study(
    name="architecture-seconds",
    about="Seconds of an epoch of each architecture of the table, alone and with one thread.",
    cost="15 min",
    page="architectures.md",
    units=range(N_ARCHITECTURES),
    classifiers=classifiers,
    measure=measure_seconds,
    table=table_of_seconds,
    sizes={"full": FULL, "quick": QUICK},
    seeds=None,
    timing=True,
)
STUDY = study_of(
    __name__,
    cost="5 h",
    page="architectures.md",
    cheap=(0,),
    distributed=True,
    options={"--seconds": {"action": "store_true", "help": SECONDS.help}},
    instead={"seconds": SECONDS},
)
