"""The speed comparison: what a row records, who is left out, what tables say."""

import contextlib
import dataclasses
import json
import re
import time

import joblib
import psutil
import pytest
import small_studies

import skfashion
from benchmarks import environment
from benchmarks.environment import child_environment
from benchmarks.errors import BenchmarkError
from benchmarks.processes import call
from benchmarks.studies import speed
from benchmarks.studies.speed import ROWS, Row, busy, competitors, nets, scaling
from skfashion.fitting.building import names_of_architecture


@pytest.mark.slow
def test_a_row_is_timed_round_by_round(tmp_path, capsys):
    words = ["--rows", "fit-200", "--rounds", "2", "--threads", "1"]
    (row,) = small_studies.run(speed.STUDY, {}, tmp_path, *words)
    assert set(row["seconds"]) == {"ours", "sklearn"}
    ours, theirs = row["seconds"]["ours"], row["seconds"]["sklearn"]
    assert row["ratios"]["sklearn"] == pytest.approx(
        [a / b for a, b in zip(ours, theirs, strict=True)], abs=1e-3
    )
    assert len(ours) == 2
    assert row["threads"] == 1
    assert row["peak_mb"]["ours"] > 100
    assert row["command"].endswith("speed --quick --rows fit-200 --rounds 2 --threads 1")
    assert "scikit-learn MLPClassifier" in capsys.readouterr().out
    json.dumps(row, allow_nan=False)


@pytest.mark.slow
def test_another_checkout_is_timed_beside_this_one(tmp_path, capsys):
    if environment.commit() is None:
        pytest.skip("git does not know these sources")
    words = ["--rows", "fit-200,memory-mlp", "--threads", "1", "--before", environment.ROOT]
    (row,) = small_studies.run(speed.STUDY, {}, tmp_path, *words)
    assert row["unit"] == "before: fit-200"
    assert row["settings"]["before"] == environment.commit()
    assert set(row["seconds"]) == {"ours", "before"}
    assert row["targets"] == {"before": 1.03}
    assert str(environment.ROOT) not in json.dumps(row)
    assert row["command"].endswith(f"--before {environment.commit()}")
    assert "now / before (range)" in capsys.readouterr().out


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(BenchmarkError, match="expected a checkout of this repository"):
        small_studies.run(speed.STUDY, {}, tmp_path, "--before", tmp_path)


def test_a_competitor_says_when_skfashion_is_that_of_another_checkout(tmp_path, monkeypatch):
    idle = competitors.Competitor("who does nothing", "torch", lambda task: lambda: None)
    monkeypatch.setitem(competitors.COMPETITORS, "idle", idle)
    task = dataclasses.asdict(competitors.Task())
    answer = competitors.compete("idle", task, environment.ROOT)()
    assert set(answer) == {"seconds", "peak_mb"}
    with pytest.raises(ImportError, match="expected that of"):
        competitors.compete("idle", task, tmp_path)


@pytest.mark.slow
def test_a_profile_says_where_the_time_of_an_epoch_goes(tmp_path, capsys):
    words = ["--rows", "profile-mlp,profile-cnn", "--threads", "1"]
    rows = small_studies.run(speed.STUDY, {}, tmp_path, *words)
    mlp, cnn = (row["shares"] for row in rows)
    assert sum(mlp.values()) == pytest.approx(100, abs=0.5)
    assert mlp["matrix products"] > 5
    assert mlp["convolutions"] == 0 < cnn["convolutions"]
    assert cnn["max-pool"] > 0
    assert "where the time goes, %" in capsys.readouterr().out


def test_a_search_is_not_told_how_many_threads_its_processes_have(monkeypatch):
    variables = {}

    def in_turn(competitors, rounds, rest):
        variables.update({name: its for name, (_, its, _) in competitors.items()})
        return {name: [{"seconds": 1.0, "peak_mb": 1.0}] for name in competitors}

    monkeypatch.setattr(speed.side_by_side, "in_turn", in_turn)
    speed.compare(ROWS["search-16"], rounds=1, threads=2, data="sample")
    assert "OMP_NUM_THREADS" not in variables["search"]
    assert variables["fits_in_turn"]["OMP_NUM_THREADS"] == "2"


@pytest.mark.slow
def test_who_is_not_installed_is_named_and_left_out(monkeypatch, capsys):
    gone = competitors.COMPETITORS["sklearn"]._replace(package="no_such_package")
    monkeypatch.setitem(competitors.COMPETITORS, "sklearn", gone)
    found = speed.compare(ROWS["fit-200"], rounds=1, threads=1, data="sample")
    assert set(found["seconds"]) == {"ours"}
    assert found["left_out"] == ["sklearn"]
    assert "scikit-learn MLPClassifier is not installed" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("function", ["memory_of_fit", "memory_without_kernels", "memory_of_map"])
