"""Files on their way to a service: exported if need be, tried, then copied to where it loads them.

Whatever happens to the original meanwhile, a process that is started anew finds what was tried.
"""

import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE

from skfashion.serving.logs import say
from skfashion.serving.model import load_model, read_file
from skfashion.serving.problems import in_one_line
from skfashion.utils.extras import installed_by
from skfashion.utils.files import write_atomically

# Run by another process, which has PyTorch: this one is to stay small.
EXPORT = """
import sys
from skfashion import load
from skfashion.export import to_onnx
to_onnx(load(sys.argv[1]), sys.argv[2])
"""


class Stage:
    """Copies of models that have passed their check.

    Parameters
    ----------
    sources : mapping of str to path-like
        Files by the names of their models: ONNX, or ``.safetensors`` of ``net.save``.
    folder : path-like
        For the copies.
    threads : int
        For a prediction.
    """

    def __init__(self, sources, folder, threads=1):
        self.sources = {name: Path(path) for name, path in sources.items()}
        # Numbered: no name becomes a path.
        self.paths = {
            name: Path(folder) / f"{number}.onnx" for number, name in enumerate(self.sources)
        }
        self._threads = threads
        self._exporting, self.is_closed = None, False
        # From before the first one is read, so that no change is missed.
        self._before = self._signature()

    def fill(self, name):
        """Try a source, and put a copy of it in place of the former one.

        Raises
        ------
        ValueError
            If it fails its check, or cannot be exported; the former copy stays.
        OSError
            If it cannot be read, or the copy not be written.
        """
        content = self._content(name)
        load_model(name, content, self._threads, self.sources[name])
        write_atomically(self.paths[name], lambda stream: stream.write(content))

    def refill(self):
        """Fill anew what can be; return what was wrong, by name, None where nothing was."""
        say("reloading", models=list(self.sources))
        found = {}
        for name in self.sources:
            try:
                self.fill(name)
            # Whatever is wrong with a file: the old one goes on.
            except Exception as error:
                found[name] = error
            else:
                found[name] = None
        return found

    def close(self):
        """Give up what is being exported, and what would be."""
        self.is_closed = True
        if (exporting := self._exporting) is not None:
            exporting.kill()

    def has_changed(self):
        """Tell whether a source has changed since this was asked last, or since the beginning."""
        before, self._before = self._before, self._signature()
        return before != self._before

    def _signature(self):
        """Return what changes when a source does."""
        found = []
        for path in self.sources.values():
            try:
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                found.append(None)
        return found

    def _content(self, name):
        source = self.sources[name]
        if source.suffix != ".safetensors":
            return read_file(source)
        exported = self.paths[name].with_suffix(".exported")
        words = [sys.executable, "-c", EXPORT, str(source.resolve()), str(exported)]
        with subprocess.Popen(words, stdout=DEVNULL, stderr=PIPE, text=True) as process:
            self._exporting = process
            try:
                # It may have been closed before there was something to end.
                if self.is_closed:
                    process.kill()
                errors = process.communicate()[1]
            finally:
                process.kill()  # after Ctrl-C; one that has ended is left alone
        if process.returncode:
            said = (errors.strip().splitlines() or ["no reason was given"])[-1]
            raise ValueError(
                f"Got {source}, which could not be exported: {in_one_line(said)}. A file of "
                "net.save is exported by another process, which needs PyTorch and what "
                f"{installed_by('export')} brings; or export it elsewhere by "
                "skfashion.export.to_onnx."
            )
        return read_file(exported)
