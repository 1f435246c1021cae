"""Folders of pictures: files, classes, tables of labels, what cannot be read, and memory."""

import gzip
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skfashion.datasets import load_image_folder, read_idx
from skfashion.parallel import progress

RANDOM = np.random.default_rng(0)


def draw(path, shape=(8, 10), **options):
    """Write a random picture, and return its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return pixels


@pytest.fixture
def root(tmp_path):
    """Return a folder of three classes, of 2, 3 and 1 pictures of equal size."""
    for name, n in {"été": 2, "10": 3, "2": 1}.items():
        for i in range(n):
            draw(tmp_path / "shop" / name / f"{i}.png")
    return tmp_path / "shop"


def test_names_codes_and_rows_agree(root):
    found = load_image_folder(root)
    assert found.target_names.tolist() == ["10", "2", "été"]
    assert found.target.tolist() == [0, 0, 0, 1, 2, 2] and found.target.dtype == np.int64
    assert found.images.shape == (6, 8, 10) and found.images.dtype == np.uint8
    assert found.data.shape == (6, 80) and np.shares_memory(found.data, found.images)
    assert found.left_out == []
    for image, name, code in zip(found.images, found.filenames, found.target, strict=True):
        np.testing.assert_array_equal(image, np.asarray(Image.open(name)))
        assert Path(name).parent.name == found.target_names[code]
    found.data[:] = 0  # the caller's own


def test_what_is_read_and_what_is_left_alone(root, tmp_path):
    draw(root / "2" / "deeper" / "a.TIFF")
    draw(root / "2" / ".hidden.png")
    draw(root / "2" / ".hidden" / "b.png")
    draw(root / ".git" / "c.png")
    draw(tmp_path / "elsewhere" / "d.png")
    (root / "2" / "notes.txt").write_text("no picture")
    (root / "2" / "folder.png").mkdir()
    (root / "2" / "linked.png").symlink_to(tmp_path / "elsewhere" / "d.png")
    (root / "2" / "broken.png").symlink_to(root / "nowhere.png")
    (root / "2" / "circle").symlink_to(root)
    for name in ("itself", "itself.png"):
        (root / name).symlink_to(root / name)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    found = load_image_folder(str(root))
    names = [os.path.relpath(name, root) for name in found.filenames[found.target == 1]]
    assert names == ["2/0.png", "2/deeper/a.TIFF", "2/linked.png"]
    assert found.target_names.tolist() == ["10", "2", "linked", "été"]


def test_sizes_modes_and_crops(root):
    draw(root / "10" / "large.jpg", (90, 60, 3))
    with pytest.raises(ValueError, match=r"2 sizes.*8 x 10 \(6\), 90 x 60 \(1\).*size="):
        load_image_folder(root)
    found = load_image_folder(root, size=(6, 5), crop="pad")
    assert found.images.shape == (7, 6, 5, 3) and found.data.shape == (7, 90)
    assert load_image_folder(root, size=4, mode="L").images.shape == (7, 4, 4)
    one, two = (load_image_folder(root, size=7, n_jobs=n).data for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_reader_does_the_same_to_other_pictures(root):
    draw(root / "10" / "wide.jpg", (20, 90, 3))
    found = load_image_folder(root, size=6, crop="pad")
    assert (found.reader.size_, found.reader.mode_) == ((6, 6), "RGB")
    np.testing.assert_array_equal(found.reader.transform(found.filenames), found.images)
    grey = [path.read_bytes() for path in (root / "2").iterdir()]
    assert found.reader.transform(grey).shape == (1, 6, 6, 3)


def test_data_and_target_alone(root):
    found = load_image_folder(root)
    data, target = load_image_folder(root, return_X_y=True)
    np.testing.assert_array_equal(data, found.data)
    np.testing.assert_array_equal(target, found.target)


def test_parts_of_a_data_set_are_no_classes(root, tmp_path):
    for part in ("Train", "test"):
        (tmp_path / "all" / part).mkdir(parents=True)
        for name in ("10", "2"):
            shutil.copytree(root / name, tmp_path / "all" / part / name)
    (tmp_path / "all" / "empty").mkdir()
    with pytest.raises(ValueError, match="folders Train, test, which are parts.*all/Train'"):
        load_image_folder(tmp_path / "all")
    # Other names may be those of classes.
    for part, name in (("Train", "2024"), ("test", "2025")):
        (tmp_path / "all" / part).rename(tmp_path / "all" / name)
    (tmp_path / "all" / "empty").rmdir()
    with pytest.warns(UserWarning, match="same names inside, 10, 2, and no"):
        found = load_image_folder(tmp_path / "all")
    assert found.target_names.tolist() == ["2024", "2025"] and len(found.data) == 8
    draw(tmp_path / "all" / "2024" / "own.png")
    assert len(load_image_folder(tmp_path / "all").data) == 9


def test_pictures_of_other_kinds_are_counted(root):
    for name in ("a.HEIC", "b.heic", "c.gif", ".d.gif", "notes.txt"):
        (root / "10" / name).touch()
    with pytest.warns(UserWarning, match=r"Left out 3 files.*: 2 \.heic, 1 \.gif;.*Convert"):
        assert len(load_image_folder(root).data) == 6
    for path in root.rglob("*.png"):
        path.rename(path.with_suffix(".avif"))
    with pytest.raises(ValueError, match=r"0 pictures beside them \(.*6 \.avif, 2 \.heic, 1 \.gif"):
        load_image_folder(root)


def test_empty_classes_and_pictures_beside_them_are_named(root):
    (root / "9").mkdir()
    with pytest.warns(UserWarning, match="folders without a picture, 9"):
        found = load_image_folder(root)
    assert found.target_names.tolist() == ["10", "2", "9", "été"]
    assert set(found.target) == {0, 1, 3}
    (root / "9").rmdir()
    draw(root / "alone.png")
    with pytest.warns(UserWarning, match="1 pictures beside"):
        assert len(load_image_folder(root).data) == 6


def test_folders_that_are_none(tmp_path, root):
    with pytest.raises(ValueError, match="a folder that is there"):
        load_image_folder(tmp_path / "nowhere")
    words = "0 folders of classes and 3 pictures.*labels=.*photos.reader, net"
    with pytest.raises(ValueError, match=words):
        load_image_folder(root / "10")
    (tmp_path / "empty" / "a").mkdir(parents=True)
    with pytest.raises(ValueError, match="1 folders of classes and 0 pictures"):
        load_image_folder(tmp_path / "empty")
    for params in ({"size": 0}, {"mode": "grey"}, {"crop": "middle"}, {"on_error": "skip"}):
        with pytest.raises(ValueError, match=next(iter(params))):
            load_image_folder(root, **params)
    with pytest.raises(TypeError, match="'image_size'"):
        load_image_folder(root, image_size=3)


def test_broken_files_are_named_or_left_out(root, tmp_path):
    whole = (root / "10" / "0.png").read_bytes()
    (root / "10" / "cut.png").write_bytes(whole[:60])
    (root / "10" / "empty.jpg").touch()
    bomb = bytearray(whole)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # what its header claims
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (root / "été" / "bomb.png").write_bytes(bomb)
    for size, name in (
        (None, "empty.jpg', which is no picture"),
        (8, "cut.png', which is damaged"),
    ):
        with pytest.raises(ValueError, match=f"{name}.*on_error='warn'"):
            load_image_folder(root, size=size, mode="L")
    for out in (None, tmp_path / "images.npy"):
        with pytest.warns(UserWarning, match="Left out 3 pictures.*cut.png.*bomb.png"):
            found = load_image_folder(root, on_error="warn", out=out)
        left_out = {Path(name).name for name in found.left_out}
        assert left_out == {"cut.png", "empty.jpg", "bomb.png"}
        assert len(found.data) == len(found.target) == len(found.filenames) == 6
        np.testing.assert_array_equal(found.images[-1], np.asarray(Image.open(found.filenames[-1])))
        names = [Path(name).parent.name for name in found.filenames]
        assert found.target_names[found.target].tolist() == names
    for name in ("cut.png", "empty.jpg"):
        next(root.rglob(name)).unlink()
    with pytest.warns(UserWarning, match=r"Left out 1 picture that cannot be read.*bomb\.png"):
        load_image_folder(root, on_error="warn")
    for file in root.rglob("*.png"):
        file.write_bytes(b"x")
    for size in (None, 8):
        with pytest.raises(ValueError, match="no picture that can be read"):
            load_image_folder(root, size=size, on_error="warn")


def test_names_that_are_no_text(tmp_path):
    folder = os.fsencode(tmp_path) + b"/shop/caf\xe9"
    try:
        os.makedirs(folder)
    except OSError:
        pytest.skip("File names are text here.")
    draw(tmp_path / "one.png")
    os.rename(tmp_path / "one.png", folder + b"/\xe9.png")
    found = load_image_folder(tmp_path / "shop")
    assert os.fsencode(found.target_names[0]) == b"caf\xe9"
    assert os.path.isfile(found.filenames[0])


def test_a_file_that_was_refused_is_not_tried_again(root, monkeypatch):
    whole = (root / "10" / "1.png").read_bytes()
    (root / "10" / "1.png").write_bytes(b"")
    make_bar = progress.make_bar

    def repaired(blocks, **options):
        (root / "10" / "1.png").write_bytes(whole)
        (root / "2" / "0.png").write_bytes(b"")  # and another one breaks
        return make_bar(blocks, **options)

    monkeypatch.setattr(progress, "make_bar", repaired)
    with pytest.warns(UserWarning, match="Left out 2 pictures"):
        found = load_image_folder(root, on_error="warn")
    names = [os.path.relpath(name, root) for name in found.filenames]
    assert names == ["10/0.png", "10/2.png", "été/0.png", "été/1.png"]
    assert [os.path.relpath(name, root) for name in found.left_out] == ["10/1.png", "2/0.png"]
    for image, name in zip(found.images, found.filenames, strict=True):
        np.testing.assert_array_equal(image, np.asarray(Image.open(name)))


# --- labels of tables -----------------------------------------------------------------------------


def test_labels_of_a_mapping_and_of_a_table(root, tmp_path):
    table = {"été/1.png": "b", "10/0.png": "a", "2/0": "b"}
    expected = ["été/1.png", "10/0.png", "2/0.png"]
    pd.Series(table, name="label").rename_axis("id").reset_index().assign(more=1).to_csv(
        tmp_path / "labels.csv", index=False
    )
    pd.DataFrame(table.items(), columns=["id", "breed"]).to_csv(tmp_path / "two.csv", index=False)
    frame = pd.DataFrame({"id": table.keys(), "more": 1, "Label": table.values()})
    csv = tmp_path / "labels.csv", str(tmp_path / "two.csv")
    for labels in (table, pd.Series(table), frame, pd.DataFrame(table.items()), *csv):
        with pytest.warns(UserWarning, match="3 pictures without a label.*10/1.png"):
            found = load_image_folder(root, labels=labels)
        assert [os.path.relpath(name, root) for name in found.filenames] == expected
        assert found.target.tolist() == [1, 0, 1] and found.target_names.tolist() == ["a", "b"]
    with pytest.warns(UserWarning, match="without a label"):
        numbers = load_image_folder(root, labels={"10/0.png": 10, "10/1.png": 9, "10/2.png": 9})
    assert numbers.target_names.tolist() == [9, 10] and numbers.target.tolist() == [1, 0, 0]


def test_words_of_a_table_are_words(tmp_path):
    for name in ("007", "NA"):
        draw(tmp_path / "shop" / f"{name}.png")
    (tmp_path / "labels.csv").write_text("id,label\n007,None\nNA,nan\n")
    found = load_image_folder(tmp_path / "shop", labels=tmp_path / "labels.csv")
    assert [Path(name).stem for name in found.filenames] == ["007", "NA"]
    assert found.target_names[found.target].tolist() == ["None", "nan"]


def test_numbers_in_the_place_of_names(tmp_path):
    for i in range(3):
        draw(tmp_path / "shop" / f"{i}.png")
    # A heading that is also a row, and fractions that come again and again.
    (tmp_path / "labels.csv").write_text("0,1\n0,0.5\n1,0.5\n2,0.5\n")
    for labels in (tmp_path / "labels.csv", pd.DataFrame({0: range(3), 1: 0.5})):
        found = load_image_folder(tmp_path / "shop", labels=labels)
        assert found.target_names.tolist() == ["0.5"]


def test_tables_that_do_not_fit(root, tmp_path):
    def written(text):
        (tmp_path / "labels.csv").write_text(text)
        return tmp_path / "labels.csv"

    wrong = {
        "'x.png', 'y.png', which are not": {"10/0.png": 1, "x.png": 1, "y.png": 2},
        "0 files": {},
        "1 missing labels": {"10/0.png": None, "10/1.png": "a"},
        "two labels of .*0.png', by": {"10/1.png": 1, "10/0.png": 1, "10/0": 2},
        "1 missing labels, expected": {"10/0.png": np.nan, "10/1.png": 2},
        "'10/0.png' twice in 'id', its first column": written("id,label\n10/0.png,a\n10/0.png,b\n"),
        "2 files, expected each": pd.Series(["a", "b"], index=["10/0.png", "10/0.png"]),
        "of the type list": ["a", "b"],
        "of the type NoneType.*without labels": None,
        r"a DataFrame, with the columns \['a'\]": pd.DataFrame({"a": [1]}),
        "DataFrame, with '10/0.png' twice in 0, its": pd.DataFrame([["10/0.png", "a"]] * 2),
        "3 different fractions.*for a classifier": {f"10/{i}.png": 0.25 + i for i in range(3)},
    }
    for words, labels in wrong.items():
        with pytest.raises(ValueError, match=words):
            load_image_folder(root, labels=labels)
    columns = r"labels\.csv' with the columns"
    for text, words in {
        "id,a,b\n10/0.png,1,2\n": columns,
        "id\n10/0.png\n": columns,
        "": r"labels\.csv', which cannot",
        "10/0.png,a\n10/1.png,b\n": r"labels\.csv' whose first row names a file, '10/0\.png'",
    }.items():
        with pytest.raises(ValueError, match=words):
            load_image_folder(root, labels=written(text))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv'.*expected"):
        load_image_folder(root, labels=tmp_path / "nowhere.csv")


# --- out of memory --------------------------------------------------------------------------------


def test_a_map_on_disk_holds_the_same(root, tmp_path):
    wanted = load_image_folder(root, size=7)
    found = load_image_folder(root, size=7, out=tmp_path / "images.npy")
    assert isinstance(found.images, np.memmap) and not found.data.flags.writeable
    np.testing.assert_array_equal(found.data, wanted.data)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), wanted.images)
    before = (tmp_path / "images.npy").read_bytes()
    (root / "2" / "0.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="0.png"):
        load_image_folder(root, size=7, mode="L", out=tmp_path / "images.npy")
    assert (tmp_path / "images.npy").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"shop", "images.npy"}
    (tmp_path / "folder.npy").mkdir()
    for out in (tmp_path / "images.dat", tmp_path / "folder.npy"):
        with pytest.raises(ValueError, match="Got out="):
            load_image_folder(root, on_error="warn", size=7, mode="L", out=out)
    with pytest.raises(FileNotFoundError, match="Got out=.*Make the folder '.*/nowhere' first"):
        load_image_folder(root, out=tmp_path / "nowhere" / "images.npy")


def test_a_full_disk_and_leftovers(root, tmp_path):
    leftover = tmp_path / ".skfashion-0123456789abcdef.tmp"
    leftover.write_bytes(b"of a writer that was killed")
    load_image_folder(root, out=tmp_path / "images.npy")
    assert not leftover.exists()
    if not Path("/dev/full").exists():
        pytest.skip("There is no disk that is always full.")
    (tmp_path / "full.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="/dev/full"):
        load_image_folder(root, out=tmp_path / "full.npy")


MEMORY = """
import sys
import zlib
from pathlib import Path
from skfashion.datasets import load_image_folder


