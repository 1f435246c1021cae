"""Augmentation as a parameter: named recipes, and an object whose parts can be searched."""

from numbers import Integral, Real
from typing import Literal

from skfashion.parameters.declaring import NOT_NEGATIVE, SHARE, Declared, estimator, param
from skfashion.utils._sklearn import Interval, StrOptions

# Images smaller than this, in pixels, are taken for tables of so many columns that a square of them
# could be an image.
MIN_SIDE = 5


@estimator
class Augmentation(Declared):
    """Random changes of the training images, drawn anew for each image in each epoch.

    Give it to a classifier as `augment`; its parameters can then be searched, such as
    ``augment__shift``. What comes from outside an image continues its edge; light changes between
    the darkest and the brightest value of each image; what is erased becomes the batch's mean.

    Parameters
    ----------
    {parameters}

    References
    ----------
    Random erasing: Zhong et al., AAAI 2020; mixup: Zhang et al., ICLR 2018; CutMix: Yun et al.,
    ICCV 2019; alternating flips: Jordan, arXiv:2404.00498.

    Examples
    --------
    >>> from skfashion import Augmentation, ConvNetClassifier
    >>> net = ConvNetClassifier(augment=Augmentation(flip=True, rotation=10))
    >>> net.get_params()["augment__rotation"]
    10
    """

    flip: bool | Literal["alternate"] = param(
        "boolean",
        StrOptions({"alternate"}),
        default=False,
        doc="""Whether half of the images, drawn anew in each epoch, are mirrored left to right;
        "alternate" draws one half and takes the other in every second epoch.""",
    )
    shift: int = param(
        Interval(Integral, 0, None, closed="left"),
        default=0,
        doc="Largest number of pixels by which an image moves, in either direction.",
    )
    rotation: float = param(
        Interval(Real, 0, 180, closed="both"),
        default=0.0,
        doc="Largest angle to either side, in degrees.",
    )
    shear: float = param(
        Interval(Real, 0, 60, closed="both"),
        default=0.0,
        doc="Largest angle to either side by which vertical lines slant, in degrees.",
    )
    scale: float = param(SHARE, default=0.0, doc="Largest change of the size, as a share of it.")
    brightness: float = param(
        SHARE, default=0.0, doc="Largest change, as a share of the image's range of values."
    )
    contrast: float = param(
        SHARE, default=0.0, doc="Largest change, as a share of each value's distance from the mean."
    )
    gamma: float = param(
        Interval(Real, 1, None, closed="left"),
        default=1.0,
        doc="Largest exponent of values between 0 and 1; the smallest is its inverse.",
    )
    erase: float = param(
        Interval(Real, 0, 1, closed="both"),
        default=0.0,
        doc="Probability that a rectangle of an image is erased.",
    )
    erase_area: float = param(
        Interval(Real, 0, 1, closed="right"),
        default=0.3,
        doc="Largest area that is erased, as a share of the image.",
    )
    mixup: float = param(
        NOT_NEGATIVE,
        default=0.0,
        doc="""Both parameters of the beta distribution from which the share of another image is
        drawn; 0 mixes nothing.""",
    )
    cutmix: float = param(
        NOT_NEGATIVE,
        default=0.0,
        doc="The same for a rectangle of another image; with both, each is used half of the time.",
    )


RECIPES = {
    "flip": Augmentation(flip=True),
    "flip+shift": Augmentation(flip=True, shift=2),
    "standard": Augmentation(flip=True, shift=2, rotation=8.0, scale=0.1, erase=0.25),
    "strong": Augmentation(
        flip=True,
        shift=3,
        rotation=20.0,
        shear=10.0,
        scale=0.2,
        brightness=0.4,
        contrast=0.4,
        gamma=1.7,
        erase=0.5,
    ),
}
