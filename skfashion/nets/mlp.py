"""The multilayer perceptron."""

from torch import nn

from skfashion.nets.layers import dense_block
from skfashion.nets.network import Network


class MLP(Network):
    """Multilayer perceptron: ``(n, c, h, w) -> (n, k)``.

    Each hidden layer is linear, batch norm (optional), activation, dropout (optional). Without
    hidden layers it is logistic regression.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    hidden_layer_sizes : sequence of int
        Number of neurons of each hidden layer.
    activation : str
        A key of ``skfashion.nets.layers.ACTIVATIONS``.
    batch_norm : bool
        Whether batch norm follows each hidden linear layer.
    dropout : float in [0, 1)
        Probability of dropping a hidden activation.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", ICML 2015.
    """

    inference_block_size = 1024
    inference_rows_multiple = 4

    def __init__(
        self, image_shape, n_classes, *, hidden_layer_sizes, activation, batch_norm, dropout
    ):
        super().__init__(image_shape[0])
        width = image_shape[0] * image_shape[1] * image_shape[2]
        layers = [nn.Flatten()]
        for size in hidden_layer_sizes:
            layers += dense_block(
                width, size, activation=activation, batch_norm=batch_norm, dropout=dropout
            )
            width = size
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(width, n_classes)
