"""ONNX Runtime Web: an npm package of one version, known by the hashes of two of its files."""

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from skfashion.utils.files import sweep, write_atomically

NAME, VERSION = "onnxruntime-web", "1.30.0"
SCRIPT, BINARY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
# Length in bytes, more than which is not read, and SHA-256.
FILES = {
    SCRIPT: (73_054, "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"),
    BINARY: (14_239_897, "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"),
}
SECONDS = 300  # for a download


@dataclass(frozen=True)
class Runtime:
    """The two files.

    Attributes
    ----------
    script : bytes
        A module of JavaScript.
    binary : bytes
        WebAssembly, compressed by gzip.
    """

    script: bytes
    binary: bytes


def find_runtime(path=None):
    """Return the :class:`Runtime`, from the data folder if it is there.

    Parameters
    ----------
    path : path-like or None, default=None
        The npm package, a .tgz file or a folder with what is in it. None takes what is in the data
        folder, or calls ``npm pack``. Either way the files are kept in the data folder: that which
        the environment variable ``SKFASHION_DATA`` names, else scikit-learn's
        (``SCIKIT_LEARN_DATA``, or ``~/scikit_learn_data``).

    Raises
    ------
    ValueError
        If a file is not the one that is expected.
    OSError
        If it is not there and npm cannot bring it, or a file cannot be read or written.
    """
    folder = data_folder()
    if path is not None:
        files = _read_package(Path(path))
    elif all((folder / f"{name}.gz").is_file() for name in FILES):
        return Runtime(_script(folder), _binary(folder))
    else:
        files = _download()
    _keep(files, folder)
    return Runtime(_script(folder), _binary(folder))


def data_folder():
    """Return the folder in which the files are kept; it may not exist yet."""
    own = os.environ.get("SKFASHION_DATA")
    shared = os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")
    return Path(own or shared).expanduser() / f"{NAME}-{VERSION}"


def _script(folder):
    return gzip.decompress(_kept(folder, SCRIPT))


def _binary(folder):
    return _kept(folder, BINARY)


def _kept(folder, name):
    """Return a file of the data folder, compressed, whose content has been verified."""
    path = folder / f"{name}.gz"
    packed = path.read_bytes()
    try:
        with gzip.open(path) as stream:
            content = stream.read(FILES[name][0] + 1)
        _verify(name, content, path)
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(f"{error} Delete {path}, and it will be fetched again.") from None
    return packed


def _keep(files, folder):
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    for name, content in files.items():
        packed = gzip.compress(content, 9, mtime=0)
        write_atomically(folder / f"{name}.gz", lambda stream, packed=packed: stream.write(packed))


def _read_package(path):
    """Return the verified files of the package in a .tgz file or a folder, by name."""
    if path.is_dir():
        places = [path, path / "dist", path / "package" / "dist"]
        read = {name: _in_folders(places, name) for name in FILES}
    elif path.is_file():
        read = _in_archive(path)
    else:
        raise FileNotFoundError(f"Got --runtime {path}, which does not exist.")
    for name, content in read.items():
        if content is None:
            raise ValueError(f"Got {path} without {name}, expected the npm package {_package()}.")
        _verify(name, content, path)
    return read


def _in_folders(places, name):
    path = next((place / name for place in places if (place / name).is_file()), None)
    if path is None:
        return None
    with open(path, "rb") as stream:
        return stream.read(FILES[name][0] + 1)


def _in_archive(path):
    """Return what is in a .tgz file by its names; nothing is unpacked to the disk."""
    found = dict.fromkeys(FILES)
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if folder == "package/dist" and name in FILES and member.isfile():
                    found[name] = archive.extractfile(member).read(FILES[name][0] + 1)
    except (EOFError, tarfile.TarError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"Got {path}, which is no .tgz file of npm pack ({error}).") from None
    return found


def _verify(name, content, where):
    expected = FILES[name][1]
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(
            f"Got {where} with another {name} than that of {_package()} (SHA-256 {expected}); "
            "expected exactly this version, since the page is tested with it."
        )


def _package():
    return f"{NAME}@{VERSION}"


def _download():
    """Return the files out of the package that npm brings from its registry."""
    npm = shutil.which("npm")
    if npm is None:
        raise OSError(
            "Got neither --runtime PATH nor an npm client, expected one of them. Fetch the package "
            f"where there is npm, by: npm pack {_package()}; and give the .tgz file as --runtime."
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", _package(), "--ignore-scripts", "--silent"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"npm pack {_package()} took more than {SECONDS} seconds.") from None
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or len(archives) != 1:
            raise OSError(
                f"npm pack {_package()} failed: {done.stderr.strip()[-500:] or 'no file came'}. "
                "Check the network, or give the package as --runtime PATH."
            )
        return _read_package(archives[0])
