"""Seconds and memory beside other libraries.

Compare skfashion's seconds with those of others that do the same work on the same data, with the
same network, batch size, optimizer and number of threads. Each competitor is a process of its
own that is warmed up first; then they run in turn, round after round, so that an hour in which
the machine is slow is slow for all. Ratios are taken within a round.

What is compared, how, and its tables; ``competitors`` has who is timed, ``measures`` what a process
says about itself, ``busy`` what keeps a machine busy meanwhile, and ``scaling`` how time and memory
grow.
"""

import dataclasses
import os
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks import environment, side_by_side
from benchmarks.environment import ROOT, child_environment
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import caption, every, mark, marks_of, pipe_table
from benchmarks.processes import call
from benchmarks.studies.speed.busy import busy_cores
from benchmarks.studies.speed.competitors import COMPETITORS, Task
from benchmarks.studies.speed.nets import operations
from benchmarks.studies.speed.scaling import SCALING, threads_of
from benchmarks.study import study_of

# Before each run, in seconds.
REST = 0.3
MEASURES = "benchmarks.studies.speed.measures"
# What rows beside another checkout begin with, and those of a GPU.
BEFORE, ON_GPU = "before: ", "cuda: "
# A few epochs do not converge, and need not: no warnings. OpenMP is as a user finds it.
VARIABLES = {"PYTHONWARNINGS": "ignore", "OMP_WAIT_POLICY": None}
VARIABLES |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}


class Row(NamedTuple):
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
    has_children: bool = False  # who compute, too, and whose memory nobody measures


class Weighing(NamedTuple):
    """Something that one process says about itself: numbers, or shares of its time."""

    title: str
    function: str  # of ``measures``, which returns a dict of numbers
    arguments: dict
    key: str | None = None  # of the number in the table
    aim: float | None = None  # its largest value


