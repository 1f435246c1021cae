"""Augmentation as a parameter: named recipes, and an object whose parts can be searched."""

from dataclasses import fields
from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

from skfashion.parameters.declaring import NOT_NEGATIVE, SHARE, constraints_of, estimator, param
from skfashion.training import Augmenter

# Images smaller than this, in pixels, are taken for tables of so many columns that a square of them
# could be an image.
MIN_SIDE = 5

# What needs an image with height and width.
GEOMETRY = ("flip", "shift", "rotation", "shear", "scale", "erase", "cutmix")


@estimator
class Augmentation(BaseEstimator):
    """How training images are changed, each in its own way, anew in every epoch.

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

    _attributes_doc = ""

    flip: object = param(
        False,
        "boolean",
        StrOptions({"alternate"}),
        doc="""Whether half of the images, drawn anew in each epoch, are mirrored left to right;
        "alternate" draws one half and takes the other in every second epoch.""",
    )
    shift: int = param(
        0,
        Interval(Integral, 0, None, closed="left"),
        doc="Largest number of pixels by which an image moves, in either direction.",
    )
    rotation: float = param(
        0.0, Interval(Real, 0, 180, closed="both"), doc="Largest angle to either side, in degrees."
    )
    shear: float = param(
        0.0,
        Interval(Real, 0, 60, closed="both"),
        doc="Largest angle to either side by which vertical lines slant, in degrees.",
    )
    scale: float = param(0.0, SHARE, doc="Largest change of the size, as a share of it.")
    brightness: float = param(
        0.0, SHARE, doc="Largest change, as a share of the image's range of values."
    )
    contrast: float = param(
        0.0, SHARE, doc="Largest change, as a share of each value's distance from the mean."
    )
    gamma: float = param(
        1.0,
        Interval(Real, 1, None, closed="left"),
        doc="Largest exponent of values between 0 and 1; the smallest is its inverse.",
    )
    erase: float = param(
        0.0,
        Interval(Real, 0, 1, closed="both"),
        doc="Probability that a rectangle of an image is erased.",
    )
    erase_area: float = param(
        0.3,
        Interval(Real, 0, 1, closed="right"),
        doc="Largest area that is erased, as a share of the image.",
    )
    mixup: float = param(
        0.0,
        NOT_NEGATIVE,
        doc="""Both parameters of the beta distribution from which the share of another image is
        drawn; 0 mixes nothing.""",
    )
    cutmix: float = param(
        0.0,
        NOT_NEGATIVE,
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


def make_augmenter(augment, image_shape, dtype):
    """Return what changes the batches of a training, None for nothing.

    Parameters
    ----------
    augment : None, str, Augmentation or callable
        The parameter of a classifier.
    image_shape : tuple (c, h, w)
        Shape of an image.
    dtype : torch.dtype
        Type of the network's weights.

    Raises
    ------
    ValueError
        If an image has no height or width and geometry is asked for, or a parameter is not as
        described.
    """
    if augment is None:
        return None
    if isinstance(augment, type):
        raise ValueError(
            f"Got augment={augment.__name__}, a class, expected an instance: {augment.__name__}()."
        )
    if callable(augment):
        return CallableAugmenter(augment)
    recipe = RECIPES[augment] if isinstance(augment, str) else augment
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    validate_parameter_constraints(constraints_of(Augmentation), values, "Augmentation")
    asked = [name for name in GEOMETRY if values[name]]
    if asked and min(image_shape[1:]) < MIN_SIDE:
        raise ValueError(
            f"Got augment={augment!r} for images of (c, h, w)={tuple(image_shape)}, expected no "
            f"{', '.join(asked)} for a table's rows, whose columns are not neighbours. Use "
            "augment=None, or set image_shape if these rows are images."
        )
    return Augmenter(**values, dtype=dtype)


class CallableAugmenter:
    """A function of the user's: ``function(images, generator) -> images``.

    Parameters
    ----------
    function : callable
        Gets a tensor (n, c, h, w) in the dtype of the data, which it must not change, and a
        ``torch.Generator`` on the CPU; returns a tensor of the same shape.
    """

    mixes = False

    def __init__(self, function):
        self.function = function

    def __call__(self, images, rows, epoch, generator):
        """Return what the function makes of the images."""
        changed = self.function(images, generator)
        shape = tuple(getattr(changed, "shape", ()))
        if type(changed) is not type(images) or shape != images.shape:
            raise ValueError(
                f"Got {type(changed).__name__} of shape {shape} from augment, expected a tensor of "
                f"shape {tuple(images.shape)}, like its argument."
            )
        return changed