def test_memory_is_measured_in_a_fresh_process(function):
    arguments = {"net": "mlp", "data": "sample"}
    found = call(f"{speed.MEASURES}:{function}", child_environment(1), **arguments)
    increases = [value for name, value in found.items() if name.endswith("increase_mb")]
    assert increases
    for increase in increases:
        assert 0 < increase < 160


def test_unknown_rows_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        small_studies.run(speed.STUDY, {}, tmp_path, "--rows", "mlp-127")
    assert "--rows: got 'mlp-127', expected some of mlp-128" in capsys.readouterr().err


def test_a_gpu_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(BenchmarkError, match="PyTorch finds no CUDA device") as refused:
        small_studies.run(speed.STUDY, {}, tmp_path, "--device", "cuda")
    assert refused.value.exit_code == 2
    for words in (
        ["--device", "cuda", "--before", tmp_path],
        ["--device", "cuda", "--rows", "import"],
    ):
        with pytest.raises(BenchmarkError, match="goes without --before|Got no rows") as refused:
            small_studies.run(speed.STUDY, {}, tmp_path, *words)
        assert refused.value.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_rows_of_a_gpu_are_of_their_own(tmp_path, monkeypatch):
    """Its name is a setting, and no processor's operations are counted."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Some GPU")

    def in_turn(competitors, rounds, rest):
        tasks = [arguments["task"] for _, _, arguments in competitors.values()]
        assert {task["device"] for task in tasks} == {"cuda"}
        return {name: [{"seconds": 1.5, "peak_mb": 9.0}] for name in competitors}

    monkeypatch.setattr(speed.side_by_side, "in_turn", in_turn)
    rows = small_studies.run(speed.STUDY, {}, tmp_path, "--device", "cuda", "--rows", "cnn-128")
    (row,) = rows
    assert (row["unit"], row["settings"]["device"]) == ("cuda: cnn-128", "Some GPU")
    assert {"ours", "hand", "hand_channels_last", "skorch"} <= set(row["seconds"])
    assert row["gflops"] is None
    of_cpu = COMMON | {"unit": "import", "seconds": {"import_ours": [1.0]}, "targets": {}}
    of_cpu |= {"peak_mb": {"import_ours": 1.0}, "command": "c", "ratios": {}}
    first, second = speed.table([row, of_cpu]).split("| on Some GPU")
    assert "import skfashion" in first and "batch 128" not in first
    assert "0.5 s an epoch" in second and "import skfashion" not in second


@pytest.mark.slow
def test_every_core_is_busy_for_as_long_as_asked():
    # Those of other tests may end meanwhile.
    before = psutil.Process().children()

    def new():
        return [its for its in psutil.Process().children() if its not in before]

    with busy.busy_cores():
        children = new()
        assert len(children) == joblib.cpu_count()
        time.sleep(1)
        assert min(sum(child.cpu_times()[:2]) for child in children) > 0.3
    assert not any(child.is_running() for child in children)
    with busy.busy_cores(0):
        assert not new()


def test_defaults_are_timed_beside_busy_cores_alone(tmp_path, monkeypatch, capsys):
    """In processes without the shell's settings of OpenMP, but for one that is about them."""
    is_busy, found = [], {}

    @contextlib.contextmanager
    def busy_cores(n_cores):
        is_busy.append(n_cores is None)
        yield
        is_busy.pop()

    def in_turn(competitors, rounds, rest):
        policies = {name: its.get("OMP_WAIT_POLICY") for name, (_, its, _) in competitors.items()}
        found[is_busy[-1]] = policies
        return {name: [{"seconds": 2.0, "peak_mb": 9.0}] for name in competitors}

    monkeypatch.setattr(speed, "busy_cores", busy_cores)
    monkeypatch.setattr(speed.side_by_side, "in_turn", in_turn)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    rows = small_studies.run(speed.STUDY, {}, tmp_path, "--rows", "table-idle,table-busy")
    policies = {"default": None, "default_one": None, "default_passive": "passive"}
    assert found == {False: policies, True: policies}
    assert [row["targets"]["default_one"] for row in rows] == [None, 1.5]
    printed = capsys.readouterr().out
    for state, aim in (("idle", ""), ("busy", "1.50")):
        (line,) = re.findall(rf"^.*{state} machine.*n_threads=1.*$", printed, re.M)
        assert [cell.strip() for cell in line.split("|")[4:6]] == ["1.00", aim]


def test_the_networks_are_the_same():
    for name, n_parameters in (("mlp", 109_386), ("cnn", 421_642), ("resnet", 308_074)):
        assert sum(p.numel() for p in nets.torch_net(name).parameters()) == n_parameters
        module = nets.our_net(name)._build_module((1, 28, 28), 10)
        assert sum(p.numel() for p in module.parameters()) == n_parameters
    # Forward and two backward products of each layer, but for the input's gradient.
    assert nets.operations("mlp") == 6 * (784 * 128 + 128 * 64 + 64 * 10) - 2 * 784 * 128


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet", "attention"])
def test_all_that_shapes_a_net_is_set(name):
    cls, own = nets.OURS[name]
    assert set(own) == set(names_of_architecture(getattr(skfashion, cls)))


