"""A compact transformer for small images."""

import torch
from torch import nn
from torch.nn.functional import pad, scaled_dot_product_attention

from skfashion.nets.layers import Dropout, StochasticDepth
from skfashion.nets.network import Network


class Positions(nn.Module):
    """Add a learned vector to each token: ``(n, t, d) -> (n, t, d)``.

    Parameters
    ----------
    n_tokens, width : int
        Numbers ``t`` and ``d``.
    """

    def __init__(self, n_tokens, width):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_tokens, width))

    def draw_weights(self, generator):
        """Draw the vectors (Dosovitskiy et al., ICLR 2021)."""
        self.weight.normal_(0, 0.02, generator=generator)

    def forward(self, x):
        """Return the tokens, each with its position's vector added."""
        return x + self.weight


# Up to so many tokens three plain operations are faster on a CPU than PyTorch's kernel.
MAX_PLAIN = 100


def attend(queries, keys, values, alignment=1):
    """Average values with the softmax of the scaled products of queries and keys.

    The same as PyTorch's function, computed in whichever way is fast: on a CPU the gradient of its
    kernel is slow in 16 bits, so that many tokens take it in float32.

    Parameters
    ----------
    queries, keys, values : tensors, shape (n, heads, t, d)
    alignment : int
        Tokens and their values are filled up with zeros to multiples of this number: the bits of a
        product depend on where in memory a row's matrices begin.

    Returns
    -------
    tensor, shape (n, heads, t, d)

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1.
    """
    if queries.device.type != "cpu":
        return scaled_dot_product_attention(queries, keys, values)
    *_, n_tokens, size = queries.shape
    scale = size**-0.5
    if alignment > 1:
        filling = (0, -size % alignment, 0, -n_tokens % alignment)
        queries, keys, values = (pad(part, filling) for part in (queries, keys, values))
    if n_tokens <= MAX_PLAIN:
        scores = (queries * scale) @ keys.transpose(2, 3)
        if alignment > 1:
            scores[..., n_tokens:] = -torch.inf  # of keys that are none
        gathered = scores.softmax(3).to(values.dtype) @ values
    else:
        dtype = torch.promote_types(queries.dtype, torch.float32)
        with torch.autocast("cpu", enabled=False):
            parts = (part[:, :, :n_tokens].to(dtype) for part in (queries, keys, values))
            gathered = scaled_dot_product_attention(*parts, scale=scale).to(values.dtype)
    return gathered[:, :, :n_tokens, :size]


class SelfAttention(nn.Module):
    """Multi-head self-attention: ``(n, t, d) -> (n, t, d)``.

    Parameters
    ----------
    width : int
        Number ``d`` of values of a token, a multiple of `n_heads`.
    n_heads : int
        Number of heads.

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """

    alignment = 1  # of predictions, see `attend`

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.ask = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)

    def forward(self, x):
        """Return what each token has gathered from all others."""
        parts = self.ask(x).unflatten(2, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        gathered = attend(*parts, self.alignment)  # (n, heads, t, d / heads)
        return self.join(gathered.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """A transformer's layer with the norm first: ``(n, t, d) -> (n, t, d)``.

    Parameters
    ----------
    width, n_heads : int
        See :class:`SelfAttention`.
    mlp_ratio : float
        Hidden neurons for each value of a token.
    dropout : float in [0, 1)
        Probability of dropping a hidden activation.
    drop : float in [0, 1)
        Probability that a row skips a half of the layer in training.
    """

    def __init__(self, width, n_heads, *, mlp_ratio, dropout, drop):
        super().__init__()
        n_hidden = max(1, int(mlp_ratio * width))
        self.attend = nn.Sequential(nn.LayerNorm(width), SelfAttention(width, n_heads))
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, n_hidden),
            nn.GELU(),
            Dropout(dropout),
            nn.Linear(n_hidden, width),
        )
        self.drop = StochasticDepth(drop)

    def forward(self, x):
        """Return the tokens after attention and the fully connected layers."""
        x = x + self.drop(self.attend(x))
        return x + self.drop(self.think(x))


class SequencePool(nn.Module):
    """Average tokens with learned weights: ``(n, t, d) -> (n, d)``.

    References
    ----------
    Hassani et al., arXiv:2104.05704, section 3.3.
    """

    def __init__(self, width):
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, x):
        """Return the weighted average of each row's tokens."""
        return (self.score(x).softmax(1) * x).sum(1)


class AttentionNet(Network):
    """Compact convolutional transformer: ``(n, c, h, w) -> (n, k)``.

    Blocks of convolution, ReLU and max-pool turn the image into tokens, one a pixel that is left;
    transformer layers follow, and a weighted average of the tokens. A side that has shrunk to
    one pixel is not pooled any more, so that any image size works, a ``1 x n`` strip included.

    Parameters
    ----------
    image_shape : tuple (c, h, w)
        Shape of an image.
    n_classes : int
        Number ``k`` of logits.
    width : int
        Values of a token; a multiple of `n_heads`.
    depth : int
        Number of transformer layers.
    n_heads : int
        Heads of each.
    mlp_ratio : float
        Hidden neurons of each, for each value of a token.
    n_stem_blocks : int
        Number of convolutional blocks, each of which halves height and width.
    stochastic_depth : float in [0, 1)
        Probability that a row skips half of the last of L layers in training; for layer l it is
        l / L of that.
    dropout : float in [0, 1)
        Probability of dropping a hidden activation.

    References
    ----------
    Hassani et al., "Escaping the big data paradigm with compact transformers", arXiv:2104.05704.
    """

    def __init__(
        self,
        image_shape,
        n_classes,
        *,
        width,
        depth,
        n_heads,
        mlp_ratio,
        n_stem_blocks,
        stochastic_depth,
        dropout,
    ):
        n_channels, *sides = image_shape
        super().__init__(n_channels)
        layers, n_in = [], n_channels
        for block in range(n_stem_blocks):
            # As many channels as tokens have in the end, half before each pooling.
            n_out = max(1, width // 2 ** (n_stem_blocks - 1 - block))
            pool = tuple(min(2, side) for side in sides)
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out)]
            layers += [nn.MaxPool2d(pool), nn.ReLU()]
            sides = [side // step for side, step in zip(sides, pool, strict=True)]
            n_in = n_out
        layers += [Tokens(), Positions(sides[0] * sides[1], width)]
        for i in range(depth):
            drop = stochastic_depth * (i + 1) / depth
            options = {"mlp_ratio": mlp_ratio, "dropout": dropout, "drop": drop}
            layers.append(EncoderLayer(width, n_heads, **options))
        self.features = nn.Sequential(*layers, nn.LayerNorm(width), SequencePool(width))
        self.head = nn.Linear(width, n_classes)


class Tokens(nn.Module):
    """Turn pixels into tokens: ``(n, d, h, w) -> (n, h*w, d)``."""

    def forward(self, x):
        """Return the pixels of each row, one after the other."""
        return x.flatten(2).transpose(1, 2)
