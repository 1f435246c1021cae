"""What a study is: what it measures, how often, and the table and pictures made of its rows."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.data import Split, load_split
from benchmarks.environment import ROOT, code_hash
from benchmarks.models import described

DOCS = ROOT / "docs"
# What a module defines of its study under these names.
FUNCTIONS = ("classifiers", "describe", "measure", "page_table", "plan", "table", "units")


def _as_asked(unit, seed, asked):
    settings = asked.settings
    if asked.study.classifiers:
        made = asked.study.classifiers(unit, settings)
        settings = settings | {"classifiers": described(made)}
    return {"settings": settings, "data": asked.size}


def _every_seed(asked):
    units = asked.study.units
    units = units(asked) if callable(units) else units
    return [(unit, seed) for seed in asked.seeds for unit in units]


@dataclass(frozen=True)
class Study:
    """One command, one result file, and one table of a page."""

    name: str  # of command and result file
    about: str  # for --help, that of all commands shows the first line
    cost: str  # about how long it takes
    table: Callable  # table(rows) -> str, Markdown; the rows are those of results.current
    page: str  # below docs, where its text stands between its markers
    # measure(unit, seed, asked) -> dict, or an iterable of them that belong together: what a row
    # says besides what it is recognised by.
    measure: Callable
    # What rows are of, each a str, an int or a dict of JSON's types, or units(asked) that says it.
    units: Any = ()
    # plan(asked): pairs of unit and seed; default each unit with each seed, seed by seed.
    plan: Callable = _every_seed
    # describe(unit, seed, asked): the keywords of results.head, known before anything is measured;
    # default the settings of the size, with the classifiers. It may return another "unit" by which
    # a row is recognised, and measure rows with a "unit" of their own.
    describe: Callable = _as_asked
    # classifiers(unit, settings) -> dict: what a unit is made of by name, unfitted; all of their
    # parameters count as settings.
    classifiers: Callable | None = None
    version: int = 1  # raised when the metrics or the protocol change: all is measured anew then
    # Settings by name. "full" alone: the study always writes the committed file. With "quick" there
    # is --quick, with "sample" --data, too, and --publish for the committed file.
    sizes: dict = field(default_factory=lambda: {"full": {}})
    seeds: int | None = 3  # how many by default; None where nothing is drawn
    quick_seeds: int = 1  # of the smaller size
    # File name below docs/images to draw(rows) -> Figure, or None for nothing to draw.
    pictures: dict = field(default_factory=dict)
    # page_table(rows), where the page shows more than a run of the study does; default the table.
    page_table: Callable | None = None
    by: tuple = ("unit",)  # of results.current
    packages: tuple = ()  # whose versions decide the results besides the usual ones
    timing: bool = False  # of seconds and memory alone: the machine and the code of training count
    resume: bool = True  # skip rows that are there already, unasked; otherwise by --resume
    # With --jobs: measure only waits for a process, and may do so for several at a time; or its
    # runs go through joblib, with --backend dask to a cluster.
    side_by_side: bool = False
    distributed: bool = False
    options: dict = field(default_factory=dict)  # of its own, with keywords of add_argument
    unpublished: tuple = ()  # those that are for trying things
    instead: dict = field(default_factory=dict)  # by an own option: the study that is run with it
    # Units of which `benchmarks.verify` measures the first row again; none of studies of seconds.
    cheap: tuple = ()

    @property
    def help(self):
        """What it is in a line."""
        return self.about.partition("\n")[0].removesuffix(".")

    @property
    def file(self):
        """Path of the committed results."""
        return results.PUBLISHED / f"{self.name}.jsonl"

    @property
    def path(self):
        """Path of the page with its table."""
        return (DOCS / self.page).resolve()

    @property
    def markers(self):
        """The lines before and after its table."""
        return f"<!-- {self.name}-table:start -->", f"<!-- {self.name}-table:end -->"

    @property
    def shown(self):
        """Names of the pictures of its page."""
        return [name for its in (self, *self.instead.values()) for name in its.pictures]

    def rows(self):
        """Return the committed rows that count."""
        return results.current(results.read(self.file), self.by)

    def text(self, rows):
        """Return what its page shows of rows."""
        return (self.page_table or self.table)(rows)

    def publishes(self, options):
        """Whether a run with some options writes the committed file."""
        return getattr(options, "publish", True)


def study_of(module, **fields):
    """Return the study that a module is, by what is found in it; keywords come first.

    Its name and its docstring are the study's; `FUNCTIONS` and ``UNITS`` are the fields of these
    names, ``FULL`` and ``QUICK`` the sizes, and ``draw`` draws the picture of its name.
    """
    its, name = vars(sys.modules[module]), module.rpartition(".")[2]
    found = {key.lower(): its[key] for key in (*FUNCTIONS, "UNITS") if key in its}
    if "FULL" in its:
        found["sizes"] = {"full": its["FULL"], "quick": its["QUICK"]}
    if "draw" in its:
        found["pictures"] = {f"{name}.png": its["draw"]}
    own = {"name": name.replace("_", "-"), "about": its["__doc__"]}
    return Study(**found | own | fields)


@dataclass(frozen=True)
class Asked:
    """What the options of a command ask for."""

    study: Study
    size: str
    seeds: list  # [None] where nothing is drawn
    path: Path
    jobs: int
    options: Any
    brief: bool = False  # whether a row of each unit is enough

    @property
    def settings(self):
        """The study's settings of this size."""
        return self.study.sizes[self.size]

    @cached_property
    def images(self) -> Split:
        """All images, or those bundled."""
        return load_split("full" if self.size == "full" else "sample")

    @property
    def parallel(self):
        """How a study of skfashion's runs; finished runs are kept for today's sources alone."""
        folder = results.LOCAL if self.study.publishes(self.options) else self.path.parent
        return {"n_jobs": self.jobs, "cache": folder / "cache" / self.study.name / code_hash()}
