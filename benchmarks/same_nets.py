"""ConvNetClassifier's network as users of other libraries write it, and a deeper one of theirs."""

from functools import partial

CHANNELS, HIDDEN, N_CLASSES = (32, 64), 128, 10


def plain_net():
    """Return the network in plain PyTorch: rows of 784 float32 in, logits out."""
    from torch import nn

    layers, n_in = [nn.Unflatten(1, (1, 28, 28))], 1
    for n_out in CHANNELS:
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        n_in = n_out
    layers += [nn.Flatten(), nn.Linear(49 * n_in, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(HIDDEN, N_CLASSES))


def plain_resnet18():
    """Return torchvision's resnet18 of one channel; its stem is of 7 x 7 pixels, and pools."""
    from torch import nn
    from torchvision.models import resnet18

    net = resnet18(num_classes=N_CLASSES)
    net.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), net)


def skorch_net(make, seed=None, **parameters):
    """Return skorch's classifier of a module, or of what makes one: all rows, Adam, maybe seeded.

    It is seeded for the whole process, which should therefore be a fresh one.
    """
    import torch
    from skorch import NeuralNetClassifier

    if seed is not None:
        torch.manual_seed(seed)
    return NeuralNetClassifier(
        make,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        **parameters,
    )


def keras_net(seed, max_epochs, lr, batch_size):
    """Return scikeras' classifier of the network, trained on all rows with Adam."""
    from scikeras.wrappers import KerasClassifier

    options = {"epochs": max_epochs, "batch_size": batch_size, "random_state": seed}
    return KerasClassifier(partial(_keras_layers, lr), verbose=0, **options)


def _keras_layers(lr):
    import keras
    from keras import layers

    parts = [layers.Input((784,)), layers.Reshape((28, 28, 1))]
    for n_out in CHANNELS:
        parts += [layers.Conv2D(n_out, 3, padding="same", use_bias=False)]
        parts += [layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(2)]
    parts += [layers.Flatten(), layers.Dense(HIDDEN, use_bias=False)]
    parts += [layers.BatchNormalization(), layers.ReLU()]
    model = keras.Sequential([*parts, layers.Dense(N_CLASSES, "softmax")])
    model.compile(optimizer=keras.optimizers.Adam(lr), loss="sparse_categorical_crossentropy")
    return model
