"""Tables of the committed results, in pages between two markers; pictures know their rows."""

import re
import sys

from benchmarks import pictures, results
from benchmarks.errors import BenchmarkError
from benchmarks.study import DOCS


def update(studies, check=False):
    """Bring tables and pictures up to date, or only say which are not: then 1 is returned."""
    texts, stale_pictures = {}, []
    for study in studies:
        rows, path = study.rows(), study.path
        if not rows:  # nothing is measured yet
            continue
        text = texts.get(path) or (path.read_text(encoding="utf-8") if path.exists() else "")
        texts[path] = replace_table(text, study.text(rows), study.markers, path.name)
        for name, draw in study.pictures.items():
            path = DOCS / "images" / name
            if pictures.is_stale(path, rows):
                stale_pictures.append((path, draw, rows))
    stale = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    if check:
        for line in filter(None, map(older, studies)):
            print(line, file=sys.stderr)
        for path in [*stale, *(path for path, *_ in stale_pictures)]:
            print(f"{path.name} is out of date, run: python -m benchmarks tables", file=sys.stderr)
        return 1 if stale or stale_pictures else 0
    if stale:
        from skfashion.utils.files import write_text  # and with it PyTorch
    for path in stale:
        write_text(path, texts[path])
    for path, draw, rows in stale_pictures:
        pictures.save(draw(rows), path, rows)
    return 0


def older(study):
    """Say how many of a study's rows were learned by an engine before today's, "" of none."""
    rows = study.rows()
    n_older = sum(map(results.is_older, rows))
    said = f"{study.name}: {n_older} of {len(rows)} rows are older than skfashion's ENGINE"
    return said if n_older else ""


def replace_table(text, table, markers, page):
    """Put a table between two markers."""
    start, end = markers
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    if text.count(start) != 1 or text.count(end) != 1 or not pattern.search(text):
        raise BenchmarkError(f"{page} needs the lines {start} and {end} once each, in this order.")
    return pattern.sub(lambda _: f"{start}\n{table}\n{end}", text)
