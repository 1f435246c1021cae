"""Which pixels a net's decision hangs on."""

import math
from collections.abc import Sequence

import numpy as np

from skfashion.images import as_planes, as_rows, infer_image_shape, planes_shape
from skfashion.inspection.arguments import (
    as_one_row,
    as_pictures,
    fitted_last_step,
    image_shape_of,
    is_one_image,
    labels_of,
    names_of,
    validated,
)
from skfashion.inspection.displays.display import Display
from skfashion.inspection.drawing import LABEL_TILES, axes_for, draw_tiles, tiles_figsize
from skfashion.utils.extras import installed_by
from skfashion.utils.labels import encode_labels
from skfashion.utils.names import advises
from skfashion.utils.no_numbers import kind_of_pictures
from skfashion.utils.pipelines import input_of_last_step

METHODS = {
    "saliency": "saliency",
    "integrated_gradients": "integrated\ngradients",
    "grad_cam": "Grad-CAM",
    "occlusion": "occlusion",
}


class AttributionDisplay(Display):
    """Images beside maps of what speaks for a class; one row per image, one column per method.

    Brown pixels speak for the class, violet ones against it; each map is scaled to its own largest
    value. Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    pictures : ndarray of shape (n, h, w) or (n, h, w, 3)
        From 0 to 1.
    maps : dict of str to ndarray of shape (n, h, w)
        By method.
    names : list of str
        The class to explain, for each image.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Notes
    -----
    Maps show how the net reacts to changes of pixels, not why; methods disagree, and some maps
    hardly change when the weights are random (Adebayo et al., NeurIPS 2018). They are computed by
    captum, the extra ``attribution``.

    References
    ----------
    Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks", ICLR 2014 (saliency);
    Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017 (integrated
    gradients); Selvaraju et al., "Grad-CAM", ICCV 2017; Zeiler and Fergus, "Visualizing and
    understanding convolutional networks", ECCV 2014 (occlusion).

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.inspection import AttributionDisplay
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X[:1000], y[:1000])
    >>> display = AttributionDisplay.from_estimator(net, X[1000:1003], methods=["saliency"])
    >>> display.maps["saliency"].shape
    (3, 28, 28)
    """

    def __init__(self, pictures, maps, names):
        self.pictures = pictures
        self.maps = maps
        self.names = names

    @classmethod
    @validated()
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        methods: Sequence[str] = ("saliency", "integrated_gradients", "occlusion"),
        baseline=0.0,
        class_names=None,
        ax=None,
    ):
        """Draw which pixels a fitted net's decisions depend on.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier of this package, or a pipeline or search that ends with one. Maps
            refer to the images that a pipeline's last step gets, pictures to those in `X`.
        X : array-like
            Images in any layout that it accepts, or a single one, without the row axis; a row of a
            DataFrame keeps its names.
        y : array-like of shape (n,) or label, default=None
            The classes to explain, a label for a single image; None takes the predicted ones.
        methods : sequence of {"saliency", "integrated_gradients", "grad_cam", "occlusion"}
            In this order: the size of the gradient; the gradient on the path from an image without
            content, times the difference from it; where the last convolution responds; and the
            change when a part of the image is covered.
        baseline : float, default=0.0
            The value of pixels without content, black by default, for integrated gradients and
            occlusion; in a pipeline, a value that the last step gets.
        class_names : array-like of str, default=None
            In the order of ``classes_``; None takes the labels.
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        AttributionDisplay

        Raises
        ------
        ImportError
            If captum is not installed.
        ValueError
            If a method is unknown, or needs a convolution that the net does not have; the numbers
            of images and labels, or of names and classes, differ, or a label is not one of the
            classes; the estimator is not a fitted one of this package; or steps of a pipeline do
            not return images of the same height and width.
        """
        unknown = [method for method in methods if method not in METHODS]
        if unknown or not methods:
            raise ValueError(f"Got methods={tuple(methods)!r}, expected some of {tuple(METHODS)}.")
        net = fitted_last_step(estimator, "net_")
        if is_one_image(estimator, X):
            X, y = as_one_row(X), None if y is None else [y]
        y = None if y is None else labels_of(y, X)
        seen = input_of_last_step(estimator, X)
        # Of files, pixels are what the net sees.
        shown = X if kind_of_pictures(X) is None else seen
        pictures = as_pictures(shown, image_shape_of(estimator, shown, "auto"))
        sides, sides_seen = pictures.shape[1:3], planes_shape(net.image_shape_)[1:]
        # Scaled pixels may be a table to the net, in the same order.
        if sides != sides_seen and sides_seen != (1, math.prod(sides)):
            raise ValueError(
                f"Got images of {sides[0]} x {sides[1]} pixels, and a {type(net).__name__} that "
                f"sees {sides_seen[0]} x {sides_seen[1]}; expected the same, so that each pixel "
                "has its place on a map. If steps of a pipeline change the columns, pass only "
                "its last step, and X as that step gets it."
            )
        infer_image_shape(np.shape(seen), net.image_shape_)  # refuses other channels
        codes = encode_labels(net.predict(seen) if y is None else y, net.classes_)[1]
        names = names_of(net.classes_, class_names)
        maps = attributions(net, seen, codes, methods, baseline)
        maps = {name: its.reshape(-1, *sides) for name, its in maps.items()}
        return cls(pictures, maps, [names[code] for code in codes]).plot(ax=ax)

    @advises
    def plot(self, *, ax=None):
        """Draw images and maps.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            None makes a new figure.

        Returns
        -------
        AttributionDisplay
            Itself.
        """
        n, h, w = self.pictures.shape[:3]
        size = tiles_figsize(
            n, 1 + len(self.maps), n_lines=2, label_width=LABEL_TILES, aspect=h / w
        )
        self.ax_ = axes_for(self, ax, size)
        self.figure_ = self.ax_.figure
        import matplotlib  # axes_for has told what to do where it is missing

        colours = matplotlib.colormaps["PuOr_r"]
        grey = self.pictures if self.pictures.ndim == 4 else np.stack([self.pictures] * 3, axis=3)
        rows, captions = [], []
        for i in range(n):
            shown = [colours(0.5 + 0.5 * _scaled(maps[i]))[..., :3] for maps in self.maps.values()]
            rows.append(np.stack([grey[i], *shown]))
            captions.append(["image", *(METHODS[name] for name in self.maps)])
        labels = [f"for {name}" for name in self.names]
        draw_tiles(self.ax_, rows, captions=captions, labels=labels)
        return self


