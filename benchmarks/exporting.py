"""All committed results as one table in long form, described so that machines can read and cite it.

A folder with ``results.parquet``, its JSON schema, a Croissant description, and the licence.
"""

import hashlib
import itertools
import json
from datetime import datetime, timedelta

from benchmarks import results
from benchmarks.errors import BenchmarkError

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
ABOUT = (
    "Every number of skfashion's benchmarks: classifiers on Fashion-MNIST and other small images, "
    "their accuracy, calibration, seconds and memory, with seeds, settings, versions and machine."
)
# Of each column: its type in Croissant, and what it holds.
COLUMNS = {
    "study": ("sc:Text", "Name of the study: python -m benchmarks STUDY."),
    "unit": ("sc:Text", "What was measured, as JSON."),
    "seed": ("sc:Integer", "Seed of all that was drawn; none if nothing was."),
    "metric": ("sc:Text", "Where the number is in its row: keys, and places of lists."),
    "value": ("sc:Float", "The number; shares are from 0 to 1."),
    "settings": ("sc:Text", "All that was chosen, as JSON."),
    "data": ("sc:Text", "What was trained and measured on, as JSON."),
    "machine": ("sc:Text", "Processor, its instructions, cores and memory, as JSON."),
    "versions": ("sc:Text", "Versions of the packages that decide a result, as JSON."),
    "commit": ("sc:Text", "Commit of the sources."),
    "command": ("sc:Text", "What was typed."),
    "date": ("sc:Date", "When the measurement ended."),
    "counts": ("sc:Boolean", "Whether a page shows the row: it is the newest of its kind."),
}
# Those of other types in JSON's schemas than a string.
TYPES = {"seed": ["integer", "null"], "value": "number", "counts": "boolean"}
TYPES |= {"commit": ["string", "null"]}
# Parts of a row that are none of its numbers: what it is recognised by, and lists of images.
HEAD = {"study", "version", "unit", "seed", "settings", "data", "engine", "training", "code"}
HEAD |= {"versions", "machine", "commit", "command", "date", "wrong", "threads", "timing_shared"}
# Longer than that between two rows of a file, nobody was measuring.
PAUSE = timedelta(hours=3)


def export(studies, folder):
    """Write the folder, and return the path of its table."""
    try:
        import pandas as pd
        import pyarrow  # noqa: F401
    except ImportError as error:
        said = f"The export needs a package that is not installed ({error}); install it with: "
        raise BenchmarkError(said + "pip install pyarrow") from error
    lines = [[*line.values()] for study in studies for line in long_form(study)]
    frame = pd.DataFrame(lines, columns=list(COLUMNS)).astype({"seed": "Int64"})
    frame = frame.astype({c: "category" for c in COLUMNS if frame[c].dtype == object})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.parquet"
    frame.to_parquet(path, compression="zstd", index=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    files = {"schema.json": schema(), "croissant.json": croissant(digest, max(frame["date"]))}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "LICENSE").write_text(f"CC-BY-4.0, {LICENCE}\n", encoding="utf-8")
    return path


def long_form(study):
    """Yield a line for every number of a study's committed rows."""
    rows = results.read(study.file)
    shown = {id(row) for row in results.current(rows, study.by)}
    as_json = ("unit", "settings", "data", "machine", "versions")
    for row in rows:
        line = {name: row.get(name) for name in COLUMNS} | {"counts": id(row) in shown}
        line |= {name: json.dumps(row.get(name), sort_keys=True) for name in as_json}
        for metric, value in numbers({key: row[key] for key in row if key not in HEAD}):
            yield line | {"metric": metric, "value": value}


def numbers(value, name=""):
    """Yield the path and the value of every number in JSON's types; truth values are none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)
    elif isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(part, f"{name}.{key}".removeprefix("."))


def schema():
    """Return the JSON schema of a line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A number of skfashion's benchmarks",
        "type": "object",
        "properties": {
            name: {"type": TYPES.get(name, "string"), "description": words}
            for name, (_, words) in COLUMNS.items()
        },
        "required": list(COLUMNS),
        "additionalProperties": False,
    }


def croissant(digest, date):
    """Return the Croissant 1.0 description of a table with some SHA-256."""
    own = ("citeAs", "column", "extract", "field", "fileObject", "recordSet", "source")
    context = {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        **{name: f"cr:{name}" for name in own},
    }
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"numbers/{name}",
            "name": name,
            "description": words,
            "dataType": kind,
            "source": {"fileObject": {"@id": "table"}, "extract": {"column": name}},
        }
        for name, (kind, words) in COLUMNS.items()
    ]
    table = {
        "@type": "cr:FileObject",
        "@id": "table",
        "name": "results.parquet",
        "contentUrl": "results.parquet",
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }
    return {
        "@context": context,
        "@type": "sc:Dataset",
        "name": "skfashion-results",
        "description": ABOUT,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": LICENCE,
        "datePublished": date[:10],
        "version": "0.1.0",
        "creator": {"@type": "sc:Organization", "name": "The skfashion developers"},
        "citeAs": "The skfashion developers. skfashion: real neural networks inside scikit-learn.",
        "distribution": [table],
        "recordSet": [
            {"@type": "cr:RecordSet", "@id": "numbers", "name": "numbers", "field": fields}
        ],
    }


def hours(rows):
    """Return about how many hours rows took: the time from each one of a file to the next."""
    dates = sorted({datetime.fromisoformat(row["date"]) for row in rows})
    gaps = [after - before for before, after in itertools.pairwise(dates)]
    return sum((gap for gap in gaps if gap < PAUSE), timedelta()) / timedelta(hours=1)
