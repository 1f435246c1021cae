"""Pictures as people have them: what a reader makes of them, and a net behind it."""

import io
import pickle
import tracemalloc
import warnings
import zlib
from multiprocessing.pool import ThreadPool
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps, TiffImagePlugin
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from torch.utils.data import Dataset

import skfashion
from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import (
    AttributionDisplay,
    PredictionGridDisplay,
    ProbabilityDisplay,
    make_report,
)
from skfashion.pictures import CROPS, PictureError, Steps, decode, open_picture
from skfashion.preprocessing import ImageReader, PhotoToFashion
from skfashion.preprocessing.blocks import thread_count

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (12, 16), np.uint8)
COLOUR = RANDOM.integers(0, 256, (12, 16, 3), np.uint8)


def content(pixels, format="PNG", mode=None, **options):
    """Return an array, or a picture of Pillow's, as the bytes of a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(stream, format, **options)
    return stream.getvalue()


def bomb_of(side):
    """Return a small PNG whose header claims another size."""
    bomb = bytearray(content(Image.new("1", (8, 8))))
    bomb[16:24] = side.to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    return bytes(bomb)


def read(*items, **params):
    return ImageReader(**params).fit_transform(list(items))


# --- what a picture may be given as ---------------------------------------------------------------


@pytest.fixture
def forms(tmp_path):
    """Return the same three pictures in all forms."""
    pictures = RANDOM.integers(0, 256, (3, 12, 16), np.uint8)
    paths = [tmp_path / f"{i} ä.png" for i in range(3)]
    for path, pixels in zip(paths, pictures, strict=True):
        path.write_bytes(content(pixels))
    contents = [path.read_bytes() for path in paths]
    names = [str(path) for path in paths]
    column = np.empty(3, object)
    column[:] = contents
    given = {
        "paths": paths,
        "names": names,
        "array of names": np.array(names),
        "column of names": np.array(names)[:, None],
        "Series": pd.Series(names, index=[5, 6, 7]),
        "Series of pandas' text": pd.Series(names, dtype="string"),
        "frame": pd.DataFrame({"image": names}),
        "bytes": contents,
        "array of bytes": column,
        "array of fixed length": np.array(contents),
        "bytearrays": tuple(map(bytearray, contents)),
        "dicts of bytes": [{"bytes": one, "path": None} for one in contents],
        "dicts of paths": pd.Series([{"bytes": None, "path": name} for name in names]),
        "Pillow's": [Image.open(path) for path in paths],
        "array": pictures,
        "arrays": list(pictures),
        "integers": pictures.astype(np.int64),
        "channels last": pictures[..., None],
        "channels first": pictures[:, None],
    }
    yield pictures, given
    for image in given["Pillow's"]:
        image.load()  # what was given is open still
        image.close()


def test_a_picture_is_the_same_in_every_form(forms):
    pictures, given = forms
    for form, X in given.items():
        reader = ImageReader().fit(X)
        assert (reader.size_, reader.mode_) == ((12, 16), "L"), form
        np.testing.assert_array_equal(reader.transform(X), pictures, err_msg=form)
        rows = ImageReader(flatten=True).fit_transform(X)
        np.testing.assert_array_equal(rows, pictures.reshape(3, -1), err_msg=form)


def test_unequal_arrays_and_mixed_forms_in_one_list():
    short = GREY.astype(np.uint16) * 257
    images = read(GREY, COLOUR, content(GREY[:6]), GREY > 99, short, short.astype(">u2"), size=8)
    assert images.shape == (6, 8, 8, 3) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[0], read(GREY, size=8, mode="RGB")[0])
    for same in (4, 5):
        np.testing.assert_array_equal(images[same], images[0])
    first = COLOUR.transpose(2, 0, 1)
    np.testing.assert_array_equal(read(first), COLOUR[None])


class Endless(Dataset):
    """A Dataset as many write it: nothing ends whoever goes on asking."""

    def __init__(self):
        self.n_asked = 0

    def __len__(self):
        return 3

    def __getitem__(self, number):
        self.n_asked += 1
        assert self.n_asked < 100
        return GREY, 0


CLOSED = Image.open(io.BytesIO(content(GREY)))
CLOSED.close()
WRONG = {
    "a Dataset": (Endless(), r"type Endless.*dataset\[i\]\[0\]"),
    "a path alone": ("photo.jpg", "single picture"),
    "bytes alone": (b"x", "single picture"),
    "a picture alone": (Image.fromarray(GREY), "single picture"),
    "an image alone": (GREY, r"\(n, h, w\)"),
    "numbers": ([1.5], r"X\[0\], a float"),
    "nothing": ([], "0 pictures"),
    "a gap": ([GREY, None], r"X\[1\], None"),
    "no collection": (3, "Got int as X"),
    "two columns": (pd.DataFrame({"a": ["x"], "b": ["y"]}), r"X\['a'\]"),
    "no columns": (pd.DataFrame(index=[0]), "without columns"),
    "a generator": ((path for path in ["a.png"]), r"type generator.*list\(X\)"),
    "an address": (["https://localhost/a.png"], r"X\[0\], 'https:.*download it"),
    "missing": (["nowhere.png"], r"X\[0\], 'nowhere.png', which cannot be opened"),
    "no file": (["."], "is no file"),
    "text": ([b"hello"], r"X\[0\], 5 bytes, which is no picture of PNG"),
    "cut off": ([content(GREY, "JPEG")[:300]], "damaged"),
    "shares": ([GREY / 255], "times 255"),
    "negative": ([GREY.astype(int) - 9], "from -9 to"),
    "a row": ([GREY[0]], r"shape \(16,\)"),
    "nothing in it": ([GREY[:0]], r"shape \(0, 16\)"),
    "floats of TIFF": ([content(Image.fromarray(GREY.astype("f4")), "TIFF")], "floating-point"),
    "32 bits": ([content(Image.fromarray(GREY.astype("i4") << 9), "TIFF")], "beyond 16 bits"),
    "a dict": ([{"file": "a"}], r"a dict with the keys \['file'\]"),
    "no axis": (np.array("a.png"), "Got ndarray as X"),
    "texts of NumPy": (np.array(["nowhere.png"]), r"X\[0\], 'nowhere.png', which cannot"),
    "closed": ([CLOSED], r"X\[0\], a \w+, which is damaged \(.*closed"),
}


def test_files_that_end_with_zeros_are_whole_in_an_array():
    black = content(np.zeros((8, 8, 3), np.uint8), "BMP")
    assert black.endswith(b"\0")
    images = ImageReader(size=8).fit_transform(np.array([black, content(COLOUR)]))
    assert not images[0].any() and images[1].any()


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_picture_is_named(what):
    X, words = WRONG[what]
    with pytest.raises(ValueError, match=words):
        ImageReader(size=8, mode="L").fit_transform(X)


def test_a_net_refuses_what_holds_pictures():
    for call in (lambda net, X: net.fit(X, [0, 1, 0]), lambda net, X: net.predict(X)):
        net = MLPNetClassifier(hidden_layer_sizes=2, max_epochs=1).fit([GREY, GREY + 1], [0, 1])
        with pytest.raises(ValueError, match="type Endless"):
            call(net, Endless())
        with pytest.raises(ValueError, match=r"type list_iterator.*list\(X\)"):
            call(net, iter([GREY]))
        with pytest.raises(ValueError, match="path 'a.png' and more"):
            call(net, np.array(["a.png"] * 3))


def test_columns_of_arrow_say_how_they_become_lists():
    arrow = pytest.importorskip("pyarrow")
    net = MLPNetClassifier(hidden_layer_sizes=2, max_epochs=1)
    for item in (content(GREY), "a.png", {"bytes": content(GREY), "path": "a.png"}):
        table = arrow.table({"label": [0, 1], "picture": [item, item]})
        for fit in (net.fit, ImageReader().fit):
            with pytest.raises(ValueError, match=r"Table.*X\['picture'\]\.to_pylist\(\)"):
                fit(table, [0, 1])
            with pytest.raises(ValueError, match=r"ChunkedArray.* X\.to_pylist\(\)"):
                fit(table["picture"], [0, 1])
    numbers = arrow.table({"a": [1.0, 2, 3, 4], "b": [1.0, 0, 1, 0]})
    net.fit(numbers, [0, 1, 0, 1])


def test_a_net_of_colour_says_how_grey_pictures_are_read():
    net = MLPNetClassifier(hidden_layer_sizes=2, max_epochs=1)
    for own, other, mode in ((COLOUR, GREY, "RGB"), (GREY, COLOUR, "L")):
        net.fit([own, own // 2], [0, 1])
        with pytest.raises(ValueError, match=f'mode="{mode}"'):
            net.predict([other])
        with pytest.raises(ValueError, match=r"\)\.$"):
            net.predict([other[:6]])


def test_parameters_are_checked():
    for params in ({"size": 0}, {"size": (1, 2, 3)}, {"size": (True, 2)}, {"size": "8"}):
        with pytest.raises(ValueError, match="size"):
            read(GREY, **params)
    with pytest.raises(ValueError, match="'centre'.*British.*'center'"):
        read(GREY, size=8, crop="center")
    for params in ({"mode": "grey"}, {"flatten": 1}, {"n_jobs": 1.5}):
        with pytest.raises(ValueError, match=next(iter(params))):
            read(GREY, size=8, **params)
    with pytest.raises(TypeError, match="'image_size'"):
        ImageReader(image_size=8)
    with pytest.raises(NotFittedError):
        ImageReader(size=8, mode="L").transform([GREY])
    fitted = ImageReader(size=8).fit([GREY]).set_params(crop="center")
    with pytest.raises(ValueError, match="crop"):
        fitted.transform([GREY])


def test_unequal_sizes_are_named_and_need_a_size():
    with pytest.raises(ValueError, match=r"2 sizes.*12 x 16 \(2\), 6 x 16 \(1\).*size="):
        read(GREY, GREY, GREY[:6])
    many = [GREY[:i] for i in range(1, 9)]
    with pytest.raises(ValueError, match="8 sizes.* and 3 more"):
        read(*many)
    # A size that was learned is that of later pictures, too.
    assert ImageReader().fit([GREY]).transform([COLOUR[:5]]).shape == (1, 12, 16)


# --- what is done to it ---------------------------------------------------------------------------


def test_all_modes_of_files_become_grey_or_colour():
    half = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 128)])
    kinds = {
        "palette": (content(GREY, mode="P"), GREY, "L"),
        "colours of a palette": (content(COLOUR // 64 * 64, mode="P"), None, "RGB"),
        "opaque": (content(COLOUR, mode="RGBA"), COLOUR, "RGB"),
        "half transparent": (content(half), half[..., :3] // 2, "RGB"),
        "16 bits": (content(Image.fromarray(GREY.astype(np.uint16) * 257)), GREY, "L"),
        "16 bits of TIFF": (content(Image.fromarray(GREY.astype("u2") * 257), "TIFF"), GREY, "L"),
        "bmp": (content(COLOUR, "BMP"), COLOUR, "RGB"),
        "tiff": (content(COLOUR, "TIFF"), COLOUR, "RGB"),
        "webp": (content(COLOUR, "WEBP", lossless=True), COLOUR, "RGB"),
        "black and white": (content(GREY > 99), np.where(GREY > 99, 255, 0), "L"),
        "cmyk": (content(COLOUR, "TIFF", mode="CMYK"), COLOUR, "RGB"),
    }
    for kind, (one, wanted, mode) in kinds.items():
        reader = ImageReader().fit([one])
        assert reader.mode_ == mode, kind
        (found,) = reader.transform([one])
        if wanted is not None:
            assert np.abs(found.astype(int) - wanted).max() <= 1, kind
    grey, colour = read(GREY, mode="RGB")[0], read(COLOUR, mode="L")[0]
    np.testing.assert_array_equal(grey, np.dstack([GREY] * 3))
    np.testing.assert_array_equal(colour, np.asarray(Image.fromarray(COLOUR).convert("L")))


def test_a_cameras_note_on_rotation_is_followed():
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: turn it clockwise
    for format in ("PNG", "JPEG", "WEBP", "TIFF"):
        turned = content(GREY, format, exif=exif)
        reader = ImageReader(mode="L").fit([turned])
        assert reader.size_ == (16, 12), format
        (found,) = reader.transform([turned])
        if format in ("PNG", "TIFF"):
            np.testing.assert_array_equal(found, np.rot90(GREY, -1))
    # What lies on its side is not decoded smaller than it is wanted when it stands.
    steps = np.kron(RANDOM.integers(0, 2, (20, 1), np.uint8) * 255, np.ones((4, 320), np.uint8))
    params = {"size": (10, 40), "mode": "L"}
    (found,) = read(content(steps, "JPEG", exif=exif), **params)
    (wanted,) = read(content(np.rot90(steps, -1), "JPEG"), **params)
    assert np.abs(found.astype(int) - wanted).mean() < 3


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'


@pytest.mark.parametrize("number", range(1, 9))
def test_every_note_on_rotation_is_followed_once(number):
    exif, tags = Image.Exif(), TiffImagePlugin.ImageFileDirectory_v2()
    exif[0x0112] = tags[0x0112] = number
    tags[700], tags.tagtype[700] = XMP % number, 1  # as programs write it that develop photographs
    alone = TiffImagePlugin.ImageFileDirectory_v2()
    alone[700], alone.tagtype[700] = XMP % number, 1
    with Image.open(io.BytesIO(content(GREY, exif=exif))) as picture:
        wanted = np.asarray(ImageOps.exif_transpose(picture))
    files = {
        "PNG": content(GREY, exif=exif),
        "WebP": content(GREY, "WEBP", exif=exif, lossless=True),
        "TIFF": content(GREY, "TIFF", tiffinfo=tags),
        "TIFF with XMP alone": content(GREY, "TIFF", tiffinfo=alone),
        "compressed TIFF": content(GREY, "TIFF", tiffinfo=tags, compression="tiff_lzw"),
    }
    for name, one in files.items():
        np.testing.assert_array_equal(read(one, mode="L")[0], wanted, err_msg=name)


def test_damaged_notes_say_nothing_against_the_pixels():
    notes = {
        "no table": b"Exif\0\0garbage!",
        "a table beyond its end": b"Exif\0\0II*\0\xff\xff\xff\xff",
        # To be turned, and with a tag that Pillow reads but cannot write.
        "an odd tag": b"Exif\0\0II*\0\x08\0\0\0\x02\0"
        + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
        + b"\x01\x02\x0d\0\x01\0\0\0\x01\0\0\0"
        + b"\0\0\0\0",
    }
    for name, note in notes.items():
        one = content(GREY, "JPEG", quality=95, dpi=(72, 72), exif=note)
        wanted = np.rot90(GREY, -1) if name == "an odd tag" else GREY
        (found,) = read(one)
        assert found.shape == wanted.shape, name
        assert np.abs(found.astype(int) - wanted).mean() < 9, name
        assert PhotoToFashion().transform([one]).shape == (1, 28, 28)


def test_palettes_are_grey_if_their_entries_are():
    upside_down = Image.fromarray(GREY)
    upside_down = Image.frombytes("P", upside_down.size, upside_down.tobytes())
    upside_down.putpalette(np.repeat(np.arange(255, -1, -1, np.uint8), 3).tobytes())
    colours = Image.fromarray(COLOUR).quantize(50)
    for format in ("PNG", "BMP", "TIFF"):
        reader = ImageReader().fit([content(upside_down, format)])
        assert reader.mode_ == "L", format
        np.testing.assert_array_equal(reader.transform([upside_down])[0], 255 - GREY)
        assert ImageReader().fit([content(colours, format)]).mode_ == "RGB", format


def test_crop_keeps_the_middle_or_all():
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 200
    (centre,) = read(wide, size=10, mode="L")
    (pad,) = read(wide, size=(30, 30), mode="L", crop="pad")
    (stretch,) = read(wide, size=10, mode="L", crop="stretch")
    assert (centre == 200).all()
    assert (pad[:10] == 0).all() and (pad[20:] == 0).all() and (pad[10:20, 12:18] == 200).all()
    assert (pad[10:20, :8] == 0).all()
    assert (stretch[:, 5] == 200).all() and (stretch[:, [0, 9]] == 0).all()
    # Upright ones alike.
    for crop, wanted in (("centre", centre.T), ("stretch", stretch.T)):
        np.testing.assert_array_equal(read(wide.T, size=10, mode="L", crop=crop)[0], wanted)
    (pad_upright,) = read(wide.T, size=(30, 30), mode="L", crop="pad")
    np.testing.assert_array_equal(pad_upright, pad.T)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from(CROPS),
    st.sampled_from(["L", "RGB"]),
)
def test_any_size_becomes_any_other(pixels, size, crop, mode):
    found = decode(open_picture(content(pixels)), Steps(size, mode, crop))
    assert found.shape == ((*size, 3) if mode == "RGB" else size)
    assert found.max() <= pixels.max()
    if pixels.shape == size:
        np.testing.assert_array_equal(found, pixels if mode == "L" else np.dstack([pixels] * 3))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "TIFF"]), st.data())
def test_damaged_files_are_refused_or_read(format, data):
    good = bytearray(content(COLOUR, format))
    for _ in range(data.draw(st.integers(1, 5))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    bad = bytes(good[: data.draw(st.integers(0, len(good)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow tells of oddities in tags
        try:
            found = decode(open_picture(bad, 10**6), Steps((8, 8), "L", "centre"))
        except PictureError as error:
            assert error.kind in {"damaged", "format", "large", "several", "values"}
        else:
            assert found.shape == (8, 8)


def test_bombs_animations_and_pages_are_refused():
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    options = {"save_all": True, "append_images": frames[1:]}
    with pytest.raises(ValueError, match="pixels, more than 89478485"):
        read(bomb_of(60_000), size=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow's, of what is not twice its limit
        with pytest.raises(ValueError, match="pixels, more than 89478485"):
            read(bomb_of(10_000), size=8)
    for format in ("WEBP", "TIFF", "PNG"):
        with pytest.raises(ValueError, match="moves or has pages"):
            read(content(frames[0], format, **options), size=8)
    # A telephone's JPEG with a second image behind the first is a photograph.
    found = read(content(frames[0].convert("RGB"), "MPO", **options))
    assert np.abs(found[0].mean() - GREY.mean()) < 5


# --- as scikit-learn has transformers -------------------------------------------------------------


@pytest.mark.parametrize("estimator", [ImageReader(), PhotoToFashion()])
def test_checks_of_scikit_learn(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that most need numbers
        results = estimator_checks.check_estimator(estimator)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    # Those that need no rows of numbers.
    name = type(estimator).__name__
    for check in (
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_valid_tag_types,
    ):
        check(name, clone(estimator))


def test_copies_read_the_same():
    pictures = [GREY, GREY[:9], COLOUR]
    reader = ImageReader(size=(9, 8), crop="pad").fit(pictures)
    wanted = reader.transform(pictures)
    for copy in (pickle.loads(pickle.dumps(reader)), clone(reader).fit(pictures)):
        np.testing.assert_array_equal(copy.transform(pictures), wanted)


def test_threads_read_the_same_in_the_same_order():
    pictures = [RANDOM.integers(0, 256, (5 + i % 7, 9), np.uint8) for i in range(300)]
    wanted = read(*pictures, size=6, n_jobs=1)
    for n_jobs in (2, -1, None):
        np.testing.assert_array_equal(read(*pictures, size=6, n_jobs=n_jobs), wanted)
    with joblib.parallel_config(n_jobs=3):
        np.testing.assert_array_equal(read(*pictures, size=6), wanted)
    # Within a worker of a search, one thread is its share.
    with ThreadPool(1) as pool:
        assert pool.apply(thread_count, (None,)) == 1
    pictures[257] = b"x"
    with pytest.raises(ValueError, match=r"X\[257\], 1 bytes"):
        read(*pictures, size=6, mode="L", n_jobs=2)


def test_threads_may_read_the_same_picture():
    noise = RANDOM.integers(0, 256, (1500, 1500), np.uint8)
    opened = Image.open(io.BytesIO(content(noise, compress_level=1)))
    images = read(*[opened] * 129, size=4, mode="L", n_jobs=3)
    assert (images == images[0]).all()


@pytest.fixture
def files(tmp_path):
    """Return paths of pictures of two kinds, of several sizes, and their labels."""
    sample = load_fashion_sample()
    chosen = np.flatnonzero(sample.target < 2)[:60]
    paths = []
    for i in chosen:
        paths.append(str(tmp_path / f"{i}.jpg"))
        image = Image.fromarray(sample.images[i])
        image.resize((40 + i % 5, 40)).save(paths[-1], quality=95)
    return paths, sample.target_names[sample.target[chosen]]


def small(**params):
    return ConvNetClassifier(channels=(4,), max_epochs=4, random_state=0, **params)


def test_a_pipeline_is_fitted_searched_and_saved_on_paths(files, tmp_path):
    paths, labels = files
    model = make_pipeline(ImageReader(size=14, mode="L"), small()).fit(paths, labels)
    images = ImageReader(size=14, mode="L").fit_transform(paths)
    wanted = small().fit(images, labels).predict_proba(images)
    np.testing.assert_array_equal(model.predict_proba(paths), wanted)
    grid = {"imagereader__size": [7, 14]}
    with joblib.parallel_config("threading"):
        search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(pd.Series(paths), labels)
    assert search.best_estimator_[0].size_ in {(7, 7), (14, 14)}
    assert search.score(paths, labels) > 0.8
    io_of_skops = pytest.importorskip("skops.io")
    io_of_skops.dump(model, tmp_path / "model.skops")
    again = io_of_skops.load(tmp_path / "model.skops", trusted=skfashion.TRUSTED_TYPES)
    np.testing.assert_array_equal(again.predict_proba(paths), wanted)


def test_rows_suit_scalers(files):
    paths, labels = files
    steps = ImageReader(size=8, mode="L", flatten=True), StandardScaler()
    net = MLPNetClassifier(hidden_layer_sizes=8, max_epochs=20, random_state=0, image_shape=(8, 8))
    assert make_pipeline(*steps, net).fit(paths, labels).score(paths, labels) > 0.8


COLUMN = pd.Series([{"bytes": content(GREY), "path": None}] * 4)
UNREAD = {
    "paths": ["a.png"] * 4,
    "an array of paths": np.array(["a.png"] * 4),
    "paths of pathlib": [Path("a.png")] * 4,
    "one path": "a.png",
    "bytes": [b"x"] * 4,
    "dicts": COLUMN,
    "a frame of dicts": COLUMN.to_frame(),
    "unequal arrays": [GREY, GREY[:5]] * 2,
    "unequal pictures": [Image.fromarray(GREY), Image.fromarray(COLOUR)] * 2,
    "a column of arrays": pd.Series([GREY] * 4),
}


@pytest.mark.parametrize("form", UNREAD)
def test_a_net_names_the_reader(form):
    with pytest.raises(ValueError, match="ImageReader"):
        MLPNetClassifier().fit(UNREAD[form], [0, 1, 0, 1])
    fitted = MLPNetClassifier(hidden_layer_sizes=2, max_epochs=1).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="ImageReader"):
        fitted.predict(UNREAD[form])


def test_equal_pictures_in_a_list_are_images():
    pictures = [Image.fromarray(GREY)] * 4
    params = {"hidden_layer_sizes": 2, "max_epochs": 1, "random_state": 0}
    net = MLPNetClassifier(**params).fit(pictures, [0, 1, 0, 1])
    assert net.image_shape_ == GREY.shape


# --- photographs of garments ----------------------------------------------------------------------


def photograph(image, colour=(255, 255, 255), ground=255, scale=12, margin=(50, 20)):
    """Return an image of Fashion-MNIST as a photograph of a coloured garment on a bright ground."""
    large = Image.fromarray(image).resize((28 * scale, 28 * scale), Image.Resampling.NEAREST)
    share = np.asarray(large, float)[:, :, None] / 255
    pixels = ground - share * np.asarray(colour)
    (top, left), shape = margin, (pixels.shape[0] + 90, pixels.shape[1] + 60, 3)
    whole = np.full(shape, ground, np.uint8)
    whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels.clip(0, 255)
    return whole


def test_a_photograph_becomes_its_image_again():
    sample = load_fashion_sample(subset="test")
    originals = sample.images[:40]
    photographs = [photograph(image) for image in originals]
    found = PhotoToFashion(sharpen=0).fit_transform(photographs)
    assert found.shape == (40, 28, 28) and found.dtype == np.uint8
    # Where a garment fills the image from edge to edge, only what is close to the ground differs.
    rows, columns = ((originals > 12).any(axis=axis).sum(axis=1) for axis in (2, 1))
    is_whole = np.maximum(rows, columns) == 28
    assert is_whole.sum() > 30
    apart = np.abs(found.astype(int) - originals)[is_whole].mean(axis=(1, 2))
    assert np.median(apart) < 0.2 and np.mean(apart < 1) > 0.9


def test_steps_of_a_photograph():
    blue = np.full((100, 80, 3), 250, np.uint8)
    blue[20:60, 30:40] = (0, 0, 128)
    (image,) = PhotoToFashion().transform([blue])
    assert (image[:, :10] == 0).all() and (image[:, 18:] == 0).all()
    assert image[:, 12:15].min() > 200  # as high as the image, in the middle
    # A dark ground is not inverted, nor one that is said to be dark.
    (same,) = PhotoToFashion().transform([255 - blue])
    assert (same[:, :10] == 0).all() and same[:, 12:15].min() > 200
    (other,) = PhotoToFashion(ground="dark", sharpen=0).transform([blue])
    assert other[14, 14] < 20
    assert not PhotoToFashion().transform([np.full((9, 9), 200, np.uint8)]).any()
    # What shines through is white, as paper is.
    through = Image.fromarray(np.dstack([blue, np.where(blue[..., 0] == 250, 0, 255)]).astype("u1"))
    np.testing.assert_array_equal(PhotoToFashion().transform([content(through)])[0] > 0, image > 0)
    way_out = r"Leave it out, of the labels too; load_image_folder"
    with pytest.raises(ValueError, match=rf"X\[1\], .* is damaged .*{way_out}"):
        PhotoToFashion().transform([blue, content(GREY, "JPEG")[:300]])
    with pytest.raises(ValueError, match="tolerance"):
        PhotoToFashion(tolerance=2).transform([blue])


def test_a_large_photograph_takes_little_memory():
    large = np.full((1200, 1600, 3), 255, np.uint8)
    large[300:900, 400:1200] = 40
    tracemalloc.start()
    PhotoToFashion(n_jobs=1).transform([large])
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert highest < 7 * large.nbytes


def test_photographs_in_a_pipeline():
    sample = load_fashion_sample()
    chosen = np.flatnonzero(sample.target < 2)[:40]
    photographs = [photograph(sample.images[i], (200, 150, 90), scale=4) for i in chosen]
    labels = sample.target[chosen]
    net = MLPNetClassifier(hidden_layer_sizes=8, max_epochs=15, random_state=0)
    model = make_pipeline(PhotoToFashion(n_jobs=1), net).fit(photographs, labels)
    assert model.score(photographs, labels) > 0.9


# --- behind the door ------------------------------------------------------------------------------


def test_reports_and_displays_show_files(files):
    pytest.importorskip("altair")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    paths, labels = files
    images = [np.asarray(Image.open(path)) for path in paths]
    model = make_pipeline(ImageReader(14, mode="L"), small()).fit(paths, labels)
    for X in (paths, images, np.array(paths)):
        report = make_report(model, X, labels, n_resamples=2)
        assert "a picture that the classifiers read" in report.html
    grid = PredictionGridDisplay.from_estimator(model, paths, labels)
    assert grid.pictures.shape[1:] == (64, 64)
    one = ProbabilityDisplay.from_estimator(model, Path(paths[0]).read_bytes(), labels[0])
    assert one.picture.shape == (64, 64)
    pytest.importorskip("captum")
    for X, n in ((paths[:2], 2), (paths[0], 1), (images[:2], 2)):
        display = AttributionDisplay.from_estimator(model, X, methods=["saliency"])
        assert display.maps["saliency"].shape == display.pictures.shape == (n, 14, 14)
    pyplot.close("all")
