"""The rows of the table: who is compared with whom at what, and what is aimed at."""

from dataclasses import dataclass, field

from benchmarks.speed.competitors import Task


@dataclass(frozen=True)
class Row:
    """One comparison.

    Parameters
    ----------
    title : str
        What is timed.
    task : Task
        Sizes.
    ours : str
        Key of ``COMPETITORS``.
    others : dict of str to float
        Key of each competitor, and the ratio of our time to its time that is aimed at.
    unit : float
        Factor from a run's seconds to the unit of the table.
    unit_name : str
        What that is.
    trains : bool
        Whether operations a second are worth stating.
    """

    title: str
    task: Task
    ours: str
    others: dict = field(default_factory=dict)
    unit: float = 1 / 3
    unit_name: str = "s an epoch"
    trains: bool = True


@dataclass(frozen=True)
class Weighing:
    """Something that one process says about itself.

    Parameters
    ----------
    title : str
        What is measured.
    function : str
        Name of a function in ``benchmarks.speed.measures`` that returns a dict of numbers.
    net : {"mlp", "cnn"}
        Which network.
    targets : dict of str to float
        The largest value aimed at, by key of that dict; the first key is the one in the table.
    """

    title: str
    function: str
    net: str
    targets: dict


@dataclass(frozen=True)
class Profile:
    """Where the time of an epoch goes.

    Parameters
    ----------
    title : str
        What is trained.
    net : {"mlp", "cnn"}
        Which network.
    batch_size : int
        Rows of a step.
    who : str
        Key of ``COMPETITORS``.
    """

    title: str
    net: str
    batch_size: int
    who: str = "ours_uint8"


ROWS = {
    "mlp-128": Row(
        "MLP 784-128-64-10, batch 128, fp32: an epoch",
        Task(),
        "ours",
        {
            "hand": 0.80,
            "sklearn": 0.70,
            "sklearn_float64": 0.45,
            "skorch": 0.45,
            "lightning": 0.40,
            "keras": 0.45,
            "jax": 1.7,
        },
    ),
    "mlp-512": Row(
        "MLP 784-128-64-10, batch 512, fp32: an epoch",
        Task(batch_size=512),
        "ours",
        {"hand": 0.65},
    ),
    "cnn-128": Row(
        "CNN 32-64, fc 128, batch 128: an epoch",
        Task(net="cnn", epochs=1),
        "ours",
        {"hand": 0.42, "hand_channels_last": 0.58, "skorch": 0.42, "keras": 0.45},
        unit=1,
    ),
    "predict-mlp": Row(
        "predict of 10,000 rows, MLP",
        Task(rows=10_000),
        "predict_ours",
        {"predict_bare": 1.10},
        1e3,
        "ms",
        False,
    ),
    "predict-cnn": Row(
        "predict of 10,000 rows, CNN",
        Task(net="cnn", rows=10_000),
        "predict_ours",
        {"predict_bare": 1.10},
        1e3,
        "ms",
        False,
    ),
    "predict-one": Row(
        "predict of one row, MLP",
        Task(rows=2000),
        "predict_one_ours",
        {"predict_one_sklearn": 1.3},
        1,
        "ms",
        False,
    ),
    "fit-200": Row(
        "fit of 200 rows, 10 epochs, batch 128, MLP",
        Task(rows=200, epochs=10),
        "ours",
        {"sklearn": 1.0},
        1e3,
        "ms",
        False,
    ),
    "import": Row(
        "import skfashion",
        Task(),
        "import_ours",
        {"import_others": 1.1},
        1,
        "s",
        False,
    ),
    "memory-mlp": Weighing(
        "fit on 60,000 uint8 rows raises the peak by, MLP, MB",
        "memory_of_fit",
        "mlp",
        {"increase_mb": 160},
    ),
    "memory-cnn": Weighing(
        "fit on 60,000 uint8 rows raises the peak by, CNN, MB",
        "memory_of_fit",
        "cnn",
        {"increase_mb": 160},
    ),
    "memory-map": Weighing(
        "fit and predict on a memory map of 2,000,000 rows take of their own, MLP, MB",
        "memory_of_map",
        "mlp",
        {"predict_increase_mb": 600, "fit_increase_mb": 600},
    ),
    "precision-cnn": Weighing(
        "validation accuracy of ConvNetClassifier(), auto and fp32, difference in points, 3 seeds",
        "accuracy_of_precisions",
        "cnn",
        {"difference": 0.2},
    ),
    "accuracy-mlp": Weighing(
        "validation accuracy of the MLP above, plain loop minus ours, points, 4 epochs, 3 seeds",
        "accuracy_of_competitors",
        "mlp",
        {"shortfall": 0.2},
    ),
    "accuracy-cnn": Weighing(
        "validation accuracy of the CNN above, plain loop minus ours, points, 4 epochs, 3 seeds",
        "accuracy_of_competitors",
        "cnn",
        {"shortfall": 0.2},
    ),
    "profile-hand-mlp-128": Profile("plain loop, MLP, batch 128", "mlp", 128, "hand"),
    "profile-mlp-128": Profile("ours, MLP, batch 128", "mlp", 128),
    "profile-mlp-512": Profile("ours, MLP, batch 512", "mlp", 512),
    "profile-hand-cnn-128": Profile("plain loop, CNN, batch 128", "cnn", 128, "hand"),
    "profile-cnn-128": Profile("ours, CNN, batch 128", "cnn", 128),
}
