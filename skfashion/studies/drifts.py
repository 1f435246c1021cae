"""Ways in which what comes in may differ from the validation data, known because they are made."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skfashion.datasets import make_corrupted, make_groups, make_imbalanced
from skfashion.utils.names import advises


class Drifted(NamedTuple):
    """What a stream is drawn from.

    Attributes
    ----------
    X : ndarray
        Rows.
    y : ndarray
        Their labels.
    frequencies : dict of label to float, or None
        How often rows of each label are drawn; None takes the rows as they are.
    """

    X: Any
    y: np.ndarray
    frequencies: dict | None = None


@advises
@dataclass(frozen=True)
class Clean:
    """No drift: every alarm is a false one.

    Examples
    --------
    >>> from skfashion.studies import Clean
    >>> Clean()
    Clean()
    """

    def left_out(self, y, seed):
        """Return the label that the classifier is not trained on, None for none."""
        return None

    def draw(self, X, y, seed) -> Drifted:
        """Return what a stream is drawn from."""
        return Drifted(X, y)


@advises
@dataclass(frozen=True)
class Corruption(Clean):
    """Images corrupted by ``skfashion.datasets.make_corrupted``.

    Parameters
    ----------
    kind : str, default="noise"
        As there.
    severity : int from 1 to 5, default=3
        As there.

    Examples
    --------
    >>> from skfashion.studies import Corruption
    >>> Corruption("blur", 2)
    Corruption(kind='blur', severity=2)
    """

    kind: str = "noise"
    severity: int = 3

    def draw(self, X, y, seed) -> Drifted:
        """Return what a stream is drawn from."""
        changed = make_corrupted(X, self.kind, self.severity, random_state=seed)
        return Drifted(changed, y)


@advises
@dataclass(frozen=True)
class ClassSkew(Clean):
    """Classes as unequally frequent as ``skfashion.datasets.make_imbalanced`` makes them.

    The seed of the run decides which class is how frequent.

    Parameters
    ----------
    profile : str, default="step"
        As there; with "step", half of the classes are rarer than the others.
    ratio : float from 1, default=2
        Size of the most frequent class divided by that of the rarest.

    Examples
    --------
    >>> from skfashion.studies import ClassSkew
    >>> ClassSkew("exponential", 100)
    ClassSkew(profile='exponential', ratio=100)
    """

    profile: str = "step"
    ratio: float = 2

    def draw(self, X, y, seed) -> Drifted:
        """Return what a stream is drawn from."""
        labels = np.unique(y)
        # So many rows of each class that rounding to whole ones is no matter.
        many = np.repeat(labels, 100_000)
        _, kept = make_imbalanced(
            many, many, self.profile, ratio=self.ratio, permutation=int(seed), random_state=0
        )
        kept, counts = np.unique(kept, return_counts=True)
        return Drifted(X, y, _frequencies(kept, counts))


@advises
@dataclass(frozen=True)
class GroupShare(Clean):
    """A group of images that looks different, by ``skfashion.datasets.make_groups``.

    Parameters
    ----------
    attribute : str, default="lighting"
        As there.
    share : float between 0 and 1, default=0.3
        Share of the images that belong to the group; no training or validation image does.

    Examples
    --------
    >>> from skfashion.studies import GroupShare
    >>> GroupShare("rotation", 0.1)
    GroupShare(attribute='rotation', share=0.1)
    """

    attribute: str = "lighting"
    share: float = 0.3

    def draw(self, X, y, seed) -> Drifted:
        """Return what a stream is drawn from."""
        changed, _ = make_groups(
            X, y, attribute=self.attribute, share=self.share, random_state=int(seed)
        )
        return Drifted(changed, y)


@advises
@dataclass(frozen=True)
class NewClass(Clean):
    """A class that the classifier has never seen.

    The seed of the run decides which one: the classes take turns.

    Parameters
    ----------
    share : float between 0 and 1, default=0.1
        Share of its images among all.

    Examples
    --------
    >>> from skfashion.studies import NewClass
    >>> NewClass(0.2)
    NewClass(share=0.2)
    """

    share: float = 0.1

    def left_out(self, y, seed):
        """Return the label that the classifier is not trained on."""
        labels = np.unique(y)
        return labels[seed % len(labels)]

    def draw(self, X, y, seed) -> Drifted:
        """Return what a stream is drawn from."""
        labels, counts = np.unique(y, return_counts=True)
        is_new = labels == self.left_out(y, seed)
        others = (1 - self.share) * counts / counts[~is_new].sum()
        return Drifted(X, y, _frequencies(labels, np.where(is_new, self.share, others)))


def _frequencies(labels, amounts):
    return dict(zip(labels.tolist(), (amounts / amounts.sum()).tolist(), strict=True))


#: The drifts that ``drift_study`` takes by default, by name.
DRIFTS = {
    "clean": Clean(),
    "noise": Corruption("noise"),
    "brightness": Corruption("brightness"),
    "contrast": Corruption("contrast"),
    "blur": Corruption("blur"),
    "rotation": Corruption("rotation"),
    "shift": Corruption("shift"),
    "occlusion": Corruption("occlusion"),
    "classes 2:1": ClassSkew("step", 2),
    "classes 10:1": ClassSkew("step", 10),
    "classes 100:1": ClassSkew("exponential", 100),
    "dark group": GroupShare("lighting", 0.3),
    "rotated group": GroupShare("rotation", 0.3),
    "new class": NewClass(0.1),
}
