"""The page as a file: what goes into it, how large it is, and where the runtime comes from."""

import base64
import gzip
import hashlib
import io
import json
import lzma
import re
import stat
import tarfile
from pathlib import Path

import numpy as np
import pytest

from skfashion.__main__ import main
from skfashion.serving import webpage
from skfashion.serving.model import load_model
from skfashion.serving.webpage import runtime as runtimes
from skfashion.serving.webpage.offline import offline_page
from skfashion.serving.webpage.runtime import BINARY, SCRIPT, Runtime, find_runtime

pytest.importorskip("onnxruntime")

GOLDEN = Path(__file__).parent / "golden"
GREY, COLOUR, TABLE = (GOLDEN / f"{name}.onnx" for name in ("grey", "colour", "table"))
BAD = "</script><script>alert(1)</script>"
# As the runtime's script ends.
FAKE = {
    SCRIPT: b'var a=1,b="see https://there.invalid/x";export{a as InferenceSession,b as env};\n'
    b"//# sourceMappingURL=ort.map\n",
    BINARY: bytes(range(256)) * 10,
}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A package of npm with other files, whose hashes are expected; and the data folder."""
    sums = {name: (len(text), hashlib.sha256(text).hexdigest()) for name, text in FAKE.items()}
    monkeypatch.setattr(runtimes, "FILES", sums)
    monkeypatch.setenv("SKFASHION_DATA", str(tmp_path / "data"))
    return pack(tmp_path / "package.tgz", FAKE)


def pack(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return path


def data_of(page, name):
    """Return what is in an element with JSON."""
    return json.loads(re.search(f'<script [^>]*id="{name}">(.*?)</script>', page, re.DOTALL)[1])


def test_the_command_writes_one_file(fake, tmp_path, capsys):
    out = tmp_path / "page.html"
    words = [str(GREY), f"{BAD}={COLOUR}"]
    assert main(["page", *words, "-o", str(out), "--runtime", str(fake)]) == 0
    assert "MB" in capsys.readouterr().err
    page = out.read_text("utf-8")
    first, second = data_of(page, "offline")["models"]
    assert (first["name"], second["name"]) == ("grey", BAD)
    assert first["classes"] == list("abcdefghij")
    assert first["image_shape"] == [1, 8, 8]
    assert first["examples"]["labels"] == list("abcdefghij" * 2)
    assert second["examples"]["labels"] is None
    assert BAD not in page
    assert "globalThis.ort={InferenceSession:a,env:b}" in page
    # Next time the data folder has it.
    assert main(["page", *words, "-o", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text("utf-8") == page
    assert "<title>Try the nets</title>" in page and "<h1>Try the nets</h1>" in page


def test_the_page_has_the_title_that_is_wanted(fake, tmp_path):
    out = tmp_path / "page.html"
    words = [str(GREY), "-o", str(out), "--runtime", str(fake)]
    assert main(["page", *words, "--title", f"Clothes {BAD} & $data"]) == 0
    title = "Clothes &lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; $data"
    page = out.read_text("utf-8")
    assert f"<title>{title}</title>" in page and f"<h1>{title}</h1>" in page


@pytest.mark.slow
def test_a_saved_net_is_exported_first(fake, tmp_path):
    packed = (GOLDEN / "ConvNetClassifier.safetensors.xz").read_bytes()
    (tmp_path / "conv.safetensors").write_bytes(lzma.decompress(packed))
    words = [str(tmp_path / "conv.safetensors"), "-o", str(tmp_path / "page.html")]
    assert main(["page", *words, "--runtime", str(fake)]) == 0
    (card,) = data_of((tmp_path / "page.html").read_text("utf-8"), "offline")["models"]
    assert card["name"] == "conv" and card["image_shape"] == [1, 8, 8]
    assert not card["has_examples"]


def test_a_page_names_no_address_and_runs_only_what_it_names():
    parts = Runtime(FAKE[SCRIPT], gzip.compress(FAKE[BINARY]))
    for page in (
        offline_page({"grey": GREY.read_bytes()}, parts),
        webpage.render([{"name": BAD, "classes": ["a"], "image_shape": [1, 8, 8]}], nonce="abc"),
    ):
        texts = re.sub(r'type="application/gzip"[^<]*', "", page)
        assert not re.findall(r"https?:|['\"`]//", texts)
        assert not re.findall(r"<(?:link|script|img|iframe)[^>]* (?:src|href)=\"(?!data:,)", texts)
        assert "sourceMappingURL" not in page
        assert not re.search(r"\son\w+=", texts.partition("<script")[0])
    policy = re.search(r'Policy" content="(.+?)"', offline_page({}, parts))[1]
    assert "default-src 'none'" in policy and "connect-src" not in policy
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy


def test_a_page_of_a_service_has_its_nonce_and_its_models():
    card = {"name": BAD, "classes": [1, 2], "image_shape": [3, 32, 32], "has_examples": False}
    page = webpage.render([card], nonce="x1+/=")
    assert data_of(page, "cards") == [card]
    scripts = re.findall(r"<(?:script|style)\b([^>]*)>", page)
    runs = [attributes for attributes in scripts if "application/json" not in attributes]
    assert len(runs) == 2 and all('nonce="x1+/="' in attributes for attributes in runs)
    rules = webpage.policy("x1+/=")
    assert "script-src 'nonce-x1+/='" in rules and "connect-src 'self'" in rules
    assert "frame-ancestors 'none'" in rules and "unsafe" not in rules
    # Where a key is needed nothing is told before it is given.
    assert 'id="cards"' not in webpage.render()


def test_sizes_are_those_of_what_is_inside():
    random = np.random.default_rng(0)
    binary = random.bytes(30_000)
    content = GREY.read_bytes()
    page = offline_page({"grey": content}, Runtime(FAKE[SCRIPT], binary))
    templates = Path(webpage.__file__).parent.glob("templates/*")
    scripts = sum(len(path.read_bytes()) for path in templates)
    inside = len(binary) + len(gzip.compress(content, 9)) + 20 * 64
    assert len(page) <= 4 / 3 * inside + scripts + 2_000


@pytest.mark.parametrize("form", ["tgz", "package", "folder"])
def test_the_runtime_is_taken_from_an_archive_and_from_folders(form, fake, tmp_path):
    path = fake
    if form != "tgz":
        path = tmp_path / "runtime"
        inside = path / "package" / "dist" if form == "package" else path
        inside.mkdir(parents=True)
        for name, text in FAKE.items():
            (inside / name).write_bytes(text)
    found = find_runtime(path)
    assert (found.script, gzip.decompress(found.binary)) == (FAKE[SCRIPT], FAKE[BINARY])
    assert len(list((tmp_path / "data").rglob("*.gz"))) == 2


@pytest.mark.parametrize("name", FAKE)
def test_another_file_than_the_pinned_one_is_refused(name, fake, tmp_path):
    for text in (FAKE[name][:-1], FAKE[name] + b"x", FAKE[name].replace(b"\x01", b"\x02", 1) + b""):
        if text == FAKE[name]:
            continue
        other = pack(tmp_path / "other.tgz", FAKE | {name: text})
        with pytest.raises(ValueError, match=f"another {name} than that of onnxruntime-web@"):
            find_runtime(other)
    with pytest.raises(ValueError, match=f"without {name}"):
        find_runtime(pack(tmp_path / "less.tgz", {k: v for k, v in FAKE.items() if k != name}))
    assert not (tmp_path / "data").exists()


def test_what_is_kept_is_verified_whenever_it_is_read(fake, tmp_path):
    find_runtime(fake)
    (kept,) = (tmp_path / "data").rglob(f"{BINARY}.gz")
    kept.write_bytes(gzip.compress(b"other"))
    with pytest.raises(ValueError, match=r"Delete .*wasm\.gz"):
        find_runtime()
    kept.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"Delete .*wasm\.gz"):
        find_runtime()
    find_runtime(fake)
    assert gzip.decompress(find_runtime().binary) == FAKE[BINARY]


def test_archives_that_are_none_and_paths_that_lead_nowhere_are_refused(fake, tmp_path):
    broken = tmp_path / "broken.tgz"
    for content in (b"", b"text", fake.read_bytes()[:200]):
        broken.write_bytes(content)
        with pytest.raises(ValueError, match=r"no \.tgz file|without"):
            find_runtime(broken)
    with pytest.raises(OSError, match="does not exist"):
        find_runtime(tmp_path / "nowhere.tgz")


def npm(folder, script):
    """Put a program of the name npm alone on the path."""
    folder.mkdir()
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:/usr/bin:/bin"


def test_npm_brings_the_package_where_it_is_installed(fake, tmp_path, monkeypatch):
    called = tmp_path / "called"
    script = f'echo "$@" >> {called}; cp {fake} onnxruntime-web.tgz'
    monkeypatch.setenv("PATH", npm(tmp_path / "bin", script))
    assert find_runtime().script == FAKE[SCRIPT]
    assert find_runtime().script == FAKE[SCRIPT]
    (words,) = called.read_text().splitlines()
    assert words.startswith("pack onnxruntime-web@1.30.0 ") and "--ignore-scripts" in words


def test_without_npm_and_without_a_path_an_error_says_what_to_do(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match=r"npm pack onnxruntime-web@1\.30\.0"):
        find_runtime()
    monkeypatch.setenv("PATH", npm(tmp_path / "bin", "echo 'no network' >&2; exit 1"))
    with pytest.raises(OSError, match="no network"):
        find_runtime()


def test_wrong_words_are_told_in_one_line_and_leave_no_file(fake, tmp_path, capsys):
    out, grey = tmp_path / "page.html", str(GREY)
    (tmp_path / "text.onnx").write_text("text")
    end = ["-o", str(out), "--runtime", str(fake)]
    for words, said in [
        ([str(TABLE), *end], "takes no pictures"),
        ([str(tmp_path / "text.onnx"), *end], "cannot open"),
        ([str(tmp_path / "none.onnx"), *end], "none.onnx"),
        ([grey, grey, *end], "equal names"),
        ([grey, "-o", str(tmp_path / "no" / "page.html")], "does not exist"),
        ([grey, "-o", str(out), "--runtime", str(tmp_path / "none")], "does not exist"),
    ]:
        assert main(["page", *words]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and said in error
    assert not out.exists()


def test_floats_are_shown_and_compared_as_their_net_has_learned_them():
    content = COLOUR.read_bytes()
    page = offline_page({"net": content}, Runtime(FAKE[SCRIPT], b""))
    (card,) = data_of(page, "offline")["models"]
    model = load_model("net", content)
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(np.float32(card["values"]), model.scaled(levels))
    assert card["image_shape"] == [3, 8, 8] and card["dtype"] == "float32"
    examples = card["examples"]
    pixels = np.frombuffer(base64.b64decode(examples["pixels"]), np.uint8)
    expected = np.rint(model.examples * 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels.reshape(20, 3, 8, 8), expected)
    values = np.frombuffer(base64.b64decode(examples["values"]), "<f4")
    np.testing.assert_array_equal(values.reshape(20, 3, 8, 8), model.examples)
