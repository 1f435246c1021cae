"""Seconds and memory beside other libraries.

Compare skfashion's seconds with those of others that do the same work on the same data, with the
same network, batch size, optimizer and number of threads. Each competitor is a process of its
own that is warmed up first; then they run in turn, round after round, so that an hour in which
the machine is slow is slow for all. Ratios are taken within a round.

What is compared, how, and its tables; ``competitors`` has who is timed, ``measures`` what a process
says about itself, ``profiles`` where its time goes, ``busy`` what keeps a machine busy meanwhile,
and ``scaling`` how time and memory grow.
"""

import dataclasses
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks import environment, side_by_side
from benchmarks.environment import ROOT, child_environment
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import caption, every, pipe_table
from benchmarks.processes import call
from benchmarks.studies.speed.busy import busy_cores
from benchmarks.studies.speed.competitors import COMPETITORS, Task
from benchmarks.studies.speed.nets import operations
from benchmarks.studies.speed.scaling import SCALING, threads_of
from benchmarks.study import study_of

# Before each run, in seconds.
REST = 0.3
MEASURES = "benchmarks.studies.speed.measures"
SHARES = "benchmarks.studies.speed.profiles:shares"
# What rows beside another checkout begin with, and those of a GPU.
BEFORE, ON_GPU = "before: ", "cuda: "


@dataclass(frozen=True)
class Row:
    """One comparison: competitors by their keys in ``COMPETITORS``."""

    title: str
    task: Task
    ours: str
    others: dict  # each with the ratio of our time to its time that is aimed at, if one is
    unit: str = "s an epoch"
    factor: float = 1  # from a run's seconds to that unit
    n_loaded: int | None = 0  # how many cores are busy meanwhile, None for every one
    before_aim: float = 1.03  # the ratio beside another checkout
    quick_rows: int = 6000  # at most, with --quick
    threads: int | None = None  # of each competitor, whatever is asked for


@dataclass(frozen=True)
class Weighing:
    """Something that one process says about itself."""

    title: str
    function: str  # of ``measures``, which returns a dict of numbers
    net: str
    key: str  # of the number in the table
    aim: float  # its largest value


@dataclass(frozen=True)
class Profile:
    """Where the time of a training goes."""

    title: str
    competitor: str
    task: Task


