"""The published recipes, trained as their authors do: PyTorch's DataLoader, item by item.

The recipes are facts taken from five public projects (see docs/references.md); the code is ours.
"""

import itertools
import time

import numpy as np


class Rival:
    """One published recipe, with scikit-learn's methods.

    Parameters
    ----------
    layers : callable
        Returns a new list of layers; imports are inside.
    batch_size, n_epochs : int
        As published.
    lr : float
        Adam's learning rate.
    mean, scale : float
        Pixels between 0 and 1 are normalised with these.
    step_size : int or None
        Epochs after which the learning rate falls to a tenth; None leaves it.
    seed : int
        Decides initial weights and order.
    """

    def __init__(self, layers, *, batch_size, n_epochs, lr, mean, scale, step_size=None, seed=0):
        self.layers = layers
        self.batch_size, self.n_epochs, self.lr = batch_size, n_epochs, lr
        self.mean, self.scale, self.step_size, self.seed = mean, scale, step_size, seed
        self.watched = None

    def get_params(self, deep=True):
        """Return what the recipe sets."""
        names = ("batch_size", "n_epochs", "lr", "mean", "scale", "step_size")
        return {"layers": self.layers.__name__} | {name: getattr(self, name) for name in names}

    def watch(self, X, y):
        """Read the accuracy on these rows after each epoch; this takes none of the time counted."""
        self.watched = X, y

    def fit(self, X, y):
        """Train; ``history_`` has an entry an epoch."""
        import torch
        from torch import nn
        from torch.utils.data import DataLoader

        torch.manual_seed(self.seed)
        self.classes_ = np.unique(y)
        self.module_ = nn.Sequential(*self.layers())
        loader = DataLoader(
            _Items(X, y, self._transform()), batch_size=self.batch_size, shuffle=True
        )
        optimizer = torch.optim.Adam(self.module_.parameters(), lr=self.lr)
        schedule = None
        if self.step_size is not None:
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, self.step_size)
        criterion = nn.CrossEntropyLoss()
        self.history_ = {"epoch": [], "train_loss": [], "seconds": [], "test_accuracy": []}
        seconds = 0.0
        for epoch in range(self.n_epochs):
            start, total = time.perf_counter(), 0.0
            self.module_.train()
            for images, labels in loader:
                optimizer.zero_grad()
                loss = criterion(self.module_(images), labels)
                loss.backward()
                optimizer.step()
                total += loss.item()
            if schedule is not None:
                schedule.step()
            seconds += time.perf_counter() - start
            self.history_["epoch"].append(epoch + 1)
            self.history_["train_loss"].append(total / len(loader))
            self.history_["seconds"].append(seconds)
            if self.watched is not None:
                X_test, y_test = self.watched
                self.history_["test_accuracy"].append(
                    float((self.predict(X_test) == y_test).mean())
                )
        if self.watched is None:
            del self.history_["test_accuracy"]
        return self

    def _transform(self):
        from torchvision import transforms

        return transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((self.mean,), (self.scale,))]
        )

    def _logits(self, X):
        import torch

        self.module_.eval()
        images = torch.as_tensor(np.asarray(X)).view(-1, 1, 28, 28).float() / 255
        images = (images - self.mean) / self.scale
        with torch.no_grad():
            return torch.cat([self.module_(block) for block in images.split(500)]).double()

    def predict(self, X):
        """Return the labels of rows."""
        return self.classes_[self._logits(X).argmax(1).numpy()]

    def predict_proba(self, X):
        """Return the probabilities of the classes, float64."""
        return self._logits(X).softmax(1).numpy()

    def __getstate__(self):
        return {**vars(self), "layers": None, "watched": None}


class _Items:
    """Images as torchvision's own FashionMNIST gives them: one PIL image at a time, transformed."""

    def __init__(self, X, y, transform):
        self.images = np.asarray(X).reshape(-1, 28, 28)
        self.labels = np.asarray(y, dtype=np.int64)
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        from PIL import Image

        return self.transform(Image.fromarray(self.images[i])), int(self.labels[i])


def dense(*sizes):
    """Return a function that makes a multilayer perceptron's layers."""

    def layers():
        from torch import nn

        made = [nn.Flatten()]
        for n_in, n_out in itertools.pairwise(sizes):
            made += [nn.Linear(n_in, n_out), nn.ReLU()]
        return made[:-1]

    layers.__name__ = "dense " + "-".join(map(str, sizes))
    return layers


def fashionnet():
    """Return two convolutions with max-pool, dropout, and two linear layers."""
    from torch import nn

    return [
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    ]


def fashioncnn():
    """Return two convolutions with max-pool, and two linear layers."""
    return [layer for layer in fashionnet() if type(layer).__name__ != "Dropout"]


NORMALISED = {"mean": 0.5, "scale": 0.5}
RIVALS = {
    "mlp-simple": lambda seed: Rival(
        dense(784, 128, 64, 10), batch_size=64, n_epochs=10, lr=1e-3, seed=seed, **NORMALISED
    ),
    "mlp-deeper": lambda seed: Rival(
        dense(784, 256, 128, 64, 32, 10),
        batch_size=64,
        n_epochs=10,
        lr=5e-4,
        seed=seed,
        **NORMALISED,
    ),
    "mlp-wider": lambda seed: Rival(
        dense(784, 512, 256, 128, 10), batch_size=128, n_epochs=10, lr=1e-3, seed=seed, **NORMALISED
    ),
    "mlp-keras": lambda seed: Rival(
        dense(784, 128, 10), batch_size=32, n_epochs=5, lr=1e-3, mean=0.0, scale=1.0, seed=seed
    ),
    "fashionnet": lambda seed: Rival(
        fashionnet, batch_size=64, n_epochs=10, lr=1e-3, step_size=5, seed=seed, **NORMALISED
    ),
    "fashioncnn": lambda seed: Rival(
        fashioncnn, batch_size=64, n_epochs=10, lr=1e-3, seed=seed, **NORMALISED
    ),
}
