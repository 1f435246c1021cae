"""What the study of changed defaults measures, and what its table makes of it."""

import pytest

from benchmarks.studies import changed_defaults
from skfashion import ConvNetClassifier


def row(which, seed, accuracy, data="wine", name="ConvNetClassifier"):
    return {
        "unit": {"classifier": name, "which": which, "data": data},
        "seed": seed,
        "accuracy": accuracy,
        "log_loss": 1 - accuracy,
        "ece": 0.01,
        "seconds": 1.5 if which == "now" else 2.0,
        "command": "python -m benchmarks changed-defaults",
        "commit": "0" * 40,
        "versions": {"python": "3"},
        "machine": {"cpu": "a", "instructions": "b", "cores": 2, "ram_gb": 24},
        "date": "2026-11-30",
    }


def test_changes_are_taken_seed_by_seed():
    rows = [row("former", 0, 0.90), row("former", 1, 0.80)]
    rows += [row("now", 1, 0.82), row("now", 0, 0.92), row("now", 2, 0.1)]
    text = changed_defaults.table(rows)
    line = next(line for line in text.splitlines() if "| wine" in line)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    # Both seeds gain two points, so that the interval has no width; the third has no partner.
    before = "`ConvNetClassifier(optimizer='adamw', lr=0.005, weight_decay=0.01)`"
    assert cells[:5] == [before, "wine", "2", "87.00", "+2.00 [+2.00, +2.00]"]
    assert cells[6] == "-0.0200 [-0.0200, -0.0200]"


def test_a_net_without_a_partner_is_not_shown():
    rows = [row("former", 0, 0.9), row("former", 1, 0.8), row("now", 1, 0.9)]
    assert "wine" not in changed_defaults.table(rows)


@pytest.mark.parametrize("which", ["former", "now"])
def test_a_row_says_which_default_it_measured(which):
    unit = {"classifier": "ConvNetClassifier", "which": which, "data": "wine"}
    settings = changed_defaults.describe(unit, 0, None)["settings"]
    defaults, former = ConvNetClassifier(), changed_defaults.FORMER["ConvNetClassifier"]["former"]
    for name, value in former.items():
        assert getattr(defaults, name) != value
        assert settings[name] == (value if which == "former" else getattr(defaults, name))


def test_a_table_is_measured():
    unit = {"classifier": "ConvNetClassifier", "which": "now", "data": "wine"}
    found = changed_defaults.measure(unit, 0)
    assert found["accuracy"] > 0.8
    assert 0 < found["log_loss"] < 1
    assert found == changed_defaults.measure(unit, 0) | {"seconds": found["seconds"]}
