"""The convolutional network as a scikit-learn classifier."""

import numpy as np

from skfashion.classifiers.base import ImageClassifier
from skfashion.nets import ConvNet
from skfashion.nets.layers import ACTIVATIONS
from skfashion.parameters.declaring import (
    COUNT,
    SHARE,
    Activation,
    Optimizer,
    Sizes,
    as_sizes,
    estimator,
    param,
    redefault,
)
from skfashion.utils._sklearn import StrOptions


@estimator
class ConvNetClassifier(ImageClassifier):
    """Convolutional network for images, trained by PyTorch.

    Blocks of convolutions with batch norm, activation and 2 x 2 max-pool, then fully connected
    hidden layers. Any image size works, including a table's ``1 x n`` strip.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MLPNetClassifier : A multilayer perceptron.

    Examples
    --------
    >>> from skfashion import ConvNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> net = ConvNetClassifier(channels=(8, 16), max_epochs=2, random_state=0).fit(X, y)
    >>> net.score(X_test, y_test) > 0.8
    True
    """

    channels: Sizes = param(
        "array-like",
        COUNT,
        default=(32, 64),
        doc="Number of filters of each convolution of a block; an int is one block.",
    )
    depth: int = param(
        COUNT,
        default=1,
        doc="""Number of convolutions per block. All but the first come after the max-pool, where
        they need a quarter of the computation (as in Jordan, arXiv:2404.00498).""",
    )
    kernel_size: int = param(COUNT, default=3, doc="Height and width of the filters, in pixels.")
    hidden_layer_sizes: Sizes = param(
        "array-like",
        COUNT,
        default=(128,),
        doc="Number of neurons of each fully connected hidden layer; an int is one layer.",
    )
    activation: Activation = param(
        StrOptions(set(ACTIVATIONS)),
        default="relu",
        doc="Activation function of all hidden layers.",
    )
    batch_norm: bool = param(
        "boolean",
        default=True,
        doc="""Whether batch normalisation (Ioffe and Szegedy, ICML 2015) follows each
        convolution and hidden linear layer.""",
    )
    conv_dropout: float = param(
        SHARE, default=0.0, doc="Share of the activations dropped after each block in training."
    )
    dropout: float = param(
        SHARE,
        default=0.0,
        doc="Share of the fully connected hidden activations dropped in training.",
    )

    optimizer: Optimizer = redefault(ImageClassifier, "optimizer", default="muon")
    lr: float = redefault(ImageClassifier, "lr", default=1e-2)
    weight_decay: float = redefault(ImageClassifier, "weight_decay", default=5e-2)

    _full_data_epochs = 3

    def _least_size(self):
        return 2 * (np.size(self.channels) * self.depth + np.size(self.hidden_layer_sizes)), 0

    def _build_module(self, image_shape, n_classes):
        return ConvNet(
            image_shape,
            n_classes,
            channels=as_sizes("channels", self.channels),
            depth=self.depth,
            kernel_size=self.kernel_size,
            hidden_layer_sizes=as_sizes("hidden_layer_sizes", self.hidden_layer_sizes),
            activation=self.activation,
            batch_norm=self.batch_norm,
            conv_dropout=self.conv_dropout,
            dropout=self.dropout,
        )