AIMS = {"hand": 0.75, "sklearn": 0.65, "sklearn_float64": 0.45, "skorch": 0.45}
AIMS |= {"lightning": 0.40, "keras": 0.45, "jax": 1.1}
CNN_AIMS = {"hand": 0.42, "hand_channels_last": 0.58, "hand_bf16": None, "hand_pools_first": 0.75}
CNN_AIMS |= {"skorch": 0.42, "keras": 0.45}
# Of nets by hand that are as fast in float32, and of those in the types that ours are trained in.
DEEP_AIMS = {"hand_channels_last": None, "hand_bf16": 0.85}
BARE, ONE = {"predict_bare": 1.10}, {"predict_one_sklearn": 1.3}
# Of predictions of one row there are a thousand, whose seconds are milliseconds of one.
THREE, MS = ("s an epoch", 1 / 3), ("ms", 1e3)
SHORTFALL = "shortfall", 0.2
MLP = "MLP 784-128-64-10, batch {}: an epoch"
CNN = "CNN 32-64, fc 128, batch 128: an epoch"
DEFAULTS = "{} of the defaults, batch 128: an epoch"
RAISES = "fit on 60,000 uint8 rows raises the peak by, {}, MB"
MAP = "fit and predict on a memory map of 2,000,000 rows take of their own, MLP, MB"
PRECISIONS = (
    "validation accuracy of ConvNetClassifier(), auto and fp32, difference in points, 3 seeds"
)
GIVEN_UP = "validation accuracy of the {} above, plain loop minus ours, points, 4 epochs, 3 seeds"
MANY, CNN_MANY = Task(rows=10_000), Task("cnn", rows=10_000)
ONE_PROBA, ONE_TASK, ONE_CNN = (
    "predict_proba of one row, {}",
    Task(rows=2000),
    Task("cnn", rows=2000),
)
SMALL_FIT = "fit of 200 rows, 10 epochs, batch 128, MLP"
PROFILED = Task("cnn", epochs=1, rows=24_000)
TABLE, IMAGES = Task(rows=3000), Task("cnn", rows=6000)
FIT_TABLE = "fit of 3,000 rows of 12 columns, MLPNetClassifier(), {}"
DIGITS = Task("resnet", rows=1797)
FIT_DIGITS = "fit of 1,797 digits of 8 x 8, 3 epochs, ResNetClassifier(), {}"
FIT_IMAGES = "fit of 6,000 images, ConvNetClassifier(), {}"
FITS = {"unit": "s", "before_aim": 1.05, "quick_rows": 600}
ALONE = ("default", {"default_one": None, "default_passive": None})
LOADED = ("default", {"default_one": 1.5, "default_passive": None})
ROWS = {
    "mlp-128": Row(MLP.format(128), Task(), "ours", AIMS, *THREE),
    "mlp-512": Row(MLP.format(512), Task(batch_size=512), "ours", {"hand": 0.65}, *THREE),
    "cnn-128": Row(CNN, Task("cnn", epochs=1), "ours", CNN_AIMS),
    "resnet-128": Row(DEFAULTS.format("ResNet"), Task("resnet", epochs=1), "ours", DEEP_AIMS),
    "attention-128": Row(
        DEFAULTS.format("attention net"), Task("attention", epochs=1), "ours", DEEP_AIMS
    ),
    "module-cnn": Row(CNN, Task("cnn", epochs=1), "module", {"conv": 1.03}),
    "predict-mlp": Row("predict of 10,000 rows, MLP", MANY, "predict_ours", BARE, *MS),
    "predict-cnn": Row("predict of 10,000 rows, CNN", CNN_MANY, "predict_ours", BARE, *MS),
    "predict-one": Row("predict of one row, MLP", Task(rows=2000), "predict_one_ours", ONE, "ms"),
    "one-mlp": Row(ONE_PROBA.format("MLP"), ONE_TASK, "proba_one", {"proba_one_bare": 2.0}, "ms"),
    "one-cnn": Row(ONE_PROBA.format("CNN"), ONE_CNN, "proba_one", {"proba_one_bare": 2.5}, "ms"),
    "one-cnn-ort": Row(
        f"{ONE_PROBA.format('CNN')}, one thread",
        ONE_CNN,
        "proba_one",
        {"proba_one_ort": 6.0},
        "ms",
        threads=1,
    ),
    "fit-200": Row(SMALL_FIT, Task(rows=200, epochs=10), "ours", {"sklearn": 1.0}, *MS),
    "table-idle": Row(FIT_TABLE.format("idle machine"), TABLE, *ALONE, **FITS),
    "table-busy": Row(FIT_TABLE.format("busy machine"), TABLE, *LOADED, **FITS, n_loaded=None),
    "images-idle": Row(FIT_IMAGES.format("idle machine"), IMAGES, *ALONE, **FITS),
    "images-busy": Row(FIT_IMAGES.format("busy machine"), IMAGES, *LOADED, **FITS, n_loaded=None),
    "digits-idle": Row(FIT_DIGITS.format("idle machine"), DIGITS, *ALONE, **FITS),
    "digits-busy": Row(FIT_DIGITS.format("one core busy"), DIGITS, *LOADED, **FITS, n_loaded=1),
    "search-16": Row(
        "search of 16 MLPs, 12,000 rows, refit=False",
        Task(rows=12_000),
        "search",
        {"fits_in_turn": 0.53},
        "s",
    ),
    "import": Row("import skfashion", Task(), "import_ours", {"import_others": 1.1}, "s"),
    "memory-mlp": Weighing(RAISES.format("MLP"), "memory_of_fit", "mlp", "increase_mb", 160),
    "memory-cnn": Weighing(RAISES.format("CNN"), "memory_of_fit", "cnn", "increase_mb", 100),
    "memory-cnn-plain": Weighing(
        RAISES.format("CNN, without the extra fast"),
        "memory_without_kernels",
        "cnn",
        "increase_mb",
        100,
    ),
    "memory-map": Weighing(MAP, "memory_of_map", "mlp", "predict_increase_mb", 600),
    "precision-cnn": Weighing(PRECISIONS, "accuracy_of_precisions", "cnn", "difference", 0.2),
    "profile-mlp": Profile("MLP", "ours", Task(epochs=1)),
    "profile-mlp-hand": Profile("MLP by hand", "hand", Task(epochs=1)),
    "profile-cnn": Profile("CNN, bf16", "ours", PROFILED),
    "profile-cnn-hand": Profile(
        "CNN by hand, bf16, pool before ReLU", "hand_pools_first", PROFILED
    ),
    "profile-resnet": Profile("ResNet, bf16", "ours", dataclasses.replace(PROFILED, net="resnet")),
    "accuracy-mlp": Weighing(GIVEN_UP.format("MLP"), "accuracy_of_competitors", "mlp", *SHORTFALL),
    "accuracy-cnn": Weighing(GIVEN_UP.format("CNN"), "accuracy_of_competitors", "cnn", *SHORTFALL),
}

