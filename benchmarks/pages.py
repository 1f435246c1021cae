"""Tables of the committed results, in pages between two markers; pictures know their rows."""

import re
import sys

from benchmarks import environment, pictures
from benchmarks.errors import BenchmarkError
from benchmarks.study import DOCS


def update(studies, check=False):
    """Bring tables and pictures up to date, or only say which are not: then 1 is returned."""
    texts, stale_pictures = {}, []
    for study in studies:
        rows, path = study.rows(), study.path
        if not rows and not path.exists():
            continue
        text = texts.get(path) or (path.read_text(encoding="utf-8") if path.exists() else "")
        table = study.text(rows) if rows else _waiting(study)
        texts[path] = _replaced(text, table, study.markers, path.name)
        if not rows:
            continue
        named = [(DOCS / "images" / name, draw, rows) for name, draw in study.pictures.items()]
        stale_pictures += [one for one in named if pictures.is_stale(one[0], rows)]
        if check:
            for words in _older(rows):
                print(f"{study.name}: {words}", file=sys.stderr)
    stale = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    if check:
        names = [path.name for path in (*stale, *(path for path, *_ in stale_pictures))]
        for name in names:
            print(f"{name} is out of date, run: python -m benchmarks tables", file=sys.stderr)
        return 1 if names else 0
    from skfashion.utils.files import write_text  # and with it PyTorch

    for path in stale:
        write_text(path, texts[path])
    for path, draw, rows in stale_pictures:
        pictures.save(draw(rows), path, rows)
    return 0


def _older(rows):
    """Yield how many rows were learned by an engine, or timed with a code, before today's."""
    from skfashion.fitting.resuming import ENGINE

    engines = [(row.get("engine") or {}).items() for row in rows]
    n = sum(any((its or 0) < ENGINE[scope] for scope, its in one) for one in engines)
    if n:
        yield f"{n} of {len(rows)} rows are older than skfashion's ENGINE"
    today = environment.code_hash(*environment.TRAINING)
    n = sum(row.get("training") not in (None, today) for row in rows)
    if n:
        yield f"{n} of {len(rows)} rows were timed before the last change of the training code"


def _waiting(study):
    """Say in the place of a table that nothing is measured yet."""
    command = f"`python -m benchmarks {study.name}`"
    return f"Not measured yet. The command is {command}, which takes about {study.cost}."


def _replaced(text, table, markers, page):
    """Put a table between two markers."""
    start, end = markers
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    if text.count(start) != 1 or text.count(end) != 1 or not pattern.search(text):
        raise BenchmarkError(f"{page} needs the lines {start} and {end} once each, in this order.")
    return pattern.sub(lambda _: f"{start}\n{table}\n{end}", text)
