"""The residual network as a scikit-learn classifier."""

from numbers import Integral

from sklearn.utils._param_validation import Interval, StrOptions

from skfashion.classifiers.base import ImageClassifier
from skfashion.nets import ResNet
from skfashion.nets.residual import BLOCKS
from skfashion.parameters.declaring import COUNT, SHARE, as_sizes, estimator, param, redefault


@estimator
class ResNetClassifier(ImageClassifier):
    """Residual network for small images, trained by PyTorch.

    A stem, stages of residual blocks, each stage after the first at half the height and width and
    with twice the channels, and the average of what is left of each channel. Any image size
    works, a table's ``1 x n`` strip included.

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

    width: int = param(32, COUNT, doc="Channels of the first stage; each stage doubles them.")
    depth: object = param(
        (1, 1, 1),
        "array-like",
        COUNT,
        doc="Number of blocks of each stage; an int is three stages of so many.",
    )
    block: str = param(
        "basic",
        StrOptions(set(BLOCKS)),
        doc="""What the blocks are: "basic" (He et al., CVPR 2016), "preact" (norm and activation
        first, He et al., ECCV 2016), "se" (basic with squeeze-and-excitation, Hu et al., CVPR
        2018) or "depthwise" (inverted residuals as in EfficientNet, Tan and Le, ICML 2019).""",
    )
    stem_stride: int = param(
        2,
        Interval(Integral, 1, 2, closed="both"),
        doc="""2: the first convolution halves height and width, as deep networks on small
        images need for a bearable time; 1: it keeps the size.""",
    )
    stochastic_depth: float = param(
        0.0,
        SHARE,
        doc="""Probability that an image skips the last of L blocks in training; for block l it is
        l / L of that (Huang et al., ECCV 2016).""",
    )
    dropout: float = param(
        0.0, SHARE, doc="Share of the values before the last layer dropped in training."
    )

    optimizer: object = redefault(ImageClassifier, "optimizer", "muon")
    lr: float = redefault(ImageClassifier, "lr", 1e-2)

    _full_data_epochs = 5

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
            stochastic_depth=self.stochastic_depth,
            dropout=self.dropout,
        )
