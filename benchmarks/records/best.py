"""`best`: one network of residual groups, trained for an hour and a half on two cores.

A recipe to be read from top to bottom: what it is made of stands in `residual_groups.py`, all else
are parameters that every user has.
"""

from benchmarks.records.residual_groups import ErasingEnds, ImageSides, ResidualGroups, Whitening
from skfashion import Augmentation, ModuleClassifier

EPOCHS = 100


def recipe(random_state=None, max_epochs=EPOCHS):
    """Return the classifier, unfitted; a shorter training has all its phases, each shorter."""
    return ModuleClassifier(
        # The network: three groups of three convolutions behind a whitened first layer.
        module=ResidualGroups,
        module_params={"widths": (64, 128, 256), "bias_rate": 1.0},
        # Steps: orthogonal ones, large at first.
        optimizer="muon",
        lr=1e-2,
        weight_decay=0.01,
        batch_size=512,
        max_epochs=max_epochs,
        # What keeps it from learning images by heart.
        label_smoothing=0.1,
        augment=Augmentation(flip="alternate", shift=2, erase=0.5, erase_area=0.25),
        # The mean of the weights of the last epochs is the model.
        ema_decay=0.999,
        # Answers are the mean over ten views of an image.
        tta=10,
        skorch_callbacks=[
            Whitening(),
            ImageSides([(0.4, 20)]),  # four tenths of the epochs in half the time
            ErasingEnds(0.9),
        ],
        random_state=random_state,
    )
