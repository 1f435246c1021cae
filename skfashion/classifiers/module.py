"""A PyTorch module of the user's own as a scikit-learn classifier."""

import copyreg
from collections.abc import Callable
from typing import Literal, Self

from skfashion.classifiers.base import ImageClassifier
from skfashion.nets import ModuleNet
from skfashion.nets.trying import has_tensors, name_of, parameters_of, takes
from skfashion.parameters.declaring import COUNT, estimator, param, redefault
from skfashion.utils._sklearn import HasMethods, StrOptions
from skfashion.utils.names import advises, with_advice

# What precedes the names of the module's own parameters.
PREFIX = "module__"
# What to give in the place of an object with tensors.
INSTEAD = {
    "module": (
        "the class or the function that makes it, ModuleClassifier(module={}, module_params={{...}}"
        "), to which init_from gives weights to begin with"
    ),
    "criterion": "one without; class_weight weights the classes",
}


class Maker(HasMethods):
    """The constraint of what makes a module."""

    def __init__(self):
        super().__init__("__call__")

    def __str__(self):
        example = "such as torchvision.models.resnet18, not a name"
        return f"a callable that returns a torch.nn.Module ({example})"


@estimator
class ModuleClassifier(ImageClassifier):
    """Any PyTorch module that maps images, or rows, to logits.

    It has all features of the other classifiers: pipelines, searches, samplers, early stopping,
    files, exports. Parameters such as ``module__width`` work in ``set_params`` and in grids: they
    are entries of `module_params`, and ``get_params`` lists them.

    Before training, the module is tried with two random images, in training and in evaluation mode.
    `random_state` determines its initial weights and what its ``torch.nn.Dropout`` layers drop:
    these are replaced by the package's own. A warning names other layers that draw random numbers.
    The page "Your own network: any PyTorch nn.Module" says what cannot be guaranteed for unknown
    modules.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    ConvNetClassifier : A ready-made convolutional network.
    skfashion.load : Opens its files, with the module as an argument.

    Examples
    --------
    >>> from torch import nn
    >>> from skfashion import ModuleClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> def small_net(n_classes, in_channels, width=8):
    ...     return nn.Sequential(
    ...         nn.Conv2d(in_channels, width, 3, stride=2),
    ...         nn.BatchNorm2d(width),
    ...         nn.ReLU(),
    ...         nn.AdaptiveAvgPool2d(7),
    ...         nn.Flatten(),
    ...         nn.Dropout(0.2),
    ...         nn.Linear(49 * width, n_classes),
    ...     )
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = ModuleClassifier(module=small_net, max_epochs=2, random_state=0).fit(X, y)
    >>> net.set_params(module__width=16).fit(X, y).transform(X[:5]).shape
    (5, 784)
    """

    lr: float = redefault(ImageClassifier, "lr", default=2e-3)
    module: Callable | None = param(
        Maker(),
        None,
        default=None,
        doc="""A class or a function that returns a ``torch.nn.Module``, or such a module, which is
        copied and starts with its own weights. A class or function is called with `module_params`
        and with those of the following values that its signature names: ``n_classes``,
        ``num_classes``, ``in_channels``, ``in_chans``, ``in_features`` (all values of an image) and
        ``image_shape`` (c, h, w). Lazy layers learn their sizes. To be pickled, `module` must be
        importable from a module, also where the pickle is opened. A fit without it is an error.""",
    )
    module_params: dict | None = param(
        dict,
        None,
        default=None,
        doc="""Arguments of `module`, by name. "auto" stands for one of the six values above, if a
        function takes it in ``**kwargs``, as torchvision's do.""",
    )
    module_input: Literal["images", "rows"] = param(
        StrOptions({"images", "rows"}),
        default="images",
        doc="""Input of the module's ``forward``: "images" (n, c, h, w), or "rows" (n, c*h*w); flat
        rows may then be a table, and sparse. Both are standardised, in the dtype of `precision`.
        ``forward`` returns logits (n, n_classes).""",
    )
    channels: int | None = param(
        COUNT,
        None,
        default=None,
        doc="""Number of channels that the module gets: grey images are repeated. None leaves
        images as they are.""",
    )
    criterion: Callable | None = param(
        callable,
        None,
        default=None,
        doc="""A loss in PyTorch's form, ``criterion(logits, targets)``, instead of `loss`, for
        training only: a class, an object (which is copied) or a function. If it returns one loss
        per row, as PyTorch's losses do with ``reduction="none"``, the row weights are used for the
        mean; if it returns a single number, weights are an error. The validation loss is still the
        cross-entropy.""",
    )
    features: str | None = param(
        str,
        None,
        default=None,
        doc="""Name of a layer, as in ``named_modules``: `transform` returns its output, as rows.
        None takes the input of the last linear layer that is called, or the logits if there is
        none.""",
    )

    _full_data_epochs = 8
    _makes_own_draws = True
    _given_to_load = ("module",)

    @property
    def _takes_tables(self):
        return self.module_input == "rows"

    @advises
    def get_params(self, deep=True) -> dict:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include parameters of contained objects, such as ``module__width``: the
            entries of `module_params`, and the defaults of `module`.

        Returns
        -------
        dict
        """
        found = super().get_params(deep=deep)
        if deep and self.module is not None:
            known = parameters_of(self.module) or {}
            own = {n: p.default for n, p in known.items() if p.default is not p.empty}
            own |= self.module_params if isinstance(self.module_params, dict) else {}
            found |= {f"{PREFIX}{name}": value for name, value in own.items()}
        return found

    def set_params(self, **params) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Values by name; ``module__width`` and the like are entries of `module_params`.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no such parameter; then none is set.
        """
        own = {n.removeprefix(PREFIX): v for n, v in params.items() if n.startswith(PREFIX)}
        if not own:
            return super().set_params(**params)
        others = {name: value for name, value in params.items() if not name.startswith(PREFIX)}
        module = others.get("module", self.module)
        for name in own if module is not None else ():
            if not takes(module, name):
                known = list(parameters_of(module) or ())
                message = f"Invalid parameter {PREFIX + name!r} for module={name_of(module)}, "
                raise ValueError(with_advice(f"{message}expected one of {known}.", name, known))
        before = others.pop("module_params", self.module_params)
        return super().set_params(**others, module_params={**(before or {}), **own})

    def __reduce_ex__(self, protocol):
        # What pickle does by itself, unless there is a __reduce__.
        new = copyreg.__newobj__  # pyright: ignore[reportAttributeAccessIssue]
        return new, (type(self),), self.__getstate__()

    def __reduce__(self):
        # skops asks for it before it comes upon tensors; pickle, joblib and copies do not.
        made = [("module", self.module), ("criterion", self.criterion)]
        if hasattr(self, "net_"):
            made.append(("module", (self.net_.architecture or {}).get("module")))
            made.append(("criterion", vars(self.net_).get("criterion__loss")))
        for name, value in made:
            if has_tensors(value):
                raise TypeError(
                    f"Got {name}={name_of(value)}(...), an object with tensors, which skops cannot "
                    f"save; expected {INSTEAD[name].format(name_of(value))}. Fit again with that, "
                    "or save only the net with net.save(path), or use a pickle."
                )
        return self.__reduce_ex__(2)

    def _build_module(self, image_shape, n_classes):
        if self.module is None:
            raise ValueError(
                "Got module=None, expected a class or a function that returns a torch.nn.Module, "
                "or such a module: ModuleClassifier(module=MyNet)."
            )
        return ModuleNet(
            image_shape,
            n_classes,
            module=self.module,
            params=dict(self.module_params or {}),
            takes_rows=self.module_input == "rows",
            channels=self.channels,
            features=self.features,
        )
