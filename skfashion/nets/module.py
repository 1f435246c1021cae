"""A module of the user's own as a network of the package."""

import copy

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from skfashion.nets.catching import NoHead, Tap, catching
from skfashion.nets.copying import without_history
from skfashion.nets.endings import look_at_ending, sum_to_one
from skfashion.nets.layers import CosineHead
from skfashion.nets.network import Network
from skfashion.nets.own_layers import NOISE, copy_for_trial, use_own_layers
from skfashion.nets.trying import (
    N_ROWS,
    drawing_layers,
    hidden_number_of_classes,
    linear_calls,
    logits_of,
    made_module,
    name_of,
    suits_channels_last,
    works,
)


class ModuleNet(Network):
    """A module of the user's own: ``(n, c, h, w) -> (n, k)``.

    The module may do what it likes, so that nothing is taken for granted: it is tried with random
    images when it is made. Where its last step is a linear layer, that becomes ``head``, and all
    before it ``features``; elsewhere ``features`` is the whole module. Its dropout becomes the
    package's own. While it is made it draws from the process-wide generator; the caller lends it.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    module : type, callable or torch.nn.Module
        What returns the module, or one that is copied.
    params : dict
        What it is called with.
    takes_rows : bool
        Whether the module gets rows ``(n, c*h*w)``.
    channels : int or None
        Number of channels that the module gets; grey images are repeated. None leaves them.
    features : str or None
        Name of the layer whose output `transform` returns; None means the input of the last linear
        layer, and the logits where there is none.

    Raises
    ------
    ValueError
        If the module cannot be made so, does not return logits, or has no such layer.
    """

    may_be_rebuilt = False

    def __init__(
        self, image_shape, n_classes, *, module, params, takes_rows, channels=None, features=None
    ):
        # Its constructor may compute with tensors, which "meta" has none of.
        with torch.device("cpu"):
            super().__init__(image_shape[0])
            repeats = _repeats(image_shape[0], channels)
            seen = (repeats * image_shape[0], *image_shape[1:])
            facts = _facts(seen, n_classes)
            body = _Body(made_module(module, params, facts), takes_rows, repeats).eval()
            generator = torch.Generator().manual_seed(0)
            images = torch.randn(N_ROWS, *image_shape, generator=generator, dtype=torch.float32)
            name = name_of(module)
            # Lazy layers learn their sizes.
            hint = hidden_number_of_classes(module, params)
            logits = logits_of(body.module, body.prepared(images), n_classes, name, hint)
            if any(map(is_lazy, [*body.parameters(), *body.buffers()])):
                raise ValueError(
                    f"Got module={name}, in which lazy layers are not called for a batch of shape "
                    f"{tuple(images.shape)}, expected all of them to learn their sizes. Leave out "
                    "those that are not used."
                )
            if not any(p.requires_grad for p in body.parameters()):
                raise ValueError(
                    f"Got module={name}, which has no weights that are trained, expected some: "
                    "nn.Parameter, or layers that have them, with requires_grad=True."
                )
            use_own_layers(body)
            self.features, self.head = body, None
            self.has_head = self._catches = False
            if features is None:
                self._find_features(images, logits)
            else:
                self._name_features(features, images, logits, name)
            if self.head is None:
                with torch.no_grad():
                    n_features = self.transform(images).shape[1]
                self.head = NoHead(n_features, n_classes)
            self._look_at_training(images, name)
            if not self.has_head:  # a linear layer returns any number
                self.faults, doubts = look_at_ending(self.features, images, logits, name)
                self.doubts += doubts

    def _find_features(self, images, logits):
        """Split the module before its last linear layer, or catch what that gets."""
        body = self.features
        found, calls = linear_calls(body, images)
        if not calls:
            return
        name, given, output = calls[-1]
        is_last = output is found and given is not None and given.ndim == 2
        if is_last and [called for called, *_ in calls].count(name) == 1:
            last = _replaced(body, name, nn.Identity())
            if _agrees(lambda x: last(body(x)), images, logits):
                self.head, self.has_head = last, True
                return
            _replaced(body, name, last)
        self._tap(name, images, logits, of_input=True)

    def _name_features(self, features, images, logits, name):
        """Catch what the layer of a name returns."""
        names = [n for n, _ in self.features.module.named_modules() if n]
        if features not in names:
            raise ValueError(
                f"Got features={features!r}, expected the name of a layer of module={name}: "
                f"{', '.join(names)}."
            )
        if not self._tap(f"module.{features}", images, logits, of_input=False):
            raise ValueError(
                f"Got features={features!r}, a layer of module={name} that is not called as a "
                "layer, or returns no tensor with a row an image; expected another one of "
                f"{', '.join(names)}."
            )

    def _tap(self, name, images, logits, *, of_input):
        """Catch what a layer gets or returns; tell whether that works, and leave it if not."""
        body = self.features
        layer = body.get_submodule(name)
        _replaced(body, name, Tap(layer, of_input))
        self._catches = True
        if _agrees(body, images, logits) and _are_features(self._caught, images):
            return True
        self._catches = False
        _replaced(body, name, layer)
        return False

    @torch.no_grad()
    def _look_at_training(self, images, name):
        """Find out what a training has to know of the module."""
        expected = self.features(images).shape
        copied = copy_for_trial(self.features)
        predicting = drawing_layers(copied.module, copied.prepared(images))
        copied = copy_for_trial(self.features).train()
        found = None
        try:
            found = copied(images)
        except Exception as error:
            raise ValueError(
                f"Got module={name}, which fails in training on {N_ROWS} images of shape "
                f"{tuple(images.shape[1:])}, but not in predictions ({type(error).__name__}: "
                f"{error})."
            ) from error
        if not torch.is_tensor(found) or found.shape != expected:
            raise ValueError(
                f"Got a {type(found).__name__} from module={name} in training, and a tensor in "
                "predictions, expected logits in both. Turn off what it returns besides, such as "
                "aux_logits=False."
            )
        if any(isinstance(layer, nn.Conv2d) for layer in copied.modules()):
            self.suits_autocast = works(copied, images, torch.bfloat16)
            self.suits_channels_last = suits_channels_last(copied, images)
        copied = copy_for_trial(self.features).train()
        training = drawing_layers(copied.module, copied.prepared(images))
        self.draws_from_process = bool(training)
        forgets = not predicting and _forgets(copied.eval(), copy_for_trial(self.features), images)
        # A list: of two networks that are built alike, other ones may be told.
        self.doubts = list(_doubts(name, training, predicting, forgets))
        self.returns_log_probabilities = not self.has_head and sum_to_one(found.exp())

    def begin(self, generator):
        """Draw the weights that the module does not bring along: those of a cosine head."""
        with torch.no_grad():
            if isinstance(self.head, CosineHead):
                self.head.draw_weights(generator)

    def use_generator(self, generator):
        """Make the package's own random layers draw from `generator`."""
        # Any other attribute of this name is the module's own.
        for layer in self.modules():
            if isinstance(layer, NOISE):
                layer.generator = generator

    def standardize_columns(self, n_columns):
        """Give each column of a table a mean and a deviation of its own."""
        with torch.device("cpu"):
            super().standardize_columns(n_columns)

    def normalize_head(self, scale):
        """Let the logits be `scale` times the cosines between features and weights."""
        if not self.has_head:
            raise ValueError(
                "Got loss='ldam' with a module that does not end with nn.Linear, or with features "
                "that are not that layer's input; expected another loss, or features=None and a "
                "module that ends with nn.Linear."
            )
        with torch.device("cpu"):
            super().normalize_head(scale)

    def transform(self, x):
        """Return the features: ``(n, c, h, w) -> (n, d)``."""
        if self.has_head:
            return super().transform(x)
        images = self.standardize(x)
        return self._caught(images) if self._catches else self.features(images)

    def forward(self, x):
        """Return the logits: ``(n, c, h, w) -> (n, k)``."""
        return super().forward(x) if self.has_head else self.features(self.standardize(x))

    def _caught(self, images):
        """Return what the tap catches of standardised images, as rows."""
        with catching() as caught:
            self.features(images)
        return caught[-1].flatten(1)


