"""Files of other forms: each door says what a file is and what opens it, and runs nothing of it."""

import gzip
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from common import small

import skfashion
from skfashion import MLPNetClassifier
from skfashion.__main__ import main

pytest.importorskip("safetensors")
COMPRESSORS = ["zlib", "gzip", "bz2", "xz", "lzma"]


class Trap:
    """What leaves a file where it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dump_skops(path, net):
    pytest.importorskip("skops.io").dump(net, path)


def dump_onnx(path, net):
    pytest.importorskip("skl2onnx")
    pytest.importorskip("skfashion.export").to_onnx(net, path)


def dump_pt2(path, net):
    skfashion.export.to_torch_export(net, path)


def dump_arrays(path, net):
    with open(path, "wb") as stream:
        np.savez(stream, X=np.zeros(3))


def dump_text(path, net):
    Path(path).write_text("no model")


WRITERS = {
    "skops": (dump_skops, r"skops\.io\.load\(path, trusted=skfashion\.TRUSTED_TYPES\)"),
    "ONNX": (dump_onnx, r"an ONNX file: use onnxruntime\.InferenceSession\(path\)"),
    "pt2": (dump_pt2, r"a file of to_torch_export: use torch\.export\.load\(path\), which runs"),
    "arrays": (dump_arrays, r"NumPy's arrays: use numpy\.load\(path\)"),
    "HDF5": (lambda path, net: Path(path).write_bytes(b"\x89HDF\r\n\x1a\n\0"), "an HDF5 file"),
    "empty": (lambda path, net: Path(path).touch(), "which is empty"),
}
PICKLES = {
    "pickle": (lambda path, net: Path(path).write_bytes(pickle.dumps(Trap())), "a pickle, or"),
    **{
        name: (
            lambda path, net, name=name: joblib.dump(Trap(), path, compress=(name, 3)),
            r"a compressed file, as joblib\.dump\(net, path, compress=3\) writes: use joblib\.load",
        )
        for name in COMPRESSORS
    },
}
WEIGHTS = {
    "weights": lambda path, net: torch.save(net.net_.module_.state_dict(), path),
    "old weights": lambda path, net: torch.save(
        net.net_.module_.state_dict(), path, _use_new_zipfile_serialization=False
    ),
}


@pytest.fixture(scope="module")
def net(digits):
    return small(MLPNetClassifier, max_epochs=1).fit(*digits)


@pytest.mark.parametrize("form", WRITERS | PICKLES)
def test_load_and_init_from_say_what_opens_a_file(form, net, digits, folder):
    write, message = (WRITERS | PICKLES)[form]
    write("net.file", net)
    with pytest.raises(ValueError, match=f"Got 'net.file', which is .*{message}|{message}"):
        skfashion.load("net.file")
    with pytest.raises(ValueError, match=message) as caught:
        small(MLPNetClassifier, init_from="net.file").fit(*digits)
    said = str(caught.value)
    assert said.startswith("Got init_from='net.file', which is ")
    assert "FrozenEstimator(net)" in said and "weights_only" not in said
    assert not Path("sprung").exists()


@pytest.mark.parametrize("form", WEIGHTS)
def test_weights_of_pytorch_are_known_and_begun_with(form, net, digits, folder):
    WEIGHTS[form]("net.file", net)
    with pytest.raises(ValueError, match=r"a file of torch\.save: .*init_from=path"):
        skfashion.load("net.file")
    small(MLPNetClassifier, init_from="net.file", max_epochs=1).fit(*digits)


def test_a_module_in_a_file_is_refused_in_few_words(net, digits, folder):
    torch.save(net.net_.module_, "net.file")
    with pytest.raises(ValueError, match=r"holds a skfashion\.\S+ beside tensors") as caught:
        small(MLPNetClassifier, init_from="net.file").fit(*digits)
    assert "weights_only" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("form", WRITERS | WEIGHTS | {"text": dump_text})
def test_the_report_unpickles_nothing_that_is_no_pickle(form, net, folder, monkeypatch, capsys):
    pytest.importorskip("altair")
    write = {"text": dump_text} | WEIGHTS | {name: write for name, (write, _) in WRITERS.items()}
    write[form]("net.file", net)
    monkeypatch.setattr(joblib, "load", lambda path: pytest.fail("it was unpickled"))
    assert main(["report", "net.file"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: Got net.file, which ") and "make_report" in said
    assert WRITERS.get(form, ("", ""))[1].partition("\\")[0] in said


@pytest.mark.parametrize("compress", [0, *COMPRESSORS])
def test_the_report_takes_what_joblib_writes(compress, folder, capsys):
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    joblib.dump(MLPNetClassifier(), "net.file", compress=compress and (compress, 3))
    assert main(["report", "net.file"]) == 2
    assert "This MLPNetClassifier instance is not fitted yet" in capsys.readouterr().err


def test_what_is_compressed_otherwise_is_no_net_either(folder):
    Path("net.file").write_bytes(gzip.compress(b"text"))
    with pytest.raises(ValueError, match="a compressed file"):
        skfashion.load("net.file")
