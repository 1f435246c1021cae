"""What is built for users, and what is not; and whether it works without its sources."""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import skfashion

ROOT = Path(skfashion.__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a copy of the sources and the wheel made of it."""
    # Without isolation, so that nothing is downloaded; in a copy, so that nothing is left here.
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, tracked.decode().split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command += ["--quiet", "--disable-pip-version-check", "--wheel-dir", str(folder)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_wheel_holds_skfashion_alone_and_all_of_it(built):
    (wheel,) = built.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = built / "source"
    files = [path for path in (source / "skfashion").rglob("*") if path.is_file()]
    assert held == {path.relative_to(source).as_posix() for path in files}


@pytest.mark.slow
def test_readme_runs_from_the_wheel(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    python = tmp_path / "venv" / "bin" / "python"
    # With the sources on its path, pip would find skfashion installed already.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run = {"cwd": tmp_path, "env": environment, "check": True, "capture_output": True, "text": True}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "venv"], **run)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], **run)
    # The libraries are those of this environment, after the venv's own. Links in there, such as the
    # one to the sources, are not followed.
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], **run
    )
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(where.stdout.strip(), "libraries.pth").write_text("\n".join(libraries))

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert blocks
    program = "\n".join(["import skfashion", "print(skfashion.__file__)", *blocks])
    answer = subprocess.run([python, "-P", "-W", "error", "-c", program], **run)
    installed, score = answer.stdout.split()
    assert Path(installed).is_relative_to(tmp_path)
    assert float(score) > 0.5
