"""torchvision's architectures as a scikit-learn classifier."""

import os
from numbers import Real
from os import PathLike
from typing import Literal

from skfashion.classifiers.base import ImageClassifier
from skfashion.fitting.initial_weights import read_file
from skfashion.nets import TorchvisionNet
from skfashion.nets.backbone import (
    check_name,
    names_of_weights,
    number_of_weights,
    read_weights,
)
from skfashion.parameters.declaring import COUNT, estimator, param
from skfashion.utils._sklearn import Interval, StrOptions


@estimator
class TorchvisionClassifier(ImageClassifier):
    """An architecture of torchvision's, from scratch or from pretrained weights.

    For images of any number of channels: the first convolution is replaced where they are not 3,
    and the last layer by one for this task. Architectures of the resnet, regnet, mobilenet,
    efficientnet, densenet and convnext families accept small images (some with their edges
    continued to 32 pixels a side); all others are refused by name.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ResNetClassifier : Residual networks made for small images.

    Examples
    --------
    >>> from skfashion import TorchvisionClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = TorchvisionClassifier(backbone="mobilenet_v3_small", max_epochs=1, random_state=0)
    >>> net.fit(X[:500], y[:500]).predict(X[:500]).shape
    (500,)
    """

    backbone: str = param(
        str,
        default="resnet18",
        doc="""Name of the architecture, as ``torchvision.models.list_models()`` has it.""",
    )
    weights: str | PathLike | None = param(
        str,
        PathLike,
        None,
        default=None,
        doc="""Weights to begin with: a name of torchvision's, such as "DEFAULT" (downloaded once
        into ``torch.hub.get_dir()``), or the path of a file with a state dict of the same
        architecture; None begins at random.""",
    )
    freeze: Literal["none", "backbone"] | int = param(
        StrOptions({"none", "backbone"}),
        COUNT,
        default="none",
        doc="""What keeps its weights and its batch norm's statistics in training: nothing, all
        but the last layer, or so many of the architecture's parts, counted from the image. Parts
        are its modules with weights, such as conv1, bn1, layer1 to layer4 of "resnet18"; of
        ``features``, ``trunk_output`` and ``classifier`` those inside. Too large a number is an
        error that names them.""",
    )
    layer_lr_decay: float = param(
        Interval(Real, 0, 1, closed="right"),
        default=1.0,
        doc="""Factor of the learning rate of each of the architecture's parts to that of the part
        after it; the last layer's is `lr` (Howard and Ruder, ACL 2018).""",
    )

    _full_data_epochs = 8

    def _build_module(self, image_shape, n_classes):
        if isinstance(self.freeze, bool):  # which would count as one part, or none
            raise ValueError(
                f"Got freeze={self.freeze}, expected 'none', 'backbone' or a number of parts. To "
                "train only the last layer, set freeze='backbone'."
            )
        check_name(self.backbone)  # before any weights are looked for
        file, pretrained = self._file_of_weights(), None
        if file is not None:
            pretrained = read_file(file, "weights")
        elif self.weights is not None:
            pretrained = read_weights(self.backbone, self.weights)
        return TorchvisionNet(
            image_shape,
            n_classes,
            backbone=self.backbone,
            freeze={"none": 0, "backbone": None}.get(self.freeze, self.freeze),
            layer_lr_decay=self.layer_lr_decay,
            pretrained=pretrained,
        )

    def _least_size(self):
        check_name(self.backbone)
        # In float32, with the 1,000 classes of ImageNet, which are less than half of a small net.
        return 0, 4 * number_of_weights(self.backbone) // 3

    def _file_of_weights(self):
        if isinstance(self.weights, str):
            check_name(self.backbone)
            # A file that happens to be called "DEFAULT" does not count.
            if self.weights in names_of_weights(self.backbone) or not os.path.exists(self.weights):
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
