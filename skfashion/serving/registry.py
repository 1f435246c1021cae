"""The models of a service by name: each may be replaced while requests are answered."""

import re
import threading
from hashlib import sha256
from pathlib import Path

from skfashion.serving.gathering import Gathering, rows_together
from skfashion.serving.looking import Nearest
from skfashion.serving.model import load_model, read_file
from skfashion.serving.watching import with_prior

# What may be a name: it is part of addresses, and of metrics.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Served:
    """A model, and what goes with it for as long as it is not replaced.

    Parameters
    ----------
    model : Model
    watcher : Watcher or None
        What looks for drift.
    follow_prior : bool, default=False
        Whether probabilities stand for the frequencies of classes that the watcher has found.
    """

    def __init__(self, model, watcher=None, follow_prior=False):
        self.model, self.watcher, self._follow_prior = model, watcher, follow_prior
        self.gathering = Gathering(rows_together(model))
        has_examples = model.examples is not None and len(model.examples) > 0
        self.nearest = Nearest(model) if has_examples else None

    def predict(self, inputs, is_cancelled=lambda: False):
        """Return the :class:`Answer` of inputs that a client is told."""
        answer = self.model.predict(inputs, is_cancelled)
        if self.watcher is None:
            return answer
        self.watcher.see(answer, inputs)
        prior = self.watcher.class_prior if self._follow_prior else None
        if prior is None or self.model.prior is None:
            return answer
        return with_prior(answer, self.model.classes, self.model.prior, prior)

    def close(self):
        """End what looks for drift: another model has taken this one's place."""
        if self.watcher is not None:
            self.watcher.close()

    @property
    def card(self):
        """What a client is told of it; see ``schemas.ModelCard``."""
        model = self.model
        return {
            "name": model.name,
            "classes": model.classes,
            "image_shape": None if model.planes is None else list(model.planes),
            "prior": None if model.prior is None else model.prior.tolist(),
            "has_examples": self.nearest is not None,
        }


class Registry:
    """Models by name.

    Parameters
    ----------
    paths : mapping of str to path-like
        A file of ``skfashion.export`` for each name.
    threads : int
        For a prediction of each model.
    watch : callable or None
        ``watch(model)`` gives the watcher of a new model, or None.
    follow_prior : bool, default=False
        See :class:`Served`.

    Raises
    ------
    ValueError
        If a name is none, a file fails its check, or there is no model at all.
    OSError
        If a file cannot be read.
    """

    def __init__(self, paths, threads=1, watch=None, follow_prior=False):
        if not paths:
            raise ValueError("Got no model, expected one at least.")
        for name in paths:
            check_name(name)
        self.paths = {name: Path(path) for name, path in paths.items()}
        self._threads, self._watch = threads, watch or (lambda model: None)
        self._follow_prior = follow_prior
        self._lock = threading.Lock()
        self._digests = {}
        # Replaced as a whole, so that a request sees one state of it.
        self._served = {name: self._load(name) for name in self.paths}

    def __iter__(self):
        return iter(self._served.values())

    def __len__(self):
        return len(self._served)

    def get(self, name=None):
        """Return the :class:`Served` of a name; for None the only one. None if there is none."""
        if name is None:
            return next(iter(self._served.values())) if len(self._served) == 1 else None
        return self._served.get(name)

    def reload(self):
        """Load all files again; one that fails its check leaves the old model.

        One whose content is the same leaves it as well, and with it what its watcher has seen.

        Returns
        -------
        dict of str to (Exception or None)
            What was wrong, by name.
        """
        found = {}
        with self._lock:
            for name in self.paths:
                try:
                    served = self._load(name)
                # Whatever is wrong with a file: the old one goes on.
                except Exception as error:
                    found[name] = error
                else:
                    before = self._served[name]
                    self._served = self._served | {name: served}
                    if served is not before:
                        before.close()
                    found[name] = None
        return found

    def _load(self, name):
        """Return what a file serves: what it has served, if it is the same."""
        path = self.paths[name]
        content = read_file(path)
        digest = sha256(content).digest()
        if self._digests.get(name) == digest:
            return self._served[name]
        model = load_model(name, content, self._threads, path)
        served = Served(model, self._watch(model), self._follow_prior)
        self._digests[name] = digest
        return served


def check_name(name):
    """Refuse a name that would not be one part of an address.

    Raises
    ------
    ValueError
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"Got {name!r} as the name of a model, expected at most 64 letters, digits, '.', '_' "
            "and '-', the first a letter or a digit. Give another one by NAME=FILE."
        )