class _Body(nn.Module):
    """A module of the user's, given what it expects: ``(n, c, h, w)`` in, in its own shape."""

    def __init__(self, module, takes_rows, repeats):
        super().__init__()
        self.module, self.takes_rows, self.repeats = module, takes_rows, repeats

    def prepared(self, x):
        """Return images as the module takes them."""
        if self.repeats > 1:
            x = x.repeat(1, self.repeats, 1, 1)
        # By way of rows, steps along a side of one, too, are those that `x.view` expects.
        rows = x.contiguous().flatten(1)
        return rows if self.takes_rows else rows.unflatten(1, x.shape[1:])

    def forward(self, x):
        """Return what the module makes of images."""
        return self.module(self.prepared(x))

    def __deepcopy__(self, memo):
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied.__setstate__(copy.deepcopy(vars(self), without_history(self, memo)))
        return copied


def _facts(shape, n_classes):
    """Return what a signature may ask for, by name."""
    c, h, w = shape
    facts = {"n_classes": n_classes, "num_classes": n_classes, "in_channels": c, "in_chans": c}
    return facts | {"in_features": c * h * w, "image_shape": tuple(shape)}


def _repeats(n_channels, channels):
    """Return how often the channels of an image are repeated."""
    if channels in (None, n_channels):
        return 1
    if n_channels != 1:
        raise ValueError(
            f"Got channels={channels} for images of {n_channels} channels, expected that number, "
            "None, or grey images, which are repeated."
        )
    return channels


def _replaced(module, name, layer):
    """Put a layer in the place of that of a name, which is returned."""
    parent, _, child = name.rpartition(".")
    before = module.get_submodule(name)
    setattr(module.get_submodule(parent), child, layer)
    return before


def _agrees(function, images, logits):
    """Tell whether a function of images returns these logits."""
    try:
        with torch.no_grad():
            return torch.equal(function(images), logits)
    except Exception:
        return False


def _are_features(function, images):
    """Tell whether a function of images returns numbers, a row an image."""
    try:
        with torch.no_grad():
            found = function(images)
    except Exception:
        return False
    return found.ndim == 2 and len(found) == len(images) and found.is_floating_point()


def _forgets(trained, fresh, images):
    """Tell whether predictions depend on what a training leaves beside parameters and buffers."""
    fresh.load_state_dict(trained.state_dict())
    return not torch.allclose(fresh(images), trained(images), equal_nan=True)


def _doubts(name, training, predicting, forgets):
    """Yield what to warn of: layers that draw from the process-wide generator, lost numbers."""
    if forgets:
        yield (
            f"Got module={name}, whose predictions depend on numbers that a training changes and "
            "that are neither parameters nor buffers: files, pickles, other processes and early "
            'stopping do not know them. Make them buffers: self.register_buffer("mean", ...).'
        )
    if training:
        yield (
            f"Got module={name}, in which {', '.join(training)} draw from PyTorch's process-wide "
            "generator in training. The same random_state gives the same net as long as no other "
            "thread draws from it meanwhile; layers of nn.Dropout would draw from the fit's own."
        )
    if predicting:
        yield (
            f"Got module={name}, in which {', '.join(predicting)} draw in predictions, too, so "
            "that these differ from call to call; expected none that do. Functions such as "
            "F.dropout need training=self.training."
        )