AIMS = {"hand": 0.75, "sklearn": 0.65, "sklearn_float64": 0.45, "skorch": 0.45}
AIMS |= {"lightning": 0.40, "keras": 0.45, "jax": 1.1}
# As their documentation shows them, the former; these as an expert would set them.
AIMS |= {"skorch_best": None, "lightning_best": None, "fastai": None}
CNN_AIMS = {"hand": 0.42, "hand_channels_last": 0.58, "hand_bf16": None, "hand_pools_first": 0.75}
CNN_AIMS |= {"skorch": 0.42, "skorch_best": None, "fastai": None}
CNN_AIMS |= {"keras": 0.45, "keras_bf16": None}
# Who convolves in bfloat16, besides ours.
IN_BF16 = ("hand_bf16", "hand_pools_first", "skorch_best", "lightning_best", "fastai", "keras_bf16")
# Of nets by hand that are as fast in float32, and of those in the types that ours are trained in.
DEEP_AIMS = {"hand_channels_last": None, "hand_bf16": 0.85}
BARE, ONE = {"predict_bare": 1.10}, {"predict_one_sklearn": 1.3}
# Of predictions of one row there are a thousand, whose seconds are milliseconds of one.
THREE, MS = ("s an epoch", 1 / 3), ("ms", 1e3)
MLP = "MLP 784-128-64-10, Adam, batch {}: an epoch"
CNN = "CNN 32-64, fc 128, no batch norm, Adam, batch 128: an epoch"
MODULE = CNN.replace("CNN", "module of a CNN")
DEFAULTS = "{} of the defaults, but Adam, batch 128: an epoch"
RESNET, ATTENTION = DEFAULTS.format("ResNet"), DEFAULTS.format("attention net")
MANY, CNN_MANY = Task(rows=10_000), Task("cnn", rows=10_000)
ONE_MLP, ONE_CNN = (f"predict_proba of one row, {net}" for net in ("MLP", "CNN"))
FEW, CNN_FEW = Task(rows=2000), Task("cnn", rows=2000)
ORT = {"proba_one_ort": 6.0}
SMALL_FIT = "fit of 200 rows, 10 epochs, batch 128, MLP"
FIT_TABLE = "fit of 3,000 rows of 12 columns, MLPNetClassifier(), {} machine"
FIT_IMAGES = "fit of 6,000 images, ConvNetClassifier(), {} machine"
FIT_DIGITS = "fit of 1,797 digits of 8 x 8, 3 epochs, ResNetClassifier(), {}"
TABLE, IMAGES, DIGITS = Task(rows=3000), Task("cnn", rows=6000), Task("resnet", rows=1797)
FITS = {"unit": "s", "before_aim": 1.05, "quick_rows": 600}
ALONE = ("default", {"default_one": None, "default_passive": None})
LOADED = ("default", {"default_one": 1.5, "default_passive": None})
SEARCH = "search of 16 MLPs, 12,000 rows, refit=False"
RAISES = "fit on 60,000 uint8 rows raises the peak by, {}, MB"
NO_KERNELS = RAISES.format("CNN, without the extra fast")
MAP = "fit and predict on a memory map of 2,000,000 rows take of their own, MLP, MB"
PRECISIONS = (
    "validation accuracy of ConvNetClassifier(), auto and fp32, difference in points, 3 seeds"
)
GIVEN_UP = "validation accuracy of the {} above, plain loop minus ours, points, 4 epochs, 3 seeds"
SHORTFALL = "shortfall", 0.2
BY_HAND = "CNN by hand, bf16, pool before ReLU"
OF_MLP, OF_CNN = {"net": "mlp"}, {"net": "cnn"}
# Of profiles.
ALL = {"net": "mlp", "rows": 60_000}
SOME, DEEP, TOKENS = ({"net": net, "rows": 24_000} for net in ("cnn", "resnet", "attention"))
OURS, HAND, AUTOCAST = ({"competitor": name} for name in ("ours", "hand", "hand_bf16"))
ROWS = {
    "mlp-128": Row(MLP.format(128), Task(), "ours", AIMS, *THREE),
    "mlp-512": Row(MLP.format(512), Task(batch_size=512), "ours", {"hand": 0.65}, *THREE),
    "cnn-128": Row(CNN, Task("cnn", epochs=1), "ours", CNN_AIMS),
    "resnet-128": Row(RESNET, Task("resnet", epochs=1), "ours", DEEP_AIMS),
    "attention-128": Row(ATTENTION, Task("attention", epochs=1), "ours", DEEP_AIMS),
    "cnn-plain": Row(CNN, Task("cnn", epochs=1), "ours", {"without_kernels": None}),
    "module-cnn": Row(MODULE, Task("cnn", epochs=1), "module", {"conv": 1.03}),
    "predict-mlp": Row("predict of 10,000 rows, MLP", MANY, "predict_ours", BARE, *MS),
    "predict-cnn": Row("predict of 10,000 rows, CNN", CNN_MANY, "predict_ours", BARE, *MS),
    "predict-one": Row("predict of one row, MLP", FEW, "predict_one_ours", ONE, "ms"),
    "one-mlp": Row(ONE_MLP, FEW, "proba_one", {"proba_one_bare": 2.0}, "ms"),
    "one-cnn": Row(ONE_CNN, CNN_FEW, "proba_one", {"proba_one_bare": 2.5}, "ms"),
    "one-cnn-ort": Row(f"{ONE_CNN}, one thread", CNN_FEW, "proba_one", ORT, "ms", threads=1),
    "fit-200": Row(SMALL_FIT, Task(rows=200, epochs=10), "ours", {"sklearn": 1.0}, *MS),
    "table-idle": Row(FIT_TABLE.format("idle"), TABLE, *ALONE, **FITS),
    "table-busy": Row(FIT_TABLE.format("busy"), TABLE, *LOADED, **FITS, n_loaded=None),
    "images-idle": Row(FIT_IMAGES.format("idle"), IMAGES, *ALONE, **FITS),
    "images-busy": Row(FIT_IMAGES.format("busy"), IMAGES, *LOADED, **FITS, n_loaded=None),
    "digits-idle": Row(FIT_DIGITS.format("idle machine"), DIGITS, *ALONE, **FITS),
    "digits-busy": Row(FIT_DIGITS.format("one core busy"), DIGITS, *LOADED, **FITS, n_loaded=1),
    "search-16": Row(
        SEARCH, Task(rows=12_000), "search", {"fits_in_turn": 0.53}, "s", has_children=True
    ),
    "import": Row(
        "import skfashion", Task(), "import_ours", {"import_others": 1.1}, "s", has_children=True
    ),
    "memory-mlp": Weighing(RAISES.format("MLP"), "memory_of_fit", OF_MLP, "increase_mb", 160),
    "memory-cnn": Weighing(RAISES.format("CNN"), "memory_of_fit", OF_CNN, "increase_mb", 100),
    "memory-cnn-plain": Weighing(NO_KERNELS, "memory_without_kernels", OF_CNN, "increase_mb", 100),
    "memory-map": Weighing(MAP, "memory_of_map", OF_MLP, "predict_increase_mb", 600),
    "precision-cnn": Weighing(PRECISIONS, "accuracy_of_precisions", OF_CNN, "difference", 0.2),
    "profile-mlp": Weighing("MLP", "shares", ALL | OURS),
    "profile-mlp-hand": Weighing("MLP by hand", "shares", ALL | HAND),
    "profile-cnn": Weighing("CNN, bf16", "shares", SOME | OURS),
    "profile-cnn-hand": Weighing(BY_HAND, "shares", SOME | {"competitor": "hand_pools_first"}),
    "profile-resnet": Weighing("ResNet, bf16", "shares", DEEP | OURS),
    "profile-resnet-hand": Weighing("ResNet by hand, bf16", "shares", DEEP | AUTOCAST),
    "profile-attention": Weighing("attention, bf16", "shares", TOKENS | OURS),
    "profile-attention-hand": Weighing("attention by hand, bf16", "shares", TOKENS | AUTOCAST),
    "accuracy-mlp": Weighing(GIVEN_UP.format("MLP"), "accuracy_of_competitors", OF_MLP, *SHORTFALL),
    "accuracy-cnn": Weighing(GIVEN_UP.format("CNN"), "accuracy_of_competitors", OF_CNN, *SHORTFALL),
}
GPU_AIMS = {"hand": 1.0, "skorch": 1.0, "lightning": 1.0}
GPU_CONV_AIMS = {"hand_channels_last": 1.0, **GPU_AIMS}
GPU_ROWS = {
    f"{net}-128": Row(ROWS[f"{net}-128"].title, Task(net, device="cuda"), "ours", aims, *THREE)
    for net, aims in {"mlp": GPU_AIMS, "cnn": GPU_CONV_AIMS, "resnet": GPU_CONV_AIMS}.items()
}
# Of the processor's peak, that are aimed at.
SHARES = {"cnn-128": 0.6}
# Parts of a profile in which both sides call the same kernels.
SHARED = ("matrix products", "convolutions", "attention")
# What a reader looks for first.
IN_SHORT = ("mlp-128", "cnn-128", "resnet-128", "attention-128", "predict-cnn", "one-cnn-ort")
# All by what their rows are called.
SHAPES = ROWS | {BEFORE + name: row for name, row in ROWS.items() if isinstance(row, Row)}
SHAPES |= {ON_GPU + name: row for name, row in GPU_ROWS.items()}


