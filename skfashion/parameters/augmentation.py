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

    Pass it to a classifier as `augment`; its parameters, such as ``augment__shift``, can then be
    searched. Pixels from outside an image repeat its edge. Changes of light stay between the
    darkest and the brightest value of each image. Erased pixels become the mean of the batch.

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
        doc="""Whether to mirror half of the images left to right, drawn anew in each epoch.
        "alternate" draws one half once, and mirrors the other half in every second epoch.""",
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
        doc="Largest angle by which vertical lines slant to either side, in degrees.",
    )
    scale: float = param(SHARE, default=0.0, doc="Largest relative change of the size.")
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
        doc="""Both parameters of the beta distribution that the share of another image is drawn
        from; 0 mixes nothing.""",
    )
    cutmix: float = param(
        NOT_NEGATIVE,
        default=0.0,
        doc="The same for a rectangle of another image; with both set, each is used half the time.",
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
