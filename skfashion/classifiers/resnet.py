"""The residual network as a scikit-learn classifier."""

from numbers import Integral
from typing import ClassVar, Literal

import numpy as np

from skfashion.classifiers.base import ImageClassifier
from skfashion.nets import ResNet
from skfashion.nets.residual import BLOCKS
from skfashion.parameters.declaring import (
    COUNT,
    SHARE,
    Optimizer,
    Sizes,
    as_sizes,
    estimator,
    param,
    redefault,
)
from skfashion.utils._sklearn import Interval, StrOptions


@estimator
class ResNetClassifier(ImageClassifier):
    """Residual network for small images, trained by PyTorch.

    A stem, stages of residual blocks, and the average of each channel. Each stage after the first
    halves height and width and doubles the channels. Any image size works, including a table's
    ``1 x n`` strip.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ConvNetClassifier : A plain convolutional network, faster to train.
    TorchvisionClassifier : The residual networks of torchvision, made for larger images.

    Examples
    --------
    >>> from skfashion import ResNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> net = ResNetClassifier(width=8, depth=1, max_epochs=2, random_state=0)
    >>> net.fit(X, y).score(X_test, y_test) > 0.7
    True
    """

    width: int = param(
        COUNT, default=32, doc="Channels of the first stage; each further stage doubles them."
    )
    depth: Sizes = param(
        "array-like",
        COUNT,
        default=(1, 1, 1),
        doc="Number of blocks of each stage; an int is three stages of that many blocks.",
    )
    block: Literal["basic", "preact", "se", "depthwise"] = param(
        StrOptions(set(BLOCKS)),
        default="basic",
        doc="""What the blocks are: "basic" (He et al., CVPR 2016), "preact" (norm and activation
        first, He et al., ECCV 2016), "se" (basic with squeeze-and-excitation, Hu et al., CVPR
        2018) or "depthwise" (inverted residuals as in EfficientNet, Tan and Le, ICML 2019).""",
    )
    stem_stride: int = param(
        Interval(Integral, 1, 2, closed="both"),
        default=2,
        doc="""2: the stem halves height and width, so that the time of deep networks on small
        images is bearable; 1: it keeps the size.""",
    )
    stem_pool: bool = param(
        "boolean",
        default=True,
        doc="""Whether the stem halves height and width by a max-pool after a convolution that sees
        every pixel (He et al., CVPR 2016), or by the stride of the convolution.""",
    )
    stochastic_depth: float = param(
        SHARE,
        default=0.0,
        doc="""Probability that an image skips the last of L blocks in training; for block l it is
        l / L of that (Huang et al., ECCV 2016).""",
    )
    dropout: float = param(
        SHARE, default=0.0, doc="Share of the values before the last layer dropped in training."
    )

    optimizer: Optimizer = redefault(ImageClassifier, "optimizer", default="muon")
    lr: float = redefault(ImageClassifier, "lr", default=1e-2)
    weight_decay: float = redefault(ImageClassifier, "weight_decay", default=5e-2)

    _full_data_epochs = 5
    _before: ClassVar = {"stem_pool": False}

    def _least_size(self):
        return 10 * int(np.sum(self.depth)), 0

    def _build_module(self, image_shape, n_classes):
        depth = (self.depth,) * 3 if isinstance(self.depth, Integral) else self.depth
        if len(depth) == 0:
            raise ValueError(f"Got depth={self.depth!r}, expected a stage at least.")
        return ResNet(
            image_shape,
            n_classes,
            width=self.width,
            depth=as_sizes("depth", depth),
            block=self.block,
            stem_stride=self.stem_stride,
            stem_pool=self.stem_pool,
            stochastic_depth=self.stochastic_depth,
            dropout=self.dropout,
        )