def units(asked):
    """Return the rows that are asked for; beside another checkout those alone that compare."""
    options, prefix = asked.options, ""
    if options.device == "cuda":
        prefix = ON_GPU
        if options.before is not None:
            raise BenchmarkError("--device cuda goes without --before.", exit_code=2)
    elif options.before is not None:
        prefix = BEFORE
    found = [prefix + name for name in options.rows if prefix + name in SHAPES]
    if not found:
        known = ", ".join(name.removeprefix(prefix) for name in SHAPES if name.startswith(prefix))
        raise BenchmarkError(f"Got no rows, expected some of {known}.", exit_code=2)
    return found


def describe(name, seed, asked):
    """Say how often, with how many threads, and beside which other commit or on which GPU."""
    settings, checkout = {"rounds": side_by_side.rounds_of(asked)}, asked.options.before
    if checkout is not None:
        settings["before"] = environment.commit(checkout)
        if settings["before"] is None or not (checkout / "skfashion").is_dir():
            message = f"Got --before {checkout}, expected a checkout of this repository."
            raise BenchmarkError(message, exit_code=2)
    if name.startswith(ON_GPU):
        from torch import cuda

        if not cuda.is_available():
            message = "Got --device cuda, and PyTorch finds no CUDA device; give --device cpu."
            raise BenchmarkError(message, exit_code=2)
        settings["device"] = cuda.get_device_name()
    return {"settings": settings, "threads": threads_of(asked)}


def measure(name, seed, asked):
    """Compare competitors, or let a process say something about itself."""
    row, threads = SHAPES[name], threads_of(asked)
    data = "full" if asked.size == "full" else "sample"
    if isinstance(row, Row):
        rounds = side_by_side.rounds_of(asked)
        found = compare(row, rounds, threads, data, asked.options.before)
    else:
        function, variables = f"{MEASURES}:{row.function}", child_environment(threads)
        numbers = call(function, variables, data=data, **row.arguments)
        numbers = {key: round(value, 2) for key, value in numbers.items()}
        found = {"shares" if row.function == "shares" else "values": numbers}
    return {"title": row.title, **found}


