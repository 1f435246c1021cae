"""What classifiers with another library's architecture have in common."""

import abc
import os
from numbers import Integral, Real
from os import PathLike
from typing import Literal

from skfashion.classifiers.base import ImageClassifier
from skfashion.fitting.initial_weights import read_file
from skfashion.nets.adopting import BackboneNet
from skfashion.parameters.declaring import COUNT, estimator, param
from skfashion.utils._sklearn import Interval, StrOptions


@estimator
class BackboneClassifier(ImageClassifier):
    """An architecture of another library, from scratch or from pretrained weights.

    An abstract class: a final one says which architectures and weights there are.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    """

    backbone: str = param(str, default="", doc="Name of the architecture.")
    weights: str | PathLike | None = param(
        str, PathLike, None, default=None, doc="Weights to begin with."
    )
    resize: int | None = param(
        Interval(Integral, 1, 1024, closed="both"),
        None,
        default=None,
        doc="""Height and width in pixels to which the network enlarges images (bilinear, without
        antialiasing); saved and exported nets do so, too. Pretrained weights were learned on
        objects of about 100 pixels or more, and are of little use for 28; time grows with the
        square of `resize`. None leaves images as they are.""",
    )
    freeze: Literal["none", "backbone"] | int = param(
        StrOptions({"none", "backbone"}),
        COUNT,
        default="none",
        doc="""What keeps its weights and its batch norm statistics in training: nothing, all but
        the last layer, or that many of the architecture's parts, counted from the input. Parts are
        its modules with weights, such as conv1, bn1, layer1 to layer4 of "resnet18"; for
        ``features``, ``trunk_output``, ``classifier``, ``blocks``, ``stages`` and ``layers``, the
        modules inside. If the number is too large, the error names the parts.""",
    )
    layer_lr_decay: float = param(
        Interval(Real, 0, 1, closed="right"),
        default=1.0,
        doc="""Ratio of the learning rate of each part of the architecture to that of the next part;
        the last layer has `lr` (Howard and Ruder, ACL 2018).""",
    )

    _full_data_epochs = 8

    @abc.abstractmethod
    def _check_backbone(self):
        """Raise an error where there is no such architecture, or no library."""

    @abc.abstractmethod
    def _net(self, image_shape, n_classes, **options) -> BackboneNet:
        """Return the network."""

    @abc.abstractmethod
    def _number_of_weights(self):
        """Return about how many weights it has at least; the last layer does not count."""

    @abc.abstractmethod
    def _is_name_of_weights(self, name):
        """Tell whether the library has weights of this name."""

    @abc.abstractmethod
    def _read_weights(self):
        """Return the weights of a name, as the library names them."""

    def _named(self, state):
        """Return the weights of a file as the library names them."""
        return state

    def _build_module(self, image_shape, n_classes):
        if isinstance(self.freeze, bool):  # which would count as one part, or none
            raise ValueError(
                f"Got freeze={self.freeze}, expected 'none', 'backbone' or a number of parts. To "
                "train only the last layer, set freeze='backbone'."
            )
        self._check_backbone()  # before any weights are looked for
        pretrained = None
        if self.weights is not None and self.init_from is None:  # which comes first
            file = self._file_of_weights()
            pretrained = (
                self._read_weights() if file is None else self._named(read_file(file, "weights"))
            )
        return self._net(
            image_shape,
            n_classes,
            backbone=self.backbone,
            freeze={"none": 0, "backbone": None}.get(self.freeze, self.freeze),
            layer_lr_decay=self.layer_lr_decay,
            resize=self.resize,
            pretrained=pretrained,
        )

    def _least_size(self):
        self._check_backbone()
        return 0, 4 * self._number_of_weights()

    def _file_of_weights(self):
        if isinstance(self.weights, str):
            self._check_backbone()
            # A file that happens to be called "DEFAULT" does not count.
            if self._is_name_of_weights(self.weights) or not os.path.exists(self.weights):
                return None
        return self.weights

    def _warning_of_random_weights(self):
        if self.freeze == "none":
            return None
        what = "the last layer" if self.freeze == "backbone" else "what is not frozen"
        return (
            f"Got freeze={self.freeze!r} without weights or init_from: only {what} will learn, "
            "from random features. Give weights, or set freeze='none'."
        )