GPU_AIMS = dict.fromkeys(("hand", "skorch", "lightning"), 1.0)
GPU_CONV_AIMS = {"hand_channels_last": 1.0, **GPU_AIMS}
GPU_ROWS = {
    "mlp-128": Row(MLP.format(128), Task(device="cuda"), "ours", GPU_AIMS, *THREE),
    "cnn-128": Row(CNN, Task("cnn", device="cuda"), "ours", GPU_CONV_AIMS, *THREE),
    "resnet-128": Row(
        DEFAULTS.format("ResNet"),
        Task("resnet", device="cuda"),
        "ours",
        GPU_CONV_AIMS,
        *THREE,
    ),
}


def units(asked):
    """Return the rows that are asked for; beside another checkout those alone that compare."""
    options, known, prefix = asked.options, ROWS, ""
    if options.device == "cuda":
        known, prefix = GPU_ROWS, ON_GPU
        if options.before is not None:
            raise BenchmarkError("--device cuda goes without --before.", exit_code=2)
    elif options.before is not None:
        known, prefix = {name: row for name, row in ROWS.items() if isinstance(row, Row)}, BEFORE
    found = [f"{prefix}{name}" for name in options.rows if name in known]
    if not found:
        raise BenchmarkError(f"Got no rows, expected some of {', '.join(known)}.", exit_code=2)
    return found


def describe(name, seed, asked):
    """Say how often, with how many threads, and beside which other commit."""
    settings, checkout = {"rounds": side_by_side.rounds_of(asked)}, asked.options.before
    if checkout is not None:
        settings["before"] = environment.commit(checkout)
        if settings["before"] is None or not (checkout / "skfashion").is_dir():
            message = f"Got --before {checkout}, expected a checkout of this repository."
            raise BenchmarkError(message, exit_code=2)
    if name.startswith(ON_GPU):
        settings["device"] = name_of_gpu()
    return {"settings": settings, "threads": threads_of(asked)}


def name_of_gpu():
    """Return what a GPU is called by its maker."""
    from torch import cuda

    if not cuda.is_available():
        message = "Got --device cuda, and PyTorch finds no CUDA device on this machine; expected "
        raise BenchmarkError(f"{message}one, or --device cpu.", exit_code=2)
    return cuda.get_device_name()


def measure(name, seed, asked):
    """Compare competitors, or let a process say something about itself."""
    known, threads = GPU_ROWS if name.startswith(ON_GPU) else ROWS, threads_of(asked)
    row = known[name.removeprefix(BEFORE).removeprefix(ON_GPU)]
    data = "full" if asked.size == "full" else "sample"
    if isinstance(row, Row):
        rounds = side_by_side.rounds_of(asked)
        found = compare(row, rounds, threads, data, asked.options.before)
    elif isinstance(row, Profile):
        task = dataclasses.replace(row.task, threads=threads, data=data)
        its = {"competitor": row.competitor, "task": dataclasses.asdict(task)}
        found = {"shares": call(SHARES, child_environment(threads), **its)}
    else:
        function, variables = f"{MEASURES}:{row.function}", child_environment(threads)
        numbers = call(function, variables, net=row.net, data=data)
        found = {"values": {key: round(value, 2) for key, value in numbers.items()}}
    return {"title": row.title, **found}