def compare(row, rounds, threads, data, before=None):
    """Time competitors in turn, those that are installed; or ours and that of another checkout."""
    threads = row.threads or threads
    n_rows = row.task.rows if data == "full" else min(row.task.rows, row.quick_rows)
    task = dataclasses.asdict(row.task) | {"threads": threads, "data": data, "rows": n_rows}
    targets = row.others if before is None else {"before": row.before_aim}
    competitors, left_out = {}, []
    with tempfile.TemporaryDirectory() as folder, busy_cores(row.n_loaded):
        for name in (row.ours, *targets):
            key, checkout = (row.ours, before) if name == "before" else (name, ROOT)
            label, package, _, variables = COMPETITORS[key]
            if find_spec(package) is None:
                left_out.append(name)
                print(f"{row.title}: {label} is not installed, left out", file=sys.stderr)
                continue
            variables = _environment(threads, variables)
            if name == "before":  # skfashion is that of the checkout, and all else ours
                Path(folder, "skfashion").symlink_to(before / "skfashion")
                variables["PYTHONPATH"] = os.pathsep.join([folder, variables["PYTHONPATH"]])
                variables["PYTHONSAFEPATH"] = "1"
            its = {"competitor": key, "task": task, "checkout": str(checkout)}
            competitors[name] = f"{__name__}.competitors:compete", variables, its
        found = side_by_side.in_turn(competitors, rounds, REST)
    compared = side_by_side.compared(found, row.ours, targets)
    work = {"limits_gflops": None, "gflops": None}
    if row.unit == "s an epoch" and task["device"] == "cpu" and before is None:
        n_operations = operations(task["net"]) * task["rows"] * task["epochs"]
        seconds = statistics.median(compared["seconds"][row.ours])
        limits = call(f"{MEASURES}:limits", _environment(threads))
        work = {"limits_gflops": limits, "gflops": round(n_operations / seconds / 1e9, 1)}
    return {
        "task": task,
        "ours": row.ours,
        **compared,
        "peak_mb": {name: round(its[-1]["peak_mb"], 1) for name, its in found.items()},
        "left_out": left_out,
        **work,
    }


def _environment(threads, more=()):
    """Return the environment of a competitor; what is None is none of it."""
    variables = child_environment(threads) | VARIABLES | dict(more)
    return {name: value for name, value in variables.items() if value is not None}


def page_table(rows):
    """Write all that was measured, growth included."""
    return table(rows, SCALING.rows())


def table(rows, growth=()):
    """Write what was measured side by side, on processors and, by themselves, on GPUs."""
    by_unit = {row["unit"]: row for row in rows}
    rows = [by_unit[unit] for unit in SHAPES if unit in by_unit]
    on_gpu = [row for row in rows if row["unit"].startswith(ON_GPU)]
    on_cpu = [row for row in rows if row not in on_gpu]
    parts = []
    if on_cpu:
        first = [row for row in on_cpu if row["unit"] in IN_SHORT]
        lines = [[SHAPES[row["unit"]].title, _in_short(row)] for row in first]
        parts = [pipe_table(lines, ["in short", "ours / theirs"])] if lines else []
        parts += [*_tables(on_cpu), *_below(on_cpu)]
        parts += [SCALING.table(growth), caption(growth)] if growth else []
    if on_gpu:
        words = "Rows lie in the GPU's memory, whose peak is told; convolutions are in bfloat16."
        what = f"on {every(on_gpu, 'settings', 'device')}"
        parts += [*_tables(on_gpu, what), *_below(on_gpu, words)]
    return "\n\n".join(parts)


def _tables(rows, what="what"):
    """Yield tables of seconds, of memory and accuracy, and so on, those that have lines."""
    headings = {
        _timed: (what, "who", "median", "ours / theirs (range)", "aim", "peak MB"),
        _weighed: ("memory and accuracy", "measured", "aim"),
        _share: ("training", "GFLOP/s", "limit GFLOP/s", "share", "aim"),
        _before: (
            *("what", "skfashion", "before", "now / before (range)", "aim", "now is", "before is"),
        ),
    }
    marks = marks_of(rows)
    for lines_of, names in headings.items():
        lines, aim = [], names.index("aim")
        for row in rows:
            for cells in lines_of(SHAPES[row["unit"]], row):
                cells[0] += mark([row], marks)
                cells[aim] = cells[aim] if _has_aims(row) else ""
                lines.append(cells)
        if lines:
            yield pipe_table(lines, names)
    if profiles := [row for row in rows if "shares" in row]:
        shares = [
            [part, *(f"{row['shares'][part]:.1f}" for row in profiles)]
            for part in profiles[0]["shares"]
        ]
        sums = (sum(row["shares"][part] for part in SHARED) for row in profiles)
        shares.append([f"{', '.join(SHARED)} together", *(f"{its:.1f}" for its in sums)])
        titles = [row["title"] + mark([row], marks) for row in profiles]
        yield pipe_table(shares, ["where the time goes, %", *titles])


