"""Changed copies of training images: whole batches, each image in its own way.

All that is random comes from one generator on the CPU, so that a fit gives the same images on
every device. Nothing here assumes a range of values: what lies outside an image continues its edge,
light changes between the darkest and the brightest value of each image, and what is erased becomes
the batch's mean.
"""

import math

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample

# Smallest area that is erased, as a share of the image, and the longest ratio of its sides
# (Zhong et al., "Random erasing data augmentation", AAAI 2020).
MIN_ERASED = 0.02
MAX_ASPECT = 1 / 0.3


class Augmenter:
    """What is done to the images of a batch in training.

    Parameters
    ----------
    flip : bool or "alternate"
        Whether half of the images, drawn anew each time, are mirrored; "alternate" draws half
        of them once, and takes the other half in every second epoch.
    shift : int
        Largest number of pixels by which an image moves, in either direction.
    rotation, shear : float
        Largest angle, in degrees, to either side.
    scale : float in [0, 1)
        Largest change of the size, as a share of it.
    brightness, contrast : float in [0, 1)
        Largest change, as a share of the image's range and of the distance from its mean.
    gamma : float >= 1
        Largest exponent applied to values between 0 and 1; the smallest is its inverse.
    erase : float in [0, 1]
        Probability that a rectangle of the image is erased.
    erase_area : float in (0, 1]
        Largest area that is erased, as a share of the image.
    mixup, cutmix : float
        Parameter of the beta distribution from which the share of another image of the batch is
        drawn, one share a batch; 0 mixes nothing. With both, either is used half of the time.
    dtype : torch.dtype
        Type of the values that are computed.

    References
    ----------
    Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018; Yun et al., "CutMix",
    ICCV 2019; alternating flips: Jordan, "94% on CIFAR-10 in 3.29 seconds", arXiv:2404.00498.
    """

    def __init__(
        self,
        *,
        flip,
        shift,
        rotation,
        shear,
        scale,
        brightness,
        contrast,
        gamma,
        erase,
        erase_area,
        mixup,
        cutmix,
        dtype,
    ):
        self.flip, self.shift = flip, shift
        self.rotation, self.shear, self.scale = rotation, shear, scale
        self.brightness, self.contrast, self.gamma = brightness, contrast, gamma
        self.erase, self.erase_area = erase, erase_area
        self.mixup, self.cutmix = mixup, cutmix
        self.dtype = dtype

    @property
    def mixes(self):
        """Whether images are mixed with others."""
        return self.mixup > 0 or self.cutmix > 0

    def __call__(self, images, rows, epoch, generator):
        """Return changed copies of images.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            Any real dtype.
        rows : int64 tensor (n,)
            Their numbers in the training data.
        epoch : int
            Number of the epoch.
        generator : torch.Generator
            On the CPU.

        Returns
        -------
        tensor (n, c, h, w)
            In their own dtype if they were only flipped and shifted, else in `dtype`.
        """
        mirrored = self._mirrored(rows, epoch, generator)
        mirrored = None if mirrored is None else mirrored.to(images.device)
        if self.rotation or self.shear or self.scale:
            images = self._warp(images.to(self.dtype), mirrored, generator)
        elif mirrored is not None or self.shift:
            images = self._move(images, mirrored, generator)
        if self.brightness or self.contrast or self.gamma > 1:
            images = self._light(images.to(self.dtype), generator)
        if self.erase:
            images = self._erase(images.to(self.dtype), generator)
        return images

    def _mirrored(self, rows, epoch, generator):
        """Return which images are mirrored, None if none can be."""
        if not self.flip:
            return None
        if self.flip == "alternate":
            # A hash of the row and the fit: neighbours in the data are often alike.
            mixed = (rows + generator.initial_seed() % 2**31) * 2654435761
            return ((mixed >> 16) + epoch) % 2 == 1
        return _uniform(len(rows), generator, rows.device) < 0.5

    def _move(self, images, mirrored, generator):
        """Return the images moved by whole pixels, those of `mirrored` flipped."""
        n, _, h, w = images.shape
        device = images.device
        by = torch.randint(-self.shift, self.shift + 1, (2, n, 1), generator=generator).to(device)
        from_row = (torch.arange(h, device=device) - by[0]).clamp_(0, h - 1)
        from_column = torch.arange(w, device=device).expand(n, w)
        if mirrored is not None:
            from_column = torch.where(mirrored[:, None], w - 1 - from_column, from_column)
        from_column = (from_column - by[1]).clamp_(0, w - 1)
        source = from_row[:, :, None] * w + from_column[:, None, :]
        source = source.flatten(1)[:, None].expand(-1, images.shape[1], -1)
        return images.flatten(2).gather(2, source).view(images.shape)

    def _warp(self, images, mirrored, generator):
        """Return the images rotated, sheared, scaled, moved and flipped, in one interpolation."""
        n, _, h, w = images.shape
        device, to_radians = images.device, math.pi / 180
        draws = _uniform((6, n), generator, device).mul_(2).sub_(1)
        angle = draws[0] * self.rotation * to_radians
        slant = torch.tan(draws[1] * self.shear * to_radians)
        size = 1 + draws[2] * self.scale
        x, y = torch.round(draws[3:5] * (self.shift + 0.5)).clamp_(-self.shift, self.shift)
        side = 1 if mirrored is None else 1 - 2 * mirrored.to(draws)
        cos, sin = angle.cos() / size, angle.sin() / size
        # From the new pixel to the old one, in units of half a side; w / h keeps angles right.
        first = torch.stack([side * cos, (slant * cos - sin) * h / w, -2 * x / w], 1)
        second = torch.stack([side * sin * w / h, slant * sin + cos, -2 * y / h], 1)
        theta = torch.stack([first, second], 1).to(images)
        grid = affine_grid(theta, list(images.shape), align_corners=False)
        return grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _light(self, images, generator):
        """Return the images with other brightness, contrast and gamma."""
        n = len(images)
        draws = _uniform((3, n), generator, images.device).to(images).mul_(2).sub_(1)
        draws = draws[:, :, None, None, None]
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        span = torch.where(high > low, high - low, 1)
        unit = (images - low) / span
        if self.gamma > 1:
            unit = unit ** (draws[0] * math.log(self.gamma)).exp()
        if self.contrast:
            mean = unit.mean((1, 2, 3), keepdim=True)
            unit = mean + (unit - mean) * (1 + draws[1] * self.contrast)
        unit = (unit + draws[2] * self.brightness).clamp_(0, 1)
        return unit * span + low

    def _erase(self, images, generator):
        """Return the images, a rectangle of some of them erased."""
        n, _, h, w = images.shape
        area, aspect, top, left, chance = _uniform((5, n), generator, images.device)
        least = min(MIN_ERASED, self.erase_area)
        area = (least + area * (self.erase_area - least)) * h * w
        aspect = ((2 * aspect - 1) * math.log(MAX_ASPECT)).exp()
        box = _box(top, left, (area * aspect).sqrt(), (area / aspect).sqrt(), h, w)
        box &= (chance < self.erase)[:, None, None, None]
        return torch.where(box, images.mean((0, 2, 3), keepdim=True), images)

    def mix(self, images, generator):
        """Mix each image with another one of the batch.

        Returns
        -------
        images : tensor (n, c, h, w)
            In `dtype`.
        partners : int64 tensor (n,)
            The positions of the others in the batch.
        share : float in [0, 1]
            What is left of the image itself.
        """
        n, _, h, w = images.shape
        partners = torch.randperm(n, generator=generator).to(images.device)
        seed = torch.randint(2**31, (), generator=generator).item()
        random = np.random.default_rng(seed)
        cuts = self.cutmix > 0 and (not self.mixup or random.random() < 0.5)
        alpha = self.cutmix if cuts else self.mixup
        share = float(random.beta(alpha, alpha))
        images = images.to(self.dtype)
        if not cuts:
            return share * images + (1 - share) * images[partners], partners, share
        side = torch.full((1,), math.sqrt(1 - share), dtype=torch.float32, device=images.device)
        top, left = torch.tensor(random.random((2, 1)), dtype=torch.float32, device=images.device)
        box = _box(top, left, side * h, side * w, h, w)
        share = 1 - box.float().mean().item()
        return torch.where(box, images[partners], images), partners, share


def _uniform(size, generator, device):
    return torch.rand(size, generator=generator, dtype=torch.float32).to(device)


def _box(top, left, height, width, h, w):
    """Return rectangles in images of h by w pixels, as a mask (n, 1, h, w)."""
    # Where they begin is told from 0 to 1, among the places that they can have.
    height, width = height.round().clamp(1, h), width.round().clamp(1, w)
    top, left = (top * (h - height + 1)).floor(), (left * (w - width + 1)).floor()
    y, x = torch.arange(h, device=top.device), torch.arange(w, device=top.device)
    in_rows = (y >= top[:, None]) & (y < (top + height)[:, None])
    in_columns = (x >= left[:, None]) & (x < (left + width)[:, None])
    return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
