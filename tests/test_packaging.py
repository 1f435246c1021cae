"""What is built for users, and what is not."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import skfashion

ROOT = Path(skfashion.__file__).parents[1]


@pytest.mark.slow  # builds it
def test_wheel_holds_skfashion_alone_and_all_of_it(tmp_path):
    # Without isolation, so that nothing is downloaded; in a copy, so that nothing is left here.
    source = tmp_path / "source"
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
    command += ["--quiet", "--disable-pip-version-check", "--wheel-dir", str(tmp_path)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = source / "skfashion"
    expected = {str(path.relative_to(source)) for path in package.rglob("*") if path.is_file()}
    assert held == expected