def _has_aims(row):
    """Tell whether the aims, which are those of one kind of processor or of a GPU, are a row's."""
    machine = row["machine"]
    is_theirs = "AMD" in machine["cpu"] and "avx512_bf16" in machine["instructions"]
    return is_theirs or row["unit"].startswith(ON_GPU)


def _below(rows, words=""):
    """Return what stands below a table: who was left out, rounds, machine, commands."""
    left_out = sorted({COMPETITORS[name].label for row in rows for name in row.get("left_out", ())})
    parts = [f"Not installed, left out: {', '.join(left_out)}."] if left_out else []
    rounds = sorted({row["settings"]["rounds"] for row in rows if "seconds" in row})
    rounds = "-".join(map(str, rounds))
    about = f"Medians of {rounds} rounds; a ratio is the median of those of all rounds. {words}"
    commands = " · ".join(dict.fromkeys(f"`{row['command']}`" for row in rows))
    return [*parts, f"{about.strip()}\n{caption(rows)}", f"Each row by itself: {commands}"]


def _timed(shape, row):
    """Yield a line a competitor."""
    if "seconds" not in row or row["unit"].startswith(BEFORE):
        return
    for name, (who, *cells) in _seconds(shape, row):
        if row["unit"] != "import":
            who = _with_dtype(who, name, row)
        peak = "" if shape.has_children else f"{row['peak_mb'][name]:.0f}"
        yield [shape.title, who, *cells, peak]


def _seconds(shape, row):
    return side_by_side.lines(row, COMPETITORS, f" {shape.unit}", shape.factor)


def _in_short(row):
    """Return the ratios to all others in a line."""
    return "; ".join(
        f"{_with_dtype(COMPETITORS[name].label, name, row)}: {statistics.median(ratios):.2f}"
        for name, ratios in row["ratios"].items()
    )


def _with_dtype(who, name, row):
    """Return who a competitor is, and in which type it computes."""
    dtype = _dtype(name, row)
    return who if who.endswith(dtype) else f"{who}, {dtype}"


def _dtype(name, row):
    """Return in which type a competitor multiplies and convolves."""
    if name == "sklearn_float64":
        return "fp64"
    # By themselves, ours take bfloat16 for convolutions on processors that have it.
    trained = "ours", "module", "conv", "without_kernels", *ALONE[1], ALONE[0]
    is_own = name in trained and "bf16" in row["machine"]["instructions"]
    on_gpu = row["unit"].startswith(ON_GPU)
    takes = on_gpu or is_own or name in IN_BF16
    return "bf16" if takes and row["task"]["net"] != "mlp" else "fp32"


def _weighed(shape, row):
    """Yield what a process has said about itself."""
    if "values" in row:
        value = row["values"][shape.key]
        missed = ", missed" if round(value, 2) > shape.aim else ""
        yield [shape.title, f"{value:.3g}", f"{shape.aim:.3g}{missed}"]


def _share(shape, row):
    """Yield how much of the processor a training uses."""
    if row.get("gflops"):
        dtype = _dtype(row["ours"], row)
        limit, reached = row["limits_gflops"][dtype], row["gflops"]
        aim = SHARES.get(row["unit"])
        missed = ", missed" if aim and reached / limit < aim else ""
        cells = f"{reached:.0f}", f"{limit:.0f} ({dtype})", f"{reached / limit:.0%}"
        yield [shape.title, *cells, f"{aim:.0%}{missed}" if aim else ""]


def _before(shape, row):
    """Yield our time beside that of another commit."""
    if row["unit"].startswith(BEFORE):
        ours, theirs = (cells for _, cells in _seconds(shape, row))
        yield [
            shape.title,
            ours[1],
            *theirs[1:],
            row["commit"][:10],
            row["settings"]["before"][:10],
        ]


STUDY = study_of(
    __name__,
    cost="1 h",
    page="performance.md",
    sizes={"full": {}, "quick": {}},
    seeds=None,
    timing=True,
    packages=("keras", "tensorflow", "tensorflow-cpu", "lightning", "jax"),
    options={
        **side_by_side.options(ROWS),
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
