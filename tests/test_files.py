"""Files: there as a whole or not at all, and read without trust in what they hold."""

import copy
import errno
import io
import json
import os
import pickle
import stat
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.naive_bayes import GaussianNB

from skfashion import MLPNetClassifier
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.inspection.report.report import Report
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.studies.thresholds import ClassFactorsClassifier
from skfashion.utils.files import sweep, write_atomically
from skfashion.utils.values import read_arrays, read_values, values_from_bytes, values_to_bytes
from skfashion.utils.values import write_values as write

# --- written in one step --------------------------------------------------------------------------


def content(text):
    return lambda stream: stream.write(text)


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"

    def fail(stream):
        stream.write(b"half")
        raise KeyboardInterrupt

    write_atomically(path, content(b"old"))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_atomically(path, content(b"new"))
    assert path.read_bytes() == b"new"


def test_links_stay_links_and_permissions_stay(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_atomically(link, content(b"new"))
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def no_room(descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_error_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_room)
    report = Report("<p>new</p>", None, None)
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(OSError, match=r"No space left on device: .*report\.html"):
        report.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match=r"missing.*report\.html"):
        report.save(tmp_path / "missing" / "report.html")


def test_a_report_replaces_what_a_killed_writer_has_left(tmp_path):
    (tmp_path / ".skfashion-0123456789abcdef.tmp").write_text("half")
    label = b"caf\xe9".decode("utf-8", "surrogateescape")  # as os.listdir gives a name in Latin-1
    path = Report(f"<p>{label}</p>", None, None).save(str(tmp_path / "report.html"))
    assert path.read_text(encoding="utf-8") == "<p>caf?</p>"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_being_written_is_not_swept_away(tmp_path):
    def look(stream):
        sweep(tmp_path)
        stream.write(b"whole")

    write_atomically(tmp_path / "file", look)
    assert (tmp_path / "file").read_bytes() == b"whole"


def refuse(code, *, only_folders=False):
    """Return a call of the system that a file system does not offer."""
    fsync = os.fsync

    def call(descriptor, *args):
        if only_folders and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            return fsync(descriptor)
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_systems_without_locks(tmp_path, digits, monkeypatch, code):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", refuse(code))
    new, old = (tmp_path / f".skfashion-{name}.tmp" for name in ("new", "old"))
    for path in (new, old):
        path.write_text("somebody may be writing it")
    os.utime(old, (0, 0))
    net = MLPNetClassifier(
        hidden_layer_sizes=8, max_epochs=2, random_state=0, checkpoint_dir=tmp_path
    ).fit(*digits)
    assert net.n_iter_ == 2
    assert list(tmp_path.iterdir()) == [new]  # nobody writes for years


def test_file_systems_that_do_not_sync_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL, only_folders=True))
    write_atomically(tmp_path / "file", content(b"whole"))
    assert (tmp_path / "file").read_bytes() == b"whole"


# --- read without trust ---------------------------------------------------------------------------

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=20)
)
nested = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=15)
@given(nested)
def test_values_come_back_as_they_were(values):
    again = values_from_bytes(values_to_bytes(values))
    assert repr(again) == repr(values)


VALUES = {"scores": [0.5, np.float64(0.25)], "X": np.arange(6.0).reshape(2, 3), "b": b"bytes"}


@pytest.fixture
def path(tmp_path):
    """A file of values."""
    write(tmp_path / "values.npz", VALUES)
    return tmp_path / "values.npz"


