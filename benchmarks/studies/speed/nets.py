"""The networks of the comparison, as each library writes them, and their operations."""

from itertools import pairwise

from benchmarks.same_nets import CHANNELS, HIDDEN

# Sizes of the MLP. The convolutional net has the channels and hidden neurons of `same_nets`.
MLP = (784, 128, 64, 10)


def dense(sizes):
    """Return the plain PyTorch module of so many neurons a layer, with ReLU between."""
    from torch import nn

    layers = []
    for pair in pairwise(sizes):
        layers += [nn.Linear(*pair), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def torch_net(name, device="cpu", pools_first=False, bf16=False):
    """Return the plain PyTorch module: rows of 784 float32 in, logits out.

    With `pools_first` the convolutional net's max-pools come before its ReLUs, as ours do: the same
    function for a quarter of the work. With `bf16`, and always on a GPU, it computes in bfloat16
    with channels last by itself, in whatever loop it is trained.
    """
    import torch
    from torch import nn

    if name == "mlp":
        return dense(MLP).to(device)
    layers = [nn.Unflatten(1, (1, 28, 28))]
    if name == "cnn":
        for n_in, n_out in pairwise((1, *CHANNELS)):
            pair = [nn.ReLU(), nn.MaxPool2d(2)]
            layers.append(nn.Conv2d(n_in, n_out, 3, padding=1))
            layers += reversed(pair) if pools_first else pair
        layers += [nn.Flatten(), *dense((CHANNELS[-1] * 7 * 7, HIDDEN, 10))]
    else:
        layers.append(our_net(name)._build_module((1, 28, 28), 10))
    module = nn.Sequential(*layers)
    if bf16 or device != "cpu":  # as it is fastest there: channels last, bfloat16, tuned
        torch.backends.cudnn.benchmark = True
        module = module.to(device, memory_format=torch.channels_last)
        forward = torch.autocast(device, torch.bfloat16)(module.forward)
        module.forward = lambda rows: forward(rows).float()
    return module


def keras_net(name, bf16=False):
    """Return the Keras model, compiled with Adam; with `bf16` it computes in bfloat16."""
    import keras
    from keras import layers

    keras.mixed_precision.set_global_policy("mixed_bfloat16" if bf16 else "float32")
    parts, hidden = [layers.Input((784,))], MLP[1:-1]
    if name == "cnn":
        parts, hidden = [*parts, layers.Reshape((28, 28, 1))], (HIDDEN,)
        for n_out in CHANNELS:
            parts.append(layers.Conv2D(n_out, 3, padding="same", activation="relu"))
            parts.append(layers.MaxPooling2D(2))
        parts.append(layers.Flatten())
    parts += [layers.Dense(n_out, "relu") for n_out in hidden]
    model = keras.Sequential([*parts, layers.Dense(10, dtype="float32")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model


def our_net(name, **parameters):
    """Return the estimator with the same architecture and the same training."""
    import skfashion

    cls, own = OURS[name]
    common = {"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "lr_schedule": "constant"}
    common |= {"standardize": False, "random_state": 0}
    return getattr(skfashion, cls)(**own | common | parameters)


def _layers_of_cnn(image_shape, n_classes):
    """Return the very layers of the convolutional net, as a module of the user's."""
    from torch import nn

    network = our_net("cnn")._build_module(image_shape, n_classes)
    return nn.Sequential(*network.features, network.head)


# Each class with all that shapes its net, whatever the defaults become.
PLAIN = {"batch_norm": False, "activation": "relu", "dropout": 0.0}
DEEP = {"dropout": 0.0, "stochastic_depth": 0.0}
CNN = {"conv_dropout": 0.0}
CNN |= {"channels": CHANNELS, "hidden_layer_sizes": (HIDDEN,), "depth": 1, "kernel_size": 3}
RESNET = {"width": 32, "depth": (1, 1, 1), "block": "basic", "stem_stride": 2, "stem_pool": True}
ATTENTION = {"width": 64, "depth": 3, "n_heads": 4, "mlp_ratio": 2.0, "n_stem_blocks": 2}
OURS = {
    "mlp": ("MLPNetClassifier", PLAIN | {"hidden_layer_sizes": MLP[1:-1]}),
    "cnn": ("ConvNetClassifier", PLAIN | CNN),
    "resnet": ("ResNetClassifier", DEEP | RESNET),
    "attention": ("AttentionNetClassifier", DEEP | ATTENTION),
    "module": ("ModuleClassifier", {"module": _layers_of_cnn}),
}


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
