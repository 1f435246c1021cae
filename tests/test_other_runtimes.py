"""The page's recipes for other runtimes say what the classifier says, where these are installed."""

from pathlib import Path

import numpy as np
import pytest
from common import small
from pages import ROOT, blocks

from skfashion import ConvNetClassifier
from skfashion.export import to_onnx, to_torch_export

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed, and no file is written.")
pytest.importorskip("skl2onnx", reason="skl2onnx is not installed, and no file is written.")

RECIPES = [code for _, code in blocks(ROOT / "docs" / "export.md", "")]
# What two of them begin with.
ONE_OUTPUT = "class Probabilities"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of libraries that this project does not choose
@pytest.mark.parametrize("library", ["openvino", "executorch", "litert_torch"])
def test_recipes_say_the_same(library, digits, tmp_path, monkeypatch):
    pytest.importorskip(
        library, reason=f"{library} is not installed, and its recipe cannot be tried."
    )
    X, y = digits
    monkeypatch.chdir(tmp_path)
    net = small(ConvNetClassifier).fit(X, y)
    to_onnx(net, "net.onnx")
    images = X[:64].reshape(-1, 1, 8, 8)
    names = {"net": net, "X": X, "images": images, "Path": Path, "to_torch_export": to_torch_export}
    wanted = [library] if library == "openvino" else [ONE_OUTPUT, library]
    for part in wanted:
        (code,) = (code for code in RECIPES if part in code)
        exec(compile(code, f"docs/export.md, {part}", "exec"), names)
    found = names["probabilities"]
    np.testing.assert_allclose(found, net.predict_proba(X[: len(found)]), atol=1e-5)
