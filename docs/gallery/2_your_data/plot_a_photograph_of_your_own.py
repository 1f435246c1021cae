"""
A photograph of your own
========================

A net that has learned Fashion-MNIST has seen grey garments on black, cut to their edges. A
photograph is coloured, on white, and the garment is somewhere in it. ``PhotoToFashion`` goes the
way of Fashion-MNIST's makers from the one to the other.
"""

# %%
# No photographs are bundled, so they are made of the test images: enlarged, coloured, turned by a
# few degrees, and put somewhere on white.
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.pipeline import make_pipeline

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.preprocessing import ImageReader, PhotoToFashion

random = np.random.default_rng(0)
train, test = load_fashion_sample(), load_fashion_sample(subset="test")


def photograph(image):
    share = Image.fromarray(image).resize((168, 168), Image.Resampling.BICUBIC)
    share = share.rotate(random.uniform(-5, 5), Image.Resampling.BILINEAR)
    ink = np.asarray(share, float)[:, :, None] / 255 * random.uniform(0.5, 1, 3)
    height, width = random.integers(200, 320, 2)
    photo = np.full((height, width, 3), 255, np.uint8)
    top, left = random.integers(height - 168), random.integers(width - 168)
    photo[top : top + 168, left : left + 168] = 255 * (1 - ink)
    return photo


photographs = [photograph(image) for image in test.images]

# %%
# A net for the images as they are, and three ways to ask it: about the test images themselves,
# about the photographs made small, and about what ``PhotoToFashion`` makes of them. Of the second a
# warning says that light and dark look the wrong way round.
net = ConvNetClassifier(channels=(16, 32), max_epochs=5, random_state=0)
net.fit(train.images, train.target)
ways = {
    "small": ImageReader(size=28, mode="L").fit(photographs),
    "PhotoToFashion": PhotoToFashion().fit(photographs),
}
seen = {"test images": test.images}
seen |= {name: reader.transform(photographs) for name, reader in ways.items()}
scores = {name: net.score(images, test.target) for name, images in seen.items()}
for name, score in scores.items():
    print(f"{name}: {score:.1%}")

# %%
# The first photographs, and what the net sees of them.
figure, axes = plt.subplots(4, 8, figsize=(9, 5), layout="constrained")
rows = {"photograph": photographs, **seen}
for axis, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(axis, images, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
    axis[0].set_ylabel(name if name not in scores else f"{name}\n{scores[name]:.0%}", fontsize=8)

# %%
# As a pipeline, the net takes files of photographs, and whatever else a reader takes.
model = make_pipeline(PhotoToFashion(), net)
print(test.target_names[model.predict(photographs[:3])])
