"""What a result depends on besides its parameters: machine, versions, commit, threads."""

import ast
import contextlib
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).absolute().parents[1]
PACKAGES = ("torch", "scikit-learn", "skorch", "numpy", "skfashion")
# The code that decides how long a training takes and what memory it needs, files and folders of
# skfashion: rows of seconds and memory are measured anew when it changes.
TRAINING = "training nets classifiers fitting parallel parameters utils images.py".split()
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def child_environment(threads):
    """Return the environment variables of a process that measures one run."""
    # With the first two, which fix OpenBLAS' kernel and cache size, NumPy can lose a third of its
    # speed, and scikit-learn is to be timed at its best.
    dropped = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", *THREAD_VARIABLES)
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    if threads is not None:
        variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    # The parent may have been started from anywhere; its children must import the same files.
    paths = [str(ROOT), variables.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return variables


def versions(*libraries):
    """Return the versions of Python and of the installed packages that decide a result."""
    found = {"python": platform.python_version()} | dict.fromkeys(PACKAGES)
    for package in (*PACKAGES, *libraries):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    if found["skfashion"] is None:  # a checkout that is used without being installed
        import skfashion

        found["skfashion"] = skfashion.__version__
    return found


def machine():
    """Describe the hardware; no host name, no path, nothing that names a person."""
    import joblib
    import psutil

    cpuinfo = Path("/proc/cpuinfo")
    about = cpuinfo.read_text() if cpuinfo.exists() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", about, re.M)
    cpu = name[1].strip() if name else _said("sysctl", "-n", "machdep.cpu.brand_string")  # macOS
    # Cloud machines hide more than the model's name: these instructions decide speed.
    known = ("neon", "sve", "bf16", "avx2", "avx512f", "avx512_bf16", "amx_bf16")
    flags = set(re.findall(r"\w+", about))
    return {
        "cpu": cpu or platform.processor() or "unknown",
        "instructions": " ".join(name for name in known if name in flags) or "unknown",
        "cores": joblib.cpu_count(),
        "ram_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
    }


def commit(root=None):
    """Return the commit the sources of a checkout are at, None if it is none."""
    places = ("skfashion", "benchmarks", "pyproject.toml", ":!benchmarks/results")
    head = _said("git", "rev-parse", "HEAD", root=root)
    changes = _said("git", "status", "--porcelain", "--", *places, root=root)
    return f"{head}-dirty" if head and changes else head


def age(commit):
    """Count the commits since one; None where git does not know it."""
    since = f"{(commit or '').removesuffix('-dirty')}..HEAD"
    count = _said("git", "rev-list", "--count", since)
    return int(count) if count else None


def _said(*words, root=None):
    """Return the output of a command in a checkout, None if it fails."""
    try:
        answer = subprocess.run(words, cwd=root or ROOT, capture_output=True, text=True)
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def code_hash(*parts):
    """Return a fingerprint of skfashion's code, or of those files and folders of it.

    Comments, docstrings and the layout of lines are no part of it.
    """
    digest = hashlib.sha256()
    places = [ROOT / "skfashion" / part for part in parts or [""]]
    files = {path for place in places for path in (place, *place.rglob("*.py")) if path.is_file()}
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{_code_of(path)}".encode())
    return digest.hexdigest()[:16]


def _code_of(path):
    """Return the code of a file as text, without comments and docstrings."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
    return ast.dump(tree)


def circumstances(command):
    """Return how and when a row was measured: ``commit``, ``command`` (without paths), ``date``."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"commit": commit(), "command": command, "date": now}
