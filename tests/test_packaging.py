"""What is built for users, and what is not; and whether it works without its sources."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import skfashion

ROOT = Path(skfashion.__file__).parents[1]
EXAMPLES = sorted(
    path for folder in ("gallery", "tours") for path in (ROOT / "docs" / folder).rglob("plot_*.py")
)
pytestmark = pytest.mark.slow

# With the sources on its path, pip would find skfashion installed already.
CLEAN = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def run(*words, **options):
    answer = subprocess.run(
        list(map(str, words)), **{"env": CLEAN, "capture_output": True, "text": True} | options
    )
    assert answer.returncode == 0, answer.stdout[-5000:] + answer.stderr[-5000:]
    return answer.stdout


def wheel_of(source, folder):
    # Without isolation, so that nothing is downloaded.
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the sources, so that nothing is left in them."""
    folder = tmp_path_factory.mktemp("source")
    tracked = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, run(*tracked, cwd=ROOT).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """The wheel made of the sources."""
    return wheel_of(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel_of_sdist(source, tmp_path_factory):
    """The wheel made of the source distribution made of the sources."""
    folder = tmp_path_factory.mktemp("sdist")
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    run(sys.executable, "-c", build, cwd=source)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return wheel_of(unpacked, folder)


def python_with(wheel, folder):
    """Return the Python of a new environment that has a wheel, and all else from this one."""
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    # After the environment's own. Links in there, such as the one to the sources, are not followed.
    where = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(where.strip(), "libraries.pth").write_text("\n".join(libraries))
    return python


def held(wheel):
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_wheel_holds_skfashion_alone_and_all_of_it(source, wheel, wheel_of_sdist):
    files = [path for path in (source / "skfashion").rglob("*") if path.is_file()]
    expected = {path.relative_to(source).as_posix() for path in files}
    assert held(wheel) == expected
    assert held(wheel_of_sdist) == expected


def test_readme_runs_from_the_wheel(wheel, tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert blocks
    program = "\n".join(["import skfashion", "print(skfashion.__file__)", *blocks])
    python = python_with(wheel, tmp_path)
    answer = run(python, "-P", "-W", "error", "-c", program, cwd=tmp_path)
    installed, *scores = answer.split()
    assert Path(installed).is_relative_to(tmp_path)
    assert min(map(float, scores)) > 0.5


@pytest.mark.parametrize(
    ("built", "names"), [("wheel", "MLPNet or ConvNet"), ("wheel_of_sdist", "MLPNet")]
)
def test_common_tests_pass_from_what_is_built(built, names, tmp_path, request):
    python = python_with(request.getfixturevalue(built), tmp_path)
    for name in ("tests", "benchmarks"):  # whose browser the tests share
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("results"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    chosen = ("-m", "not slow", "-k", names)
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, "tests/test_common.py")
    assert " passed" in run(python, *words, cwd=tmp_path)
    there = run(python, "-c", "import skfashion; print(skfashion.__file__)", cwd=tmp_path)
    assert Path(there).is_relative_to(tmp_path)


# --- notebooks -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernel(wheel, tmp_path_factory):
    """The name of a kernel of Jupyter's that has the wheel."""
    folder = tmp_path_factory.mktemp("kernel")
    words = [str(python_with(wheel, folder)), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": words, "display_name": "the wheel", "language": "python"}
    path = folder / "jupyter" / "kernels" / "wheel"
    path.mkdir(parents=True)
    (path / "kernel.json").write_text(json.dumps(specification))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        patch.delenv("PYTHONPATH", raising=False)
        yield "wheel"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem.removeprefix("plot_"))
def test_examples_run_from_the_wheel_as_notebooks(path, kernel, tmp_path):
    import nbformat
    from nbclient import NotebookClient
    from sphinx_gallery.notebook import jupyter_notebook
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks

    _, blocks = split_code_and_text_blocks(str(path))
    conf = {"first_notebook_cell": "%matplotlib inline", "last_notebook_cell": None}
    conf |= {"notebook_images": False, "pypandoc": False, "promote_jupyter_magic": False}
    content = jupyter_notebook(blocks, conf, str(tmp_path))
    notebook = nbformat.reads(json.dumps(content), as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name=kernel, resources=resources).execute()
    assert any(cell.get("outputs") for cell in notebook.cells)
