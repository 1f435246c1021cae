"""The multilayer perceptron as a scikit-learn classifier."""

import numpy as np

from skfashion.classifiers.base import ImageClassifier
from skfashion.nets import MLP
from skfashion.nets.layers import ACTIVATIONS
from skfashion.parameters.declaring import (
    COUNT,
    SHARE,
    Activation,
    Sizes,
    as_sizes,
    estimator,
    param,
    redefault,
)
from skfashion.utils._sklearn import StrOptions


@estimator
class MLPNetClassifier(ImageClassifier):
    """Multilayer perceptron for images and tables, trained by PyTorch.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ConvNetClassifier : A convolutional network.
    sklearn.neural_network.MLPClassifier : scikit-learn's own multilayer perceptron.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X, y)
    >>> net.score(X_test, y_test) > 0.8
    True
    """

    lr: float = redefault(ImageClassifier, "lr", default=2e-3)
    hidden_layer_sizes: Sizes = param(
        "array-like",
        COUNT,
        default=(512, 256),
        doc="""Number of neurons of each hidden layer; an int is one layer, an empty tuple is
        logistic regression.""",
    )
    activation: Activation = param(
        StrOptions(set(ACTIVATIONS)),
        default="relu",
        doc="Activation function of the hidden layers.",
    )
    batch_norm: bool = param(
        "boolean",
        default=False,
        doc="""Whether batch normalisation (Ioffe and Szegedy, ICML 2015) follows each hidden
        linear layer.""",
    )
    dropout: float = param(
        SHARE, default=0.0, doc="Share of the hidden activations dropped in training."
    )

    _full_data_epochs = 12
    _takes_tables = True

    def _least_size(self):
        return 2 * (1 + np.size(self.hidden_layer_sizes)), 0

    def _build_module(self, image_shape, n_classes):
        return MLP(
            image_shape,
            n_classes,
            hidden_layer_sizes=as_sizes("hidden_layer_sizes", self.hidden_layer_sizes),
            activation=self.activation,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
        )
