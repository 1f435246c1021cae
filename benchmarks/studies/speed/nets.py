"""The two networks of the comparison, as each library writes them, and their operations."""

import itertools

# Sizes of MLP 784-128-64-10 and of the convolutional net 32-64, fc 128 (3 x 3, padding 1).
MLP = (784, 128, 64, 10)
CHANNELS, HIDDEN = (32, 64), 128


def torch_net(name):
    """Return the plain PyTorch module: rows of 784 float32 in, logits out."""
    from torch import nn

    if name == "mlp":
        return nn.Sequential(
            nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
        )
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def keras_net(name):
    """Return the Keras model, compiled with Adam."""
    import keras
    from keras import layers

    parts = [layers.Input((784,))]
    if name == "mlp":
        parts += [layers.Dense(128, "relu"), layers.Dense(64, "relu"), layers.Dense(10)]
    else:
        parts += [
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, "relu"),
            layers.Dense(10),
        ]
    model = keras.Sequential(parts)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model


def our_net(name, **parameters):
    """Return the estimator with the same architecture and the same training."""
    from skfashion import ConvNetClassifier, MLPNetClassifier

    common = {
        "optimizer": "adam",
        "lr": 1e-3,
        "weight_decay": 0.0,
        "lr_schedule": "constant",
        "standardize": False,
        "batch_norm": False,
        "random_state": 0,
    } | parameters
    if name == "mlp":
        return MLPNetClassifier(hidden_layer_sizes=MLP[1:-1], **common)
    return ConvNetClassifier(channels=CHANNELS, hidden_layer_sizes=(HIDDEN,), **common)


def operations(name):
    """Return the floating-point operations of matrix products to train on one row.

    A product of n x k by k x m counts 2 n k m; forward, gradient of the weights, and, but for the
    first layer, gradient of the input.
    """
    if name == "mlp":
        layers = [2 * n_in * n_out for n_in, n_out in itertools.pairwise(MLP)]
    else:
        layers = [
            2 * 28 * 28 * 9 * 1 * 32,
            2 * 14 * 14 * 9 * 32 * 64,
            2 * 64 * 7 * 7 * 128,
            2 * 128 * 10,
        ]
    return 3 * sum(layers) - layers[0]