def _scaled(values):
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values


def attributions(net, X, codes, methods, baseline):
    """Return maps of the pixels' parts in the logits of classes.

    Parameters
    ----------
    net : ImageClassifier
        Fitted.
    X : array-like
        Images in any layout that it accepts; of a pipeline, what its last step sees.
    codes : ndarray of int (n,)
        Places of the classes.
    methods : sequence of str
        Keys of ``METHODS``.
    baseline : float

    Returns
    -------
    dict of str to ndarray of shape (n, h, w)
        float32, summed over the channels.
    """
    try:
        from captum import attr
    except ImportError as error:
        raise ImportError(
            "Attributions need captum, which is not installed; install it with: "
            f"{installed_by('attribution')}"
        ) from error
    import torch

    device = next(net.net_.module_.parameters()).device
    # Gradients are needed, in the type of the weights, whatever the caller has told PyTorch.
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
        device,
    ):
        return _maps(attr, net, X, codes, methods, baseline)


def _maps(attr, net, X, codes, methods, baseline):
    """Return what :func:`attributions` does, by captum's module `attr`."""
    import torch

    module = net.net_.module_.eval()
    first = next(module.parameters())
    rows = as_rows(np.asarray(X), net.image_shape_)
    images = torch.from_numpy(np.array(as_planes(rows, net.image_shape_), dtype=np.float64))
    images = images.to(first)
    target = torch.as_tensor(codes, device=first.device)
    h, w = planes_shape(net.image_shape_)[1:]
    maps = {}
    for method in methods:
        if method == "saliency":
            found = attr.Saliency(module).attribute(images.clone().requires_grad_(), target=target)
        elif method == "integrated_gradients":
            found = attr.IntegratedGradients(module).attribute(
                images, baselines=baseline, target=target, n_steps=32, internal_batch_size=256
            )
        elif method == "grad_cam":
            cam = attr.LayerGradCam(module, _last_map(net, images[:1]))
            found = cam.attribute(images, target=target, relu_attributions=True)
            found = attr.LayerAttribution.interpolate(found, (h, w), "bilinear")
        else:
            # A seventh of the image at a time, in steps of half that.
            window = images.shape[1], max(1, h // 7), max(1, w // 7)
            steps = images.shape[1], max(1, window[1] // 2), max(1, window[2] // 2)
            options = {"sliding_window_shapes": window, "strides": steps, "baselines": baseline}
            with torch.no_grad():
                found = attr.Occlusion(module).attribute(images, target=target, **options)
        maps[method] = found.detach().sum(dim=1).float().cpu().numpy()
    return maps


def _last_map(net, image):
    """Return the layer that ends what the last convolution begins: its norm, activation or block.

    Of a residual block that is the sum, not one of its branches.
    """
    import torch
    from torch import nn

    module, passed = net.net_.module_, []

    def note(layer, _, output):
        passed.append((layer, tuple(output.shape)))

    handles = [layer.register_forward_hook(note) for layer in module.features.modules()]
    try:
        with torch.no_grad():
            module(image)
    finally:
        for handle in handles:
            handle.remove()
    sides = [shape[2:] for layer, shape in passed if isinstance(layer, nn.Conv2d)]
    attends = any(len(shape) == 3 for _, shape in passed)
    if not sides or attends:
        raise ValueError(
            f"Got methods with 'grad_cam' and a {type(net).__name__}, whose net has no "
            "convolution, or attention after it; leave 'grad_cam' out, or use a ConvNetClassifier "
            "or ResNetClassifier."
        )
    return [layer for layer, shape in passed if len(shape) == 4 and shape[2:] == sides[-1]][-1]