def test_every_competitor_is_known():
    for row in (*ROWS.values(), *speed.GPU_ROWS.values()):
        if isinstance(row, Row):
            assert {row.ours, *row.others} <= set(competitors.COMPETITORS)


def test_exponent_of_a_power():
    points = [{"rows": n, "seconds": 3 * n**1.5} for n in (1, 10, 100, 1000)]
    assert scaling.exponent(points, "rows", "seconds") == pytest.approx(1.5)


def test_growth_is_told_from_the_smallest_to_the_largest_size():
    rows = [
        {"varied": varied, **scaling.MIDDLE, varied: n, "seconds": 2.0 * n, "increase_mb": 3.0 * n}
        for varied in scaling.LABELS
        for n in (30, 10, 20)
    ]
    line = next(line for line in scaling.table(rows).splitlines() if "| rows, 10 to 30" in line)
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells == ["20 to 60 s", "1.00", "30 to 90 MB", "1.00"]
    figure = scaling.draw(rows)
    assert [ax.get_title() for ax in figure.axes] == ["grows with the power 1.00"] * 6


COMMON = {
    "left_out": [],
    "threads": 2,
    "settings": {"rounds": 3},
    "versions": {"torch": "2"},
    "machine": {"cpu": "AMD", "instructions": "avx512_bf16", "cores": 2, "ram_gb": 8},
    "date": "2026-11-30",
    "commit": "0" * 40,
}


def test_tables_hold_medians_and_ranges():
    row = COMMON | {
        "unit": "mlp-512",
        "ours": "ours",
        "seconds": {"ours": [3.0, 6.0, 9.0], "hand": [6.0, 6.0, 6.0]},
        "ratios": {"ours": [1, 1, 1], "hand": [0.5, 1.0, 1.5]},
        "targets": {"hand": 0.65},
        "peak_mb": {"ours": 100.0, "hand": 200.0},
        "limits_gflops": {"fp32": 200.0, "bf16": 400.0},
        "gflops": 50.0,
        "task": dataclasses.asdict(ROWS["mlp-512"].task),
        "command": "python -m benchmarks speed --rows mlp-512",
    }
    text = speed.table([row])
    for part in ("2 s an epoch", "1.00 (0.50-1.50)", "0.65, missed", "loop, fp32", "25%"):
        assert part in text
    reached = speed.table([row | {"targets": {"hand": 1.0}}])
    assert "| 1.00 " in reached and "missed" not in reached
    for other in ({"cpu": "Intel"}, {"instructions": "avx512f"}):
        elsewhere = speed.table([row | {"machine": row["machine"] | other}])
        assert "1.00 (0.50-1.50)" in elsewhere and "0.65" not in elsewhere


def test_a_share_of_the_peak_has_an_aim_and_profiles_a_floor():
    row = COMMON | {"unit": "cnn-128", "ours": "ours", "seconds": {"ours": [1.0]}, "ratios": {}}
    row |= {"targets": {}, "peak_mb": {"ours": 1.0}, "command": "c", "gflops": 100.0}
    row |= {"limits_gflops": {"fp32": 50.0, "bf16": 200.0}, "task": {"net": "cnn"}}
    shares = {"matrix products": 20.0, "convolutions": 30.5, "attention": 0.0, "max-pool": 49.5}
    profile = COMMON | {"unit": "profile-cnn", "title": "CNN", "shares": shares, "command": "c"}
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in speed.table([row, profile]).splitlines()
    ]
    assert [ROWS["cnn-128"].title, "100", "200 (bf16)", "50%", "60%, missed"] in lines
    assert ["matrix products, convolutions, attention together", "50.5"] in lines


def test_no_memory_is_told_where_other_processes_have_it():
    row = COMMON | {"unit": "import", "seconds": {"import_ours": [1.0]}, "targets": {}}
    text = speed.table([row | {"peak_mb": {"import_ours": 45.0}, "command": "c", "ratios": {}}])
    (line,) = re.findall(r"^.*skfashion.classifiers.mlp.*$", text, re.M)
    assert [cell.strip() for cell in line.split("|")[3:-1]] == ["1 s", "", "", ""]


def test_a_table_shows_another_checkout_by_its_commit():
    row = COMMON | {
        "unit": "before: predict-one",
        "seconds": {"predict_one_ours": [3.0, 6.0, 9.0], "before": [6.0, 6.0, 6.0]},
        "ratios": {"before": [0.5, 1.0, 1.5]},
        "targets": {"before": 1.03},
        "settings": {"rounds": 3, "before": "abcdef0123456789"},
        "command": "python -m benchmarks speed --before abcdef0123456789",
    }
    cells = [line.split("|")[1:-1] for line in speed.table([row]).splitlines()]
    expected = ["6 ms", "6 ms", "1.00 (0.50-1.50)", "1.03", "0" * 10, "abcdef0123"]
    assert [ROWS["predict-one"].title, *expected] in [[c.strip() for c in line] for line in cells]
