"""A table of architectures: how each of 24 of four families learns, for searches without training.

Train every architecture of a complete factorial for 27 epochs on 10,000 training images, and from
scratch for 1, 3 and 9 epochs, whose learning rates fall sooner. 5,000 other training images are
scored after each epoch; 10,000 still others judge, at 1, 3, 9 and 27 epochs, and choose nothing. In
the manner of Ying et al., "NAS-Bench-101: towards reproducible neural architecture search", ICML
2019. Architectures come in an order in which every beginning has as many of each family, and the
first 12 of a family are a complete factorial themselves.
"""

import itertools
import statistics

import numpy as np

from benchmarks.candidates import call_of
from benchmarks.data import held_out
from benchmarks.formatting import below, cell, grouped, pipe_table, seeds, table_above
from benchmarks.study import Study, study_of

FULL = {"train_rows": 10_000, "valid_rows": 5_000, "judge_rows": 10_000}
FULL |= {"epochs": [1, 3, 9, 27], "more": {}}
QUICK = {"train_rows": 300, "valid_rows": 100, "judge_rows": 200, "epochs": [1, 3], "more": {}}
# Family -> its factors, the last of which changes last, and what they make of a number each.
FAMILIES = {
    "MLPNetClassifier": (
        {"width": (64, 128, 256, 512), "layers": (1, 2, 3), "batch_norm": (False, True)},
        lambda width, layers, batch_norm: {
            "hidden_layer_sizes": (width,) * layers,
            "batch_norm": batch_norm,
        },
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
        lambda width, stages, block, depth: {
            "width": width,
            "depth": (depth,) * stages,
            "block": block,
        },
    ),
    "AttentionNetClassifier": (
        {"width": (32, 64, 96), "depth": (2, 4), "n_heads": (2, 4), "mlp_ratio": (1.0, 2.0)},
        dict,
    ),
}
N_ARCHITECTURES = 24


def levels(family, number):
    """Return the level of each factor of an architecture, by name."""
    factors, _ = FAMILIES[family]
    # The last factor changes last.
    found = [*itertools.product(*reversed(factors.values()))][number]
    return dict(zip(factors, reversed(found), strict=True))


def architecture(family, number):
    """Return the parameters of an architecture of a family."""
    _, parameters_of = FAMILIES[family]
    return parameters_of(**levels(family, number))


def classifiers(unit, settings):
    """Return the classifiers of a number, one of each family, each with one thread."""
    import skfashion

    own = {"n_threads": 1, "device": "cpu", "scoring": "accuracy"} | settings["more"]
    return {
        family: getattr(skfashion, family)(**architecture(family, unit), **own)
        for family in FAMILIES
    }


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
    lines, effects = [], []
    for family, its in grouped(rows, "family").items():
        by_name = grouped(its, lambda row: call_of(row["family"], row["architecture"]))
        # Best is what a search would have taken for it, by the rows that it may see.
        ordered = sorted(by_name, key=lambda name: _mean(by_name[name], "scores"), reverse=True)
        chosen = {"best": ordered[0], "median": ordered[len(ordered) // 2], "worst": ordered[-1]}
        for rank, name in chosen.items():
            group = grouped(by_name[name], "epochs")
            cells = [cell(_last(of_length, "judge"), 100) for of_length in group.values()]
            weights = f"{by_name[name][0]['weights']:,}"
            lines.append([f"{rank} of {len(ordered)}", f"`{name}`", weights, *cells])
        effects += [[family, *line] for line in _effects(family, its)]
    lengths = [f"{n} epochs" for n in sorted({row["epochs"] for row in rows})]
    settings = rows[-1]["settings"]
    words = (
        f"Accuracy % on {settings['judge_rows']:,} training images that choose nothing, mean ± "
        f"deviation over {seeds(rows)}, of trainings of their own of each length on "
        f"{settings['train_rows']:,} images; ranks by {settings['valid_rows']:,} others."
    )
    parts = [
        pipe_table(lines, ["", "architecture", "weights", *lengths]),
        pipe_table(effects, ["family", "factor", "accuracy % at each level, all else averaged"]),
        below(words, rows),
    ]
    return "\n\n".join(parts)


def _effects(family, rows):
    """Yield each factor of a family, and the mean accuracy at each of its levels."""
    longest = max(row["epochs"] for row in rows)
    of_level = {}
    for number in sorted({row["unit"] for row in rows}):
        its = [row for row in rows if row["unit"] == number and row["epochs"] == longest]
        for factor, level in levels(family, number).items():
            found = of_level.setdefault(factor, {}).setdefault(str(level), [])
            found += _last(its, "judge")
    for factor, found in of_level.items():
        words = [f"{level}: {100 * statistics.fmean(its):.2f}" for level, its in found.items()]
        yield factor, "; ".join(words)


def _mean(rows, key):
    longest = max(row["epochs"] for row in rows)
    return statistics.fmean(_last([row for row in rows if row["epochs"] == longest], key))


def _last(rows, key):
    """Return what rows have at the end of their training."""
    its = (row[key] for row in rows)
    return [(value if isinstance(value, list) else [*value.values()])[-1] for value in its]


def measure_seconds(unit, seed, asked):
    """Measure an epoch of each family's architecture of a number, alone and with one thread."""
    X, y, *_ = drawn(asked)
    for family, net in classifiers(unit, asked.settings).items():
        # The first epoch warms up.
        seconds = net.set_params(random_state=0, max_epochs=4).fit(X, y).history_["seconds"][1:]
        yield {"family": family, "seconds": round(float(np.median(seconds)), 4)}


def table_of_seconds(rows):
    """Write the fastest and the slowest architecture of each family."""
    lines = []
    for family, its in grouped(rows, "family").items():
        ordered = sorted(its, key=lambda row: row["seconds"])
        names = [call_of(family, architecture(family, row["unit"])) for row in ordered]
        cells = [
            f"`{name}`: {row['seconds']:.2f}" for name, row in zip(names, ordered, strict=True)
        ]
        lines.append([family, cells[0], cells[len(cells) // 2], cells[-1]])
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
    units=range(N_ARCHITECTURES),
    cheap=(0,),
    distributed=True,
    options={"--seconds": {"action": "store_true", "help": SECONDS.help}},
    instead={"seconds": SECONDS},
)
