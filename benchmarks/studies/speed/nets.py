"""The networks of the comparison, as each library writes them, and their operations."""

import itertools

# Sizes of MLP 784-128-64-10 and of the convolutional net 32-64, fc 128 (3 x 3, padding 1).
MLP = (784, 128, 64, 10)
CHANNELS, HIDDEN = (32, 64), 128
# All that shapes the others, whatever the defaults become.
RESNET = {"width": 32, "depth": (1, 1, 1), "block": "basic", "stem_stride": 2, "stem_pool": True}
ATTENTION = {"width": 64, "depth": 3, "n_heads": 4, "mlp_ratio": 2.0, "n_stem_blocks": 2}


def dense(sizes):
    """Return the plain PyTorch module of so many neurons a layer, with ReLU between."""
    from torch import nn

    layers = [
        layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())
    ]
    return nn.Sequential(*layers[:-1])


def torch_net(name, device="cpu", pools_first=False):
    """Return the plain PyTorch module: rows of 784 float32 in, logits out.

    With `pools_first` the convolutional net's max-pools come before its ReLUs, as ours do: the same
    function for a quarter of the work.
    """
    from torch import nn

    if name == "mlp":
        return dense(MLP).to(device)
    layers, n_in = [nn.Unflatten(1, (1, 28, 28))], 1
    if name in ("resnet", "attention"):
        layers.append(our_net(name)._build_module((1, 28, 28), 10))
    else:
        for n_out in CHANNELS:
            pair = nn.ReLU(), nn.MaxPool2d(2)
            layers.append(nn.Conv2d(n_in, n_out, 3, padding=1))
            layers += reversed(pair) if pools_first else pair
            n_in = n_out
        layers += [nn.Flatten(), *dense((n_in * 7 * 7, HIDDEN, 10))]
    module = nn.Sequential(*layers)
    return module if device == "cpu" else on_gpu(module, device)


def on_gpu(module, device):
    """Return a convolutional module as it is fastest there: channels last, bfloat16, tuned."""
    import torch

    torch.backends.cudnn.benchmark = True
    module = module.to(device, memory_format=torch.channels_last)
    forward = torch.autocast(device, torch.bfloat16)(module.forward)
    module.forward = lambda rows: forward(rows).float()
    return module


def skorch_net(module, **parameters):
    """Return skorch's classifier of a module, or of a function that makes one; no validation."""
    import torch
    from skorch import NeuralNetClassifier

    return NeuralNetClassifier(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        **parameters,
    )


def keras_net(name):
    """Return the Keras model, compiled with Adam."""
    import keras
    from keras import layers

    parts, hidden = [layers.Input((784,))], MLP[1:-1]
    if name == "cnn":
        parts, hidden = [*parts, layers.Reshape((28, 28, 1))], (HIDDEN,)
        for n_out in CHANNELS:
            parts.append(layers.Conv2D(n_out, 3, padding="same", activation="relu"))
            parts.append(layers.MaxPooling2D(2))
        parts.append(layers.Flatten())
    parts += [layers.Dense(n_out, "relu") for n_out in hidden]
    model = keras.Sequential([*parts, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model


def our_net(name, **parameters):
    """Return the estimator with the same architecture and the same training."""
    import skfashion

    common = {"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "lr_schedule": "constant"}
    common |= {"standardize": False, "random_state": 0} | parameters
    if name == "resnet":
        return skfashion.ResNetClassifier(**RESNET, **common)
    if name == "attention":
        return skfashion.AttentionNetClassifier(**ATTENTION, **common)
    common = {"batch_norm": False, "activation": "relu", **common}
    if name == "mlp":
        return skfashion.MLPNetClassifier(hidden_layer_sizes=MLP[1:-1], **common)
    common = {"depth": 1, "kernel_size": 3, **common}
    return skfashion.ConvNetClassifier(channels=CHANNELS, hidden_layer_sizes=(HIDDEN,), **common)


def module_net(**parameters):
    """Return the classifier of a module of the user's, the very layers of the convolutional net."""
    from skfashion import ModuleClassifier

    common = {"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "lr_schedule": "constant"}
    common |= {"standardize": False, "random_state": 0} | parameters
    return ModuleClassifier(module=_layers_of_cnn, **common)


def _layers_of_cnn(image_shape, n_classes):
    from torch import nn

    network = our_net("cnn")._build_module(image_shape, n_classes)
    return nn.Sequential(*network.features, network.head)


def operations(name):
    """Return the floating-point operations of matrix products to train on one row.

    A product of n x k by k x m counts 2 n k m; forward, gradient of the weights, and, but for the
    first layer, gradient of the input.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        torch_net(name)(torch.zeros(1, MLP[0])).sum().backward()
    return counter.get_total_flops()
