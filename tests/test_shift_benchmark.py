"""`python -m benchmarks shift`."""

from types import SimpleNamespace

from benchmarks.studies import shift


def test_shares_are_of_batches_with_the_right_warning():
    asked = SimpleNamespace(settings={"batches": 20, "images": [1, 30]}, brief=False)
    row = shift.measure("digits", 0, asked)
    assert list(row) == ["1", "30"]
    silent, always = dict.fromkeys(shift.DRAWN, 0.0), dict.fromkeys(shift.DRAWN, 1.0)
    assert row["1"]["clean"] == row["30"]["clean"] == row["1"]["inverted"] == silent
    for n, kind in (("1", "other scale"), ("30", "other scale"), ("30", "inverted")):
        assert {drawn: round(share, 6) for drawn, share in row[n][kind].items()} == always
    first = shift.measure("digits", 0, SimpleNamespace(settings=asked.settings, brief=True))
    assert first == {"1": row["1"]}
    about = {"machine": {}, "versions": {}, "commit": "1", "command": "c", "unit": "digits"}
    text = shift.table([{**row, **about, "settings": asked.settings}])
    assert "| digits                   | inverted    | 0.0 / 0.0   | 100.0 / 100.0 |" in text