def compare(row, rounds, threads, data, before=None):
    """Time competitors in turn, those that are installed; or ours and that of another checkout."""
    threads = row.threads or threads
    n_rows = row.task.rows if data == "full" else min(row.task.rows, row.quick_rows)
    task = dataclasses.replace(row.task, threads=threads, data=data, rows=n_rows)
    # A few epochs do not converge, and need not: no warnings.
    variables = child_environment(threads) | {"PYTHONWARNINGS": "ignore"}
    variables |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    variables.pop("OMP_WAIT_POLICY", None)  # as a user finds it

    def child(name, variables=variables, checkout=ROOT):
        its = {"competitor": name, "task": dataclasses.asdict(task), "checkout": str(checkout)}
        variables = variables | dict(COMPETITORS[name].variables)
        variables = {key: value for key, value in variables.items() if value is not None}
        return f"{__name__}.competitors:compete", variables, its

    targets = row.others if before is None else {"before": row.before_aim}
    competitors, left_out = {row.ours: child(row.ours)}, []
    with tempfile.TemporaryDirectory() as folder:
        for name in targets:
            if name == "before":
                competitors[name] = child(row.ours, variables_of(before, folder, variables), before)
            elif find_spec(COMPETITORS[name].package) is not None:
                competitors[name] = child(name)
            else:
                left_out.append(name)
                label = COMPETITORS[name].label
                print(f"{row.title}: {label} is not installed, left out", file=sys.stderr)
        with busy_cores(row.n_loaded):
            found = side_by_side.in_turn(competitors, rounds, REST)
    compared = side_by_side.compared(found, row.ours, targets)
    more = {"limits_gflops": None, "gflops": None}
    is_epoch = row.unit == "s an epoch" and task.device == "cpu"
    if is_epoch and before is None:  # operations a second are worth stating
        work = operations(task.net) * task.rows * task.epochs
        seconds = statistics.median(compared["seconds"][row.ours])
        more["limits_gflops"] = call(f"{MEASURES}:limits", variables)
        more["gflops"] = round(work / seconds / 1e9, 1)
    return {
        "task": dataclasses.asdict(task),
        "ours": row.ours,
        **compared,
        "peak_mb": {name: round(its[-1]["peak_mb"], 1) for name, its in found.items()},
        "left_out": left_out,
        **more,
    }


def variables_of(checkout, folder, variables):
    """Return an environment in which skfashion is that of another checkout, and all else ours."""
    Path(folder, "skfashion").symlink_to(checkout / "skfashion")
    paths = os.pathsep.join([folder, variables["PYTHONPATH"]])
    return variables | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}


def page_table(rows):
    """Write all that was measured, growth included."""
    return table(rows, SCALING.rows())


def table(rows, growth=()):
    """Write what was measured side by side, on processors and, by themselves, on GPUs."""
    on_gpu = [row for row in rows if row["unit"].startswith(ON_GPU)]
    on_cpu = [row for row in rows if row not in on_gpu]
    parts = [_on_cpu(on_cpu, growth)] if on_cpu else []
    return "\n\n".join(parts + ([_on_gpu(on_gpu)] if on_gpu else []))


def _found(rows, known, of=""):
    """Return what is measured in rows, in the order of those that are known."""
    by_unit = {row["unit"]: row for row in rows}
    return [(shape, by_unit[of + name]) for name, shape in known.items() if of + name in by_unit]


def _on_gpu(rows):
    """Write what was measured on a GPU: ratios, aims, memory."""
    lines = [line for shape, row in _found(rows, GPU_ROWS, ON_GPU) for line in _timed(shape, row)]
    names = [f"on {every(rows, 'settings', 'device')}", "who", "median", "ours / theirs (range)"]
    words = "Rows lie in the GPU's memory, whose peak is told; convolutions are in bfloat16."
    return "\n\n".join([pipe_table(lines, [*names, "aim", "peak MB"]), *_below(rows, words)])