def test_a_flipped_bit_is_an_error_that_names_the_file_or_changes_nothing(path):
    good, n_errors = path.read_bytes(), 0
    for bit in np.random.RandomState(0).permutation(8 * len(good))[:200].tolist():
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = read_values(path)
        except ValueError as error:
            n_errors += 1
            assert str(path) in str(error)
        else:
            assert repr(found) == repr({**VALUES, "scores": [0.5, 0.25]})
    assert n_errors > 100


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[: len(c) // 2], lambda c: b"no zip"])
def test_a_cut_or_an_empty_file_is_an_error_that_names_it(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"values\.npz, which is damaged or was not written"):
        read_values(path)


def npy(array, shape=None):
    """Return an array in NumPy's format, perhaps with another shape in its header."""
    stream = io.BytesIO()
    if shape is None:
        np.lib.format.write_array(stream, array, allow_pickle=True)
    else:
        header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(array.tobytes())
    return stream.getvalue()


def crafted(path, header, arrays, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("header.npy", npy(np.frombuffer(json.dumps(header).encode(), np.uint8)))
        for number, array in enumerate(arrays):
            file.writestr(f"{number}.npy", array)


class Runs:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("code_ran",)


@pytest.mark.parametrize(
    ("header", "arrays", "compression"),
    [
        ({"array": 0}, [npy(np.array([Runs()], dtype=object))], zipfile.ZIP_STORED),
        ({"array": 0}, [npy(np.zeros(10**6))], zipfile.ZIP_DEFLATED),
        ({"array": 0}, [npy(np.zeros(3), (10**15,))], zipfile.ZIP_STORED),
        ({"list": [{"array": 0}] * 2}, [npy(np.zeros(3))], zipfile.ZIP_STORED),
        ({"array": 1}, [npy(np.zeros(3))], zipfile.ZIP_STORED),
        ({"code": "1"}, [], zipfile.ZIP_STORED),
    ],
    ids=["objects", "a bomb", "more than there is", "one for many", "none", "another kind"],
)
def test_a_crafted_file_is_refused(tmp_path, monkeypatch, header, arrays, compression):
    monkeypatch.chdir(tmp_path)
    crafted(tmp_path / "crafted.npz", header, arrays, compression)
    with pytest.raises(ValueError, match=r"crafted\.npz, which is damaged or was not written"):
        read_values(tmp_path / "crafted.npz")
    assert not (tmp_path / "code_ran").exists()


def test_arrays_of_others_are_read_without_running_code(tmp_path):
    path = tmp_path / "arrays.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, X=np.zeros(10_000), other=np.zeros(1))
        assert set(read_arrays(path, ("X", "y"))) == {"X"}
    for damaged in (npy(np.array([Runs()], dtype=object)), npy(np.zeros(3), (10**15,))):
        crafted(path, [], [damaged])
        with pytest.raises(ValueError, match=r"arrays\.npz, which cannot be read as an \.npz"):
            read_arrays(path, ("0",))
    path.write_bytes(npy(np.zeros(3)))
    with pytest.raises(ValueError, match=r"arrays\.npz"):
        read_arrays(path, ("X",))


@pytest.mark.parametrize("value", [GaussianNB(), np.array([{}], dtype=object), {1, 2}])
def test_what_no_file_can_hold_is_refused_before_it_is_written(tmp_path, value):
    with pytest.raises(TypeError, match="which no file of numbers can hold"):
        write(tmp_path / "file", [value])
    assert not list(tmp_path.iterdir())


# --- pickles --------------------------------------------------------------------------------------


def test_pickles_of_other_versions_are_warned_of(digits, monkeypatch, recwarn):
    net = MLPNetClassifier(hidden_layer_sizes=8, max_epochs=1, random_state=0).fit(*digits)
    search = EpochHalvingSearchCV(net, {"lr": [1e-3]})
    estimators = [net, search, SnapshotEnsembleClassifier(net), ClassFactorsClassifier(net)]
    made = [pickle.dumps(estimator) for estimator in estimators]
    for one in made:
        pickle.loads(one)
    copy.deepcopy(net)
    assert not recwarn
    for changed in ("skfashion.__version__", "torch.__version__", "sklearn.base.__version__"):
        with monkeypatch.context() as patch:
            patch.setattr(changed, "99.0")
            for one in made:
                with pytest.warns(
                    InconsistentVersionWarning, match=r"pickled with .*using .*99\.0"
                ):
                    again = pickle.loads(one)
            assert not hasattr(again, "_versions")
    old = net.__getstate__()
    del old["_versions"]
    with pytest.warns(InconsistentVersionWarning, match="pickled with skfashion unknown"):
        MLPNetClassifier().__setstate__(old)
    # Builds of a release read each other's.
    monkeypatch.setattr("torch.__version__", f"{net.__getstate__()['_versions']['torch']}+other")
    recwarn.clear()
    again = pickle.loads(made[0])
    assert not recwarn
    np.testing.assert_array_equal(again.predict_proba(digits[0]), net.predict_proba(digits[0]))
