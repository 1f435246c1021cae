"""Tables of ``python -m benchmarks labels``."""

import statistics

from benchmarks import series
from benchmarks.markdown import pipe_table
from benchmarks.studies import means

NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
NAMES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def markdown(rows):
    """Write the tables: one for each task.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    tables = {
        "Self-training": _self_training,
        "Few shots of three classes that the net has not seen": _few_shots,
        "Weights to begin with, for the same three classes": _transfer,
        "Trained on clean images, adapted to disturbed ones without labels": _adaptation,
    }
    parts = []
    for title, write in tables.items():
        text = write(rows)
        if text:
            parts += [f"**{title}**", text]
    return "\n\n".join([*parts, _caption(rows)])


def _of_task(rows, task, *keys):
    """Return rows by what distinguishes them, in the order of the first seed."""
    groups = {}
    for row in rows:
        if row["task"] == task:
            groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _self_training(rows):
    groups = _of_task(rows, "self-training", "classifier", "labelled", "method")
    lines = []
    for (name, labelled, method), group in groups.items():
        made_up = [row for row in group if row.get("used") is not None]
        used = f"{statistics.fmean(row['used'] for row in made_up):,.0f}" if made_up else ""
        shares = [row["right"] for row in made_up if row["right"] is not None]
        lines.append(
            [
                name,
                f"{labelled:,}",
                method,
                means([row["accuracy"] for row in group], 100, 2),
                used,
                f"{100 * statistics.fmean(shares):.1f}" if shares else "",
                f"{statistics.median(row['seconds'] for row in group):.1f}",
            ]
        )
    headings = ["classifier", "rows with a label", "", "accuracy %", "rows used in the end"]
    return lines and pipe_table(lines, [*headings, "labels made up that are right %", "fit s"])


def _few_shots(rows):
    groups = _of_task(rows, "few shots", "seed", "classifier")
    shots = sorted({row["shots"] for row in rows if row["task"] == "few shots"})
    lines = []
    for (_, name), group in groups.items():
        features = "pixels" if name == "pixels" else f"{name}'s features"
        line = [", ".join(NAMES[label] for label in group[0]["new"]), features]
        by_shots = {row["shots"]: row for row in group}
        n_episodes = group[0]["settings"]["episodes"]
        for n in shots:
            # Of a mean of many episodes: the normal distribution is as good as Student's.
            half = 1.96 * by_shots[n]["deviation"] / n_episodes**0.5
            line.append(f"{100 * by_shots[n]['accuracy']:.1f} ± {100 * half:.1f}")
        lines.append(line)
    headings = [f"{n} image{'s' * (n > 1)} a class" for n in shots]
    return lines and pipe_table(lines, ["classes", "nearest centroid of", *headings])


def _transfer(rows):
    groups = _of_task(rows, "transfer", "classifier", "method")
    sizes = sorted({row["rows_a_class"] for row in rows if row["task"] == "transfer"})
    lines = []
    for (name, method), group in groups.items():
        line = [name, method]
        for n in sizes:
            line.append(means([r["accuracy"] for r in group if r["rows_a_class"] == n], 100, 1))
        lines.append(line)
    headings = [f"{n} images a class" for n in sizes]
    return lines and pipe_table(lines, ["net", "accuracy %", *headings])


def _adaptation(rows):
    groups = _of_task(rows, "adaptation", "classifier", "method")
    kinds = list(dict.fromkeys(row["kind"] for row in rows if row["task"] == "adaptation"))
    lines = []
    for (name, method), group in groups.items():
        line = [name, method]
        for kind in kinds:
            line.append(means([row["accuracy"] for row in group if row["kind"] == kind], 100, 1))
        lines.append(line)
    return lines and pipe_table(lines, ["net", "accuracy %", *kinds])


def _caption(rows):
    settings, n_seeds = rows[-1]["settings"], len({row["seed"] for row in rows})
    skada = any("skada" in row["method"] for row in rows)
    missing = "" if skada else " skada was not installed, so that its methods are missing."
    return (
        f"Mean ± deviation over {n_seeds} seed{'s' * (n_seeds > 1)}, each of which draws "
        f"{settings['train_rows']:,} of the training images to train on, {settings['valid_rows']:,}"
        f" others of them to measure on, the labelled rows ({settings['pool']:,} rows of "
        f"self-training in all) and the three new classes; of few shots, mean and 95 % interval "
        f"over {settings['episodes']} episodes. Adaptation sees half of the images to measure on, "
        "disturbed and without labels, and is measured on the other half; a number behind a "
        f"disturbance is its severity.{missing}\n{series.caption(rows)}\n\n"
        f"Command: `{rows[-1]['command']}`."
    )