def _on_cpu(rows, growth):
    """Write what was measured elsewhere: ratios, aims, memory, share of the processor."""
    found, before = _found(rows, ROWS), _found(rows, ROWS, BEFORE)
    timed = [line for shape, row in found if "seconds" in row for line in _timed(shape, row)]
    weighed = [
        [shape.title, f"{row['values'][shape.key]:.3g}", f"{shape.aim:.3g}"]
        for shape, row in found
        if "values" in row
    ]
    shares = [_share(shape, row) for shape, row in found if row.get("gflops")]
    profiles = [row for _, row in found if "shares" in row]
    headings = {
        ("what", "who", "median", "ours / theirs (range)", "aim", "peak MB"): timed,
        ("memory and accuracy", "measured", "aim"): weighed,
        ("training", "GFLOP/s", "limit GFLOP/s", "share"): shares,
        ("what", "skfashion", "before", "now / before (range)", "aim", "before is"): [
            _beside_before(shape, row) for shape, row in before
        ],
    }
    parts = [pipe_table(lines, names) for names, lines in headings.items() if lines]
    parts += [_profiles(profiles)] if profiles else []
    parts += [SCALING.table(growth)] if growth else []
    return "\n\n".join([*parts, *_below([row for _, row in found + before])])


def _below(rows, words=""):
    """Return what stands below a table: who was left out, rounds, machine, commands."""
    left_out = sorted({COMPETITORS[name].label for row in rows for name in row.get("left_out", ())})
    parts = [f"Not installed, left out: {', '.join(left_out)}."] if left_out else []
    rounds = sorted({row["settings"]["rounds"] for row in rows if "seconds" in row})
    about = f"Medians of {'-'.join(map(str, rounds))} rounds, ratios within a round. {words}"
    commands = " · ".join(dict.fromkeys(f"`{row['command']}`" for row in rows))
    return [*parts, f"{about.strip()}\n{caption(rows)}", f"Each row by itself: {commands}"]


def _timed(shape, row):
    """Write a line a competitor."""
    is_epoch = shape.unit == "s an epoch"
    lines = side_by_side.lines(row, COMPETITORS, f" {shape.unit}", shape.factor)
    for name, (who, *cells) in lines:
        if is_epoch and not who.endswith(dtype := _dtype(name, row)):
            who = f"{who}, {dtype}"
        yield [shape.title, who, *cells, f"{row['peak_mb'][name]:.0f}"]


def _dtype(name, row):
    """Return in which type a competitor multiplies and convolves."""
    task, instructions = row["task"], row["machine"]["instructions"]
    # By themselves, ours take bfloat16 for convolutions on processors that have it.
    is_own = name in ("ours", "module", "conv") and "bf16" in instructions
    if name == "sklearn_float64":
        return "fp64"
    takes = (
        task.get("device", "cpu") != "cpu" or is_own or name in ("hand_bf16", "hand_pools_first")
    )
    return "bf16" if takes and task["net"] != "mlp" else "fp32"


def _profiles(rows):
    """Write where the time of an epoch goes, a column a training."""
    lines = [[part, *(f"{row['shares'][part]:.1f}" for row in rows)] for part in rows[0]["shares"]]
    return pipe_table(lines, ["where the time goes, %", *(row["title"] for row in rows)])


def _beside_before(shape, row):
    """Write our time beside that of another commit."""
    ours, theirs = (
        cells for _, cells in side_by_side.lines(row, COMPETITORS, f" {shape.unit}", shape.factor)
    )
    return [shape.title, ours[1], *theirs[1:], row["settings"]["before"][:10]]


def _share(shape, row):
    """Write how much of the processor a training uses."""
    dtype = _dtype(row["ours"], row)
    limit, reached = row["limits_gflops"][dtype], row["gflops"]
    return [shape.title, f"{reached:.0f}", f"{limit:.0f} ({dtype})", f"{reached / limit:.0%}"]


STUDY = study_of(
    __name__,
    cost="1 h",
    page="performance.md",
    sizes={"full": {}, "quick": {}},
    seeds=None,
    timing=True,
    packages=("keras", "tensorflow", "tensorflow-cpu", "lightning", "jax"),
    options={
        **side_by_side.options(ROWS | GPU_ROWS),
        "--device": {
            "choices": ("cpu", "cuda"),
            "default": "cpu",
            "help": f"cuda: {', '.join(GPU_ROWS)} on a GPU",
        },
        "--threads": {"type": int, "help": "threads of each competitor; default all cores"},
        "--before": {
            "type": lambda path: Path(path).resolve(),
            "metavar": "CHECKOUT",
            "help": "beside skfashion of another checkout alone, such as a git worktree",
        },
        "--scaling": {"action": "store_true", "help": SCALING.help},
    },
    instead={"scaling": SCALING},
    resume=False,
)