def anonymous():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").open())
    return int(status["RssAnon"].split()[0]) / 1024


load_image_folder(sys.argv[1], size=64)  # what is imported and kept once
before = anonymous()
found = load_image_folder(sys.argv[2], size=64, mode="RGB", out=sys.argv[3])
print(len(found.data), anonymous() - before)
"""


@pytest.mark.slow
def test_many_pictures_do_not_fill_memory(root, tmp_path):
    if not Path("/proc/self/status").exists():
        pytest.skip("Memory is read from /proc.")
    n = 10_000
    for name in "ab":
        (tmp_path / "many" / name).mkdir(parents=True)
    draw(tmp_path / "one.jpg", (64, 64, 3))
    for i in range(n):
        os.link(tmp_path / "one.jpg", tmp_path / "many" / "ab"[i % 2] / f"{i}.jpg")
    words = [sys.executable, "-c", MEMORY, root, tmp_path / "many", tmp_path / "images.npy"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
    n_found, megabytes = done.stdout.split()
    assert int(n_found) == n
    # The images alone are 123 MB.
    assert float(megabytes) < 50


# --- IDX ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
def test_idx_of_all_types(tmp_path, code, dtype, compressed):
    values = RANDOM.integers(0, 100, (3, 2, 4)).astype(dtype)
    head = bytes([0, 0, code, 3]) + b"".join(side.to_bytes(4, "big") for side in values.shape)
    content = head + values.tobytes()
    path = tmp_path / "values-idx"
    path.write_bytes(gzip.compress(content) if compressed else content)
    found = read_idx(path)
    assert found.dtype.isnative and found.flags.writeable
    np.testing.assert_array_equal(found, values)
    for wrong, words in {
        content[:-1]: "takes",
        content + b"x": "more",
        b"\1" + content[1:]: "does not begin",
        content[:6]: "cut off",
        content[:4] + b"\xff" * 12: "takes",
        b"": "does not begin",
        gzip.compress(content)[:-9]: "cannot be read",
    }.items():
        path.write_bytes(gzip.compress(wrong) if compressed and wrong[:1] != b"\x1f" else wrong)
        with pytest.raises(ValueError, match=words):
            read_idx(path)
