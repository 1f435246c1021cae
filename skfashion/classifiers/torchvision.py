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
    """A torchvision architecture, by default from scratch.

    ``TorchvisionClassifier(weights="DEFAULT", resize=112)`` starts with pretrained weights, and
    enlarges images, because these weights are of little use for images as small as 28 pixels.

    Images may have any number of channels: the last layer is replaced by one for this task, and so
    is the first convolution if images do not have 3 channels. Architectures of the resnet, regnet,
    mobilenet, efficientnet, densenet and convnext families accept small images (some pad them to 32
    pixels per side by repeating the edges); all other names raise an error.

    With `weights` and ``standardize=True``, images are standardised like torchvision's, if it says
    how: by the mean and the standard deviation of ImageNet's red, green and blue (the average of
    the three, if images do not have 3 channels). Values are assumed to range from 0 to 1, 255 or
    65535: the first of these that the largest training value does not exceed. If the largest value
    is less than half of that number, the range ends at the largest value. If torchvision does not
    say how, and for images with negative values, their own mean and standard deviation are used.

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
        doc="""Name of the architecture, as in ``torchvision.models.list_models()``.""",
    )
    weights: str | PathLike | None = param(
        str,
        PathLike,
        None,
        default=None,
        doc="""Initial weights: a name from torchvision, such as "DEFAULT" (downloaded once into
        ``torch.hub.get_dir()``), or the path of a file with a state dict of the same architecture;
        None starts at random.""",
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
