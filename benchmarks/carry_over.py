"""Run once: give rows that exist what they are recognised by from now on, and nothing else.

Every row gets its study and the study's number, unit, seed and settings, and as ``engine`` the
value that ENGINE had in the sources of the row's own commit ("-dirty" cut off): None where there
was none yet. Classifiers that a row does not describe are those of today, with the defaults of
the row's commit. Rows of seconds get the hash of the training code of their commit. No number of
a result is touched.
"""

import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

from benchmarks import (
    defaults,
    ensembles,
    environment,
    fairness,
    honesty,
    imbalance,
    labels,
    learning_curve,
    models,
    results,
    robustness,
    sensitivity,
)

SAY_DEFAULTS = """
import inspect, json, sys
sys.path.insert(0, {root!r})
import skfashion
from benchmarks import models
found = {{
    name: models.parameters(cls())
    for name, cls in inspect.getmembers(skfashion, inspect.isclass)
    if hasattr(cls, "get_params")
}}
print(json.dumps(found))
"""


@cache
def sources(commit):
    """Unpack the sources of a commit; return the folder."""
    commit = commit.removesuffix("-dirty")
    words = ["git", "archive", commit, "skfashion", "benchmarks"]
    archive = subprocess.run(words, cwd=environment.ROOT, capture_output=True, check=True).stdout
    folder = Path(tempfile.mkdtemp())
    tarfile.open(fileobj=io.BytesIO(archive)).extractall(folder, filter="data")
    return folder


@cache
def engine(commit):
    """Return the value of ENGINE in the sources of a commit."""
    for path in sorted((sources(commit) / "skfashion").rglob("*.py")):
        found = re.search(r"^ENGINE = (\d+)$", path.read_text(), re.MULTILINE)
        if found:
            return int(found[1])
    return None


@cache
def defaults_of(commit):
    """Return all parameters of skfashion's classes at a commit, none of them set."""
    code = SAY_DEFAULTS.format(root=str(sources(commit)))
    words = [sys.executable, "-c", code]
    return json.loads(
        subprocess.run(words, cwd=sources(commit), capture_output=True, check=True).stdout
    )


def as_then(value, commit):
    """Return a description of today with the defaults that skfashion's classes had then."""
    if isinstance(value, list):
        return [as_then(item, commit) for item in value]
    if not isinstance(value, dict):
        return value
    value = {name: as_then(item, commit) for name, item in value.items()}
    then = defaults_of(commit).get(value.get("class"))
    if then is None:
        return value
    now = models.parameters(getattr(__import__("skfashion"), value["class"])())
    for name in [name for name in value if name != "class"]:
        if name not in then:
            assert value[name] == now[name], (commit, value["class"], name)
            del value[name]
        elif value[name] == now[name] != then[name]:
            print(f"{commit[:7]} {value['class']}: {name} was {then[name]}, is {now[name]}")
            value[name] = then[name]
    return value


def told(study, row):
    """Return unit, seed, settings and scope of a row, and what of it these take the place of."""
    get = row.get
    if study in ("accuracy", "frontier", "reference"):
        settings = {"class": row["estimator"], **row["parameters"]}
        # Others' models hang on no engine of ours.
        return row["model"], get("seed"), settings, row["code"] and "images", "model parameters"
    if study in ("ablation", "tuning"):
        settings = {"class": row["classifier"], **row["parameters"]}
        return row["name"], get("seed"), settings, "images", "name classifier parameters"
    if study == "sensitivity":
        settings = sensitivity.head(row["what"], row["seed"])["settings"]
        assert row["how"] == sensitivity.HOW[row["what"]]
        scope = "images" if row["what"] == "labels" else None
        return row["what"], get("seed"), settings, scope, "what how"
    if study == "defaults":
        changes = {k: tuple(v) if isinstance(v, list) else v for k, v in row["changes"].items()}
        head = defaults.head(row["classifier"], changes, row["data"], row["seed"])
        (scope,) = head["engine"]
        return head["unit"], get("seed"), head["settings"], scope, "classifier changes"
    if study == "robustness":
        settings = models.described(robustness.CLASSIFIERS[row["classifier"]](0))
        return row["classifier"], get("seed"), settings, "images", "classifier"
    if study in ("ensembles", "labels", "learning-curve"):
        module = {"ensembles": ensembles, "labels": labels, "learning-curve": learning_curve}[study]
        its = module.classifiers(row["unit"], row["settings"])
        settings = row["settings"] | {"classifiers": models.described(its)}
        return row["unit"], get("seed"), settings, "images", ""
    if study == "fairness":
        unit = {key: row[key] for key in ("task", "estimator", "mitigation")}
        settings = fairness.settings_of(fairness.FULL)
        assert row["settings"].items() <= settings.items()
        return unit, get("seed"), settings, "images", ""
    if study == "honesty":
        head = honesty.head(row["seed"], row["data"], False)
        return head["unit"], get("seed"), head["settings"], "images", ""
    if study == "imbalance":
        head = imbalance.head(parts()[row["plan"]], row["seed"], row["data"], False)
        return head["unit"], get("seed"), head["settings"], "images", "part plan"
    if study in ("search", "stacking"):
        settings = {"rounds": row["rounds"], "task": row["task"]}
        return row["row"], None, settings, None, "row rounds task"
    if study == "speed":
        # The number of rounds stands in the command.
        rounds = int(re.search(r"--rounds (\d+)", row["command"])[1])
        return row["row"], None, {"rounds": rounds}, None, "row"
    if study == "scaling":
        unit = {key: row[key] for key in ("varied", "rows", "side", "width")}
        return unit, None, {}, None, ""
    assert study == "cluster", study
    return row["workers"], row["round"], row["settings"], None, "workers round"


@cache
def parts():
    """Return the parts of the plan by the name that rows had for them."""
    import hashlib

    return {hashlib.sha256(repr(p).encode()).hexdigest()[:8]: p for p in imbalance._plan()}


def carried(study, row):
    """Return a row in its new form."""
    unit, seed, settings, scope, gone = told(study, row)
    commit = row["commit"]
    decided = {"engine": scope and {scope: engine(commit)}}
    if study in results.TIMED or study == "stacking":
        decided = {"training": environment.training_hash(sources(commit))}
    head = {
        "study": study,
        "version": 1,
        "unit": unit,
        "seed": seed,
        "settings": settings if "parameters" in gone else as_then(settings, commit),
        "data": row.get("data", settings.get("data", settings.get("task", {}).get("data"))),
        **decided,
    }
    gone = {"benchmark", *gone.split()}
    return head | {key: value for key, value in row.items() if key not in gone | set(head)}


def main():
    """Rewrite all committed result files."""
    counts = Counter()
    for path in sorted(results.PUBLISHED.glob("*.jsonl")):
        study = path.stem.removesuffix("-full")
        rows = [carried(study, row) for row in results.read(path)]
        path.write_bytes(b"".join(map(results._line, rows)))
        said = Counter(str(row.get("engine", "timing, " + row.get("training", ""))) for row in rows)
        print(path.name, len(rows), dict(said))
        counts += Counter(str(engine(row["commit"])) for row in rows)
    print("ENGINE of the commits of all rows:", dict(counts))


if __name__ == "__main__":
    main()
