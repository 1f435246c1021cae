"""A fitted net as one PyTorch module: all that a prediction does, in float32."""

import copy

import torch
from torch import nn

from skfashion.images import as_planes, planes_shape
from skfashion.training import averaged_over_views, fold_batch_norm


class DeployedNet(nn.Module):
    """What a fitted classifier computes, from the images to the probabilities.

    Maps images ``(n, c, h, w)``, or rows ``(n, d)``, of uint8 or float32 to the numbers of the
    labels, int64 ``(n,)``, and to probabilities, float32 ``(n, k)``; to features ``(n, m)`` as
    well, if they are wanted.

    Parameters
    ----------
    estimator : ImageClassifier
        Fitted. It is copied, and moved to the CPU; 16-bit and float64 nets become float32 ones.
    takes_rows : bool
        Whether rows come in, in the layout ``image_shape_``.
    features : bool
        Whether the activations before the last layer go out, too.
    raw_scores : bool
        Whether logits go out in place of probabilities; for two classes minus the log-odds of the
        second one, and these, of which the last column is that of ``decision_function``.
    """

    def __init__(self, estimator, *, takes_rows, features=False, raw_scores=False):
        super().__init__()
        network = copy.deepcopy(estimator.net_.module_).cpu().float().eval()
        network = fold_batch_norm(network).requires_grad_(False)
        # Otherwise what the exporter writes of a mean over an image depends on strides.
        self.network = network.to(memory_format=torch.contiguous_format)
        self.image_shape = estimator.image_shape_
        self.takes_rows, self.features, self.raw_scores = takes_rows, features, raw_scores
        self.n_views = estimator._n_views()
        shift = estimator._shift_to_prior()
        shift = None if shift is None else torch.tensor(shift, dtype=torch.float32)
        self.register_buffer("shift", shift)

    def forward(self, x):
        """Return the numbers of the labels, the probabilities, and features that are wanted."""
        # The batch's size is read from the shape: `len` would make it a constant.
        images = as_planes(x, self.image_shape) if self.takes_rows else x
        features = self.network.transform(images) if self._shares_features else None
        if features is not None:
            logits = self.network.head(features)
        elif self.n_views is None:
            logits = self.network(images)
        else:
            logits = averaged_over_views(self.network, self.n_views)(images)
        if self.shift is not None:
            logits = logits + self.shift
        found = logits.argmax(1), self._scores(logits)
        if not self.features:
            return found
        # Those of the image itself: `transform` looks at no other view.
        return *found, self.network.transform(images) if features is None else features

    @property
    def _shares_features(self):
        return self.n_views is None and self.network.has_head

    def _scores(self, logits):
        if not self.raw_scores:
            return logits.softmax(1)
        return logits - logits.flip(1) if logits.shape[1] == 2 else logits


def takes_rows(estimator):
    """Tell whether a net has learned from a table, whose rows it takes when it is exported."""
    return planes_shape(estimator.image_shape_)[:2] == (1, 1)
