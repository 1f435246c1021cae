"""What a study is: what it measures, how often, and the table and pictures made of its rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.environment import ROOT, code_hash

DOCS = ROOT / "docs"


def _as_asked(unit, seed, asked):
    settings = asked.settings
    if asked.study.classifiers is not None:
        from benchmarks.models import described

        settings = settings | {"classifiers": described(asked.study.classifiers(unit, asked))}
    return {"settings": settings, "data": asked.size}


def _every_seed(asked):
    return [(unit, seed) for seed in asked.seeds for unit in asked.study.units(asked)]


@dataclass(frozen=True)
class Study:
    """One command, one result file, and one table of a page.

    Parameters
    ----------
    name, help, cost : str
        Of command and result file; one line for ``--help``; about how long it takes.
    table : callable
        ``table(rows) -> str``, Markdown; the rows are those of ``results.current``.
    page, marker : str
        The table stands on a page below ``docs`` between ``<!-- MARKER-table:start -->`` and
        ``:end``; default the name.
    measure : callable
        ``measure(unit, seed, asked) -> dict``, or an iterable of them that belong together: what a
        row says besides what it is recognised by.
    units, plan : callable
        ``units(asked)``: what rows are of, each a str, an int or a dict of JSON's types. ``plan``
        returns pairs of unit and seed; default each unit with each seed, seed by seed.
    describe : callable
        ``describe(unit, seed, asked)``: the keywords of ``results.head``, known before anything is
        measured; default the settings of the size, with the classifiers. It may return another
        ``unit`` by which a row is recognised, and `measure` rows with a ``unit`` of their own.
    classifiers : callable or None
        ``classifiers(unit, asked) -> dict``: what a unit is made of by name, unfitted; all of
        their parameters count as settings.
    version : int
        Raised when the metrics or the protocol change: all is measured anew then.
    sizes : dict of str to dict
        Settings by name. "full" alone: the study always writes the committed file. With "quick"
        there is ``--quick``, with "sample" ``--data``, and ``--publish`` for the committed file.
    seeds, quick_seeds : int or None
        How many by default, and of the smaller size; None where nothing is drawn.
    pictures : dict of str to callable
        File name below ``docs/images`` to ``draw(rows) -> Figure``, or None for nothing to draw.
    by : tuple of str
        Keys of a row by which its newest measurement is found, see ``results.current``.
    packages : tuple of str
        Whose versions decide the results besides the usual ones.
    timing : bool
        Of seconds and memory alone: the code of the training and the machine decide its rows.
    resume : bool
        Whether rows that are there already are skipped unasked; otherwise by ``--resume``.
    side_by_side, distributed : bool
        With ``--jobs``: `measure` only waits for a process, and may do so for several at a time;
        or its runs go through joblib, with ``--backend dask`` to a cluster.
    options, unpublished : dict of str to dict, and tuple of str
        Own options, with keywords of ``add_argument``; and those that are for trying things.
    instead : dict of str to Study
        By the name of an own option: with it, this other study is run.
    verify : callable or None
        ``verify(rows)`` fits one cheap committed row again, or more, and yields each with what it
        says and what it says now: dicts, the main number first. None for studies of seconds.
    """

    name: str
    help: str
    cost: str
    table: Callable
    page: str
    measure: Callable
    units: Callable = lambda asked: ()
    plan: Callable = _every_seed
    describe: Callable = _as_asked
    classifiers: Callable | None = None
    version: int = 1
    sizes: dict = field(default_factory=lambda: {"full": {}})
    seeds: int | None = 3
    quick_seeds: int = 1
    marker: str = ""
    pictures: dict = field(default_factory=dict)
    by: tuple = ("unit",)
    packages: tuple = ()
    timing: bool = False
    resume: bool = True
    side_by_side: bool = False
    distributed: bool = False
    options: dict = field(default_factory=dict)
    unpublished: tuple = ()
    instead: dict = field(default_factory=dict)
    verify: Callable | None = None

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
        name = self.marker or self.name
        return f"<!-- {name}-table:start -->", f"<!-- {name}-table:end -->"

    @property
    def shown(self):
        """Names of the pictures of its page."""
        return [name for its in (self, *self.instead.values()) for name in its.pictures]

    def rows(self):
        """Return the committed rows that count."""
        return results.current(results.read(self.file), self.by)

    def publishes(self, options):
        """Whether a run with some options writes the committed file."""
        return getattr(options, "publish", True)


@dataclass(frozen=True)
class Asked:
    """What the options of a command ask for: ``seeds`` is [None] where nothing is drawn."""

    study: Study
    size: str
    seeds: list
    path: Path
    jobs: int
    options: Any

    @property
    def settings(self):
        """The study's settings of this size."""
        return self.study.sizes[self.size]

    @cached_property
    def images(self):
        """The ``benchmarks.data.Split`` of this size: all images, or those bundled."""
        from benchmarks.data import load_split

        return load_split("full" if self.size == "full" else "sample")

    @property
    def cache(self):
        """Folder where finished runs of joblib's are kept, of the sources of today alone."""
        published = self.study.publishes(self.options)
        folder = results.LOCAL if published else self.path.parent
        return folder / "cache" / self.study.name / code_hash()
