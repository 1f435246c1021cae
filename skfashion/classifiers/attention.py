"""The compact transformer as a scikit-learn classifier."""

from skfashion.classifiers.base import ImageClassifier
from skfashion.nets import AttentionNet
from skfashion.parameters.declaring import (
    COUNT,
    POSITIVE,
    SHARE,
    Optimizer,
    estimator,
    param,
    redefault,
)


@estimator
class AttentionNetClassifier(ImageClassifier):
    """Compact transformer for small images, trained by PyTorch.

    Convolutions turn an image into a few dozen tokens, and self-attention layers let each token
    look at all others (Hassani et al., "Escaping the big data paradigm with compact transformers",
    arXiv:2104.05704). Any image size works, including a table's ``1 x n`` strip.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ResNetClassifier : A residual network.

    Examples
    --------
    >>> from skfashion import AttentionNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> net = AttentionNetClassifier(width=32, depth=1, max_epochs=3, random_state=0).fit(X, y)
    >>> net.score(X_test, y_test) > 0.7
    True
    """

    width: int = param(
        COUNT, default=64, doc="Number of values per token; a multiple of `n_heads`."
    )
    depth: int = param(COUNT, default=3, doc="Number of transformer layers.")
    n_heads: int = param(COUNT, default=4, doc="Number of attention heads of each layer.")
    mlp_ratio: float = param(
        POSITIVE, default=2.0, doc="Hidden neurons of each layer, per value of a token."
    )
    n_stem_blocks: int = param(
        COUNT,
        default=2,
        doc="""Number of convolutional blocks before the transformer; each halves height and width.
        Images of 28 x 28 pixels become 49 tokens with 2 blocks, 196 with 1.""",
    )
    stochastic_depth: float = param(
        SHARE,
        default=0.0,
        doc="""Probability that an image skips a half (attention or MLP) of the last of L layers in
        training; for layer l, it is l / L of that (Huang et al., ECCV 2016).""",
    )
    dropout: float = param(
        SHARE, default=0.0, doc="Share of the hidden activations dropped in training."
    )

    optimizer: Optimizer = redefault(ImageClassifier, "optimizer", default="muon")

    _full_data_epochs = 5

    def _least_size(self):
        return 10 * self.depth + self.n_stem_blocks, 0

    def _build_module(self, image_shape, n_classes):
        if self.width % self.n_heads:
            raise ValueError(
                f"Got width={self.width} and n_heads={self.n_heads}, expected a width that is a "
                "multiple of n_heads."
            )
        return AttentionNet(
            image_shape,
            n_classes,
            width=self.width,
            depth=self.depth,
            n_heads=self.n_heads,
            mlp_ratio=self.mlp_ratio,
            n_stem_blocks=self.n_stem_blocks,
            stochastic_depth=self.stochastic_depth,
            dropout=self.dropout,
        )
