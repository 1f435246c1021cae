"""`python -m benchmarks shift`."""

from types import SimpleNamespace

from small_studies import ABOUT

from benchmarks.studies import shift


def test_batches_with_the_right_warning_are_counted():
    asked = SimpleNamespace(settings={"batches": 20, "images": [1, 30]}, brief=False)
    row = shift.measure("digits", 0, asked)
    assert list(row) == ["1", "30"]
    never, always = dict.fromkeys(shift.DRAWN, 0), dict.fromkeys(shift.DRAWN, 40)
    assert row["1"]["clean"] == row["30"]["clean"] == row["1"]["inverted"] == never
    assert row["1"]["other scale"] == row["30"]["other scale"] == row["30"]["inverted"] == always
    first = shift.measure("digits", 0, SimpleNamespace(settings=asked.settings, brief=True))
    assert first == {"1": row["1"]}
    about = ABOUT | {"unit": "digits"}
    text = shift.table([{**row, **about, "settings": asked.settings}])
    assert "inverted    | 0.00 / 0.00     | 100.00 / 100.00 |" in text
