"""The rows of the table: which searches are compared, over what, and what is aimed at."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Task:
    """What is searched, and on what data.

    Parameters
    ----------
    data : {"full", "sample"}
        All training images, or those bundled with skfashion. Test images are never read.
    rows : int
        Training images of a search; each round draws others.
    held_out : int
        Other training images, which judge what a search has found.
    folds : int
        Of the cross-validation.
    epochs : int
        Of each net of a grid search.
    long_epochs : dict of str to int
        Of the last rung of a successive halving, and of the grid search beside it, by factor.
    grid : dict of str to list
        Values of ``hidden_layer_sizes``, ``lr`` and ``batch_size``.
    """

    data: str = "full"
    rows: int = 12_000
    held_out: int = 10_000
    folds: int = 3
    epochs: int = 5
    long_epochs: dict = field(default_factory=lambda: {"3": 27, "2": 16})
    grid: dict = field(
        default_factory=lambda: {
            "hidden_layer_sizes": [[64], [128], [128, 64], [256, 128]],
            "lr": [3e-4, 1e-3, 3e-3],
            "batch_size": [64, 128],
        }
    )


FULL = Task()
QUICK = Task(
    data="sample",
    rows=600,
    held_out=1000,
    folds=2,
    epochs=2,
    long_epochs={"3": 9, "2": 8},
    grid={"hidden_layer_sizes": [[32], [64]], "lr": [3e-4, 3e-3], "batch_size": [32, 64]},
)


@dataclass(frozen=True)
class Search:
    """One way to search the grid.

    Parameters
    ----------
    label : str
        What it is called in the table.
    kind : {"grid", "halving", "epochs"}
        ``GridSearchCV``, ``HalvingGridSearchCV`` or ``EpochHalvingSearchCV``.
    library : {"ours", "skorch", "sklearn"}
        Whose nets are searched.
    n_jobs : int
        Fits at a time.
    n_threads : int or None
        Threads of each of our nets; None leaves that to the package.
    factor : int or None
        Of a halving; of a grid search, that of the halving it stands beside, whose epochs it has.
    """

    label: str
    kind: str = "grid"
    library: str = "ours"
    n_jobs: int = 2
    n_threads: int | None = 1
    factor: int | None = None


SEARCHES = {
    "ours": Search("skfashion, n_jobs=2"),
    "ours_alone": Search("skfashion, n_jobs=1", n_jobs=1),
    "default": Search("skfashion, n_jobs=2", n_threads=None),
    "default_alone": Search("skfashion, n_jobs=1", n_jobs=1, n_threads=None),
    "skorch": Search("skorch NeuralNetClassifier", library="skorch"),
    "sklearn": Search("scikit-learn MLPClassifier, float32 rows", library="sklearn"),
    "epochs3": Search("EpochHalvingSearchCV", "epochs", factor=3),
    "halving3": Search("HalvingGridSearchCV", "halving", factor=3),
    "grid3": Search("GridSearchCV, all epochs", factor=3),
    "epochs2": Search("EpochHalvingSearchCV", "epochs", factor=2),
    "halving2": Search("HalvingGridSearchCV", "halving", factor=2),
}


@dataclass(frozen=True)
class Row:
    """One comparison.

    Parameters
    ----------
    title : str
        What is searched.
    ours : str
        Key of ``SEARCHES``.
    others : dict of str to float
        Key of each that it is compared with, and the ratio of seconds that is aimed at.
    whole : str or None
        Key of the search that tries everything, to which what ours has found is compared.
    shortfall : float or None
        The largest difference of validation accuracies aimed at, in points.
    """

    title: str
    ours: str
    others: dict
    whole: str | None = None
    shortfall: float | None = None


@dataclass(frozen=True)
class Weighing:
    """Memory of a search over all rows, beside that of one fit.

    Parameters
    ----------
    title : str
        What is searched.
    n_jobs, epochs : int
        Fits at a time, and epochs of each.
    fits, worker_mb : float
        Aimed at are so many times the memory of one fit, and so many MB a worker.
    variables : dict of str to str
        Environment of its processes, on top of that of the other rows.
    """

    title: str
    n_jobs: int = 2
    epochs: int = 2
    fits: float = 1.5
    worker_mb: float = 150
    variables: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Judging:
    """Scores in the middle of trainings beside those at their end.

    Parameters
    ----------
    title : str
        What is judged.
    decays : dict of str to float
        Of the averaged weights that are judged, by what they are called in the table.
    """

    title: str
    decays: dict


ROWS = {
    "jobs": Row("grid search, n_threads=1", "ours", {"ours_alone": 0.60}),
    "jobs-default": Row("grid search, default threads", "default", {"default_alone": 1.0}),
    "rivals": Row("grid search, n_jobs=2", "ours", {"skorch": 0.45, "sklearn": 0.70}),
    "halving-3": Row(
        "successive halving, factor 3",
        "epochs3",
        {"halving3": 0.85, "grid3": 0.35},
        whole="grid3",
        shortfall=0.3,
    ),
    "halving-2": Row("successive halving, factor 2", "epochs2", {"halving2": 0.70}),
    "memory": Weighing("16 candidates, all rows, n_jobs=2"),
    "memory-trimmed": Weighing(
        "16 candidates, all rows, n_jobs=2, MALLOC_TRIM_THRESHOLD_=65536",
        variables={"MALLOC_TRIM_THRESHOLD_": "65536"},
    ),
    "pauses": Judging(
        "24 candidates, one training each",
        {"last weights": 0.0, "average, decay 0.9": 0.9, "average, decay 0.995": 0.995},
    ),
}
