"""torchvision's architectures as a scikit-learn classifier."""

from os import PathLike

from skfashion.classifiers.backbone import BackboneClassifier
from skfashion.fitting.hub import fetch_weights
from skfashion.nets import TorchvisionNet
from skfashion.nets.backbone import (
    check_name,
    names_of_weights,
    normalization_of,
    number_of_weights,
    read_weights,
)
from skfashion.parameters.declaring import estimator, param


@estimator
class TorchvisionClassifier(BackboneClassifier):
    """An architecture of torchvision's, from scratch unless it is told to begin otherwise.

    ``TorchvisionClassifier(weights="DEFAULT", resize=112)`` begins with pretrained weights, which
    tell little of images as small as 28 pixels, and so enlarges them.

    For images of any number of channels: the first convolution is replaced where they are not 3,
    and the last layer by one for this task. Architectures of the resnet, regnet, mobilenet,
    efficientnet, densenet and convnext families accept small images (some with their edges
    continued to 32 pixels a side); all others are refused by name.

    With `weights` and ``standardize=True`` images are standardised as torchvision's were, where it
    says how: by the mean and the deviation of ImageNet's red, green and blue (the average of the
    three, where images have another number of channels), values being taken for those from 0 to
    1, 255 or 65535, whichever the training's largest value is nearest below, and from 0 to that
    largest value itself where it is less than half of these. Images with negative values, and all
    others, are standardised by their own mean and deviation.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    TimmClassifier : Hundreds more architectures, and their weights.
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

    def _check_backbone(self):
        check_name(self.backbone)

    def _net(self, image_shape, n_classes, **options):
        return TorchvisionNet(image_shape, n_classes, **options)

    def _number_of_weights(self):
        # Without the 1,000 classes of ImageNet, which are less than two thirds of a small net.
        return number_of_weights(self.backbone) // 3

    def _is_name_of_weights(self, name):
        return name in names_of_weights(self.backbone)

    def _read_weights(self):
        return read_weights(self.backbone, self.weights, fetch_weights)

    def _normalization(self):
        if self.weights is None:
            return None
        self._check_backbone()
        return normalization_of(self.backbone, self.weights)
