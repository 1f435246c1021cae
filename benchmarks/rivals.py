"""The published recipes, trained as their authors do: PyTorch's DataLoader, item by item.

The recipes are facts taken from projects of beginners (see docs/references.md); the code is ours.
"""

import itertools
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms


class Rival:
    """One published recipe, with scikit-learn's methods.

    ``layers()`` returns new layers; pixels between 0 and 1 are normalised with ``mean`` and
    ``scale``; after ``step_size`` epochs the learning rate of Adam falls to a tenth.
    """

    watched = None

    def __init__(self, layers, seed, batch_size, n_epochs, lr, mean=0.5, scale=0.5, step_size=None):
        self.layers, self.seed = layers, seed
        self.batch_size, self.n_epochs, self.lr = batch_size, n_epochs, lr
        self.mean, self.scale, self.step_size = mean, scale, step_size

    def get_params(self, deep=True):
        """Return what the recipe sets."""
        names = ("batch_size", "n_epochs", "lr", "mean", "scale", "step_size")
        return {"layers": self.layers.__name__} | {name: getattr(self, name) for name in names}

    def watch(self, X, y):
        """Read the accuracy on these rows after each epoch, outside of the time that counts."""
        self.watched = X, y

    def fit(self, X, y):
        """Train; ``history_`` has an entry an epoch."""
        torch.manual_seed(self.seed)
        self.classes_ = np.unique(y)
        self.module_ = nn.Sequential(*self.layers())
        normalised = transforms.Normalize((self.mean,), (self.scale,))
        items = _Items(X, y, transforms.Compose([transforms.ToTensor(), normalised]))
        loader = DataLoader(items, batch_size=self.batch_size, shuffle=True)
        optimizer = torch.optim.Adam(self.module_.parameters(), lr=self.lr)
        step_size = self.step_size or self.n_epochs  # after the last epoch: never
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size)
        criterion, seconds = nn.CrossEntropyLoss(), 0.0
        self.history_ = {}
        for epoch in range(self.n_epochs):
            start, total = time.perf_counter(), 0.0
            self.module_.train()
            for images, labels in loader:
                optimizer.zero_grad()
                loss = criterion(self.module_(images), labels)
                loss.backward()
                optimizer.step()
                total += loss.item()
            schedule.step()
            seconds += time.perf_counter() - start
            found = {"epoch": epoch + 1, "train_loss": total / len(loader), "seconds": seconds}
            if self.watched is not None:
                X_test, y_test = self.watched
                found["test_accuracy"] = float((self.predict(X_test) == y_test).mean())
            for name, value in found.items():
                self.history_.setdefault(name, []).append(value)
        return self

    def predict(self, X):
        """Return the labels of rows."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def predict_proba(self, X):
        """Return the probabilities of the classes, float64."""
        self.module_.eval()
        images = torch.as_tensor(np.asarray(X)).view(-1, 1, 28, 28).float() / 255
        images = (images - self.mean) / self.scale
        with torch.no_grad():
            logits = torch.cat([self.module_(block) for block in images.split(500)])
        return logits.double().softmax(1).numpy()

    def __getstate__(self):
        return {**vars(self), "layers": None, "watched": None}


class _Items:
    """Images as torchvision's own FashionMNIST gives them: one PIL image at a time, transformed."""

    def __init__(self, X, y, transform):
        self.images, self.labels, self.transform = X.reshape(-1, 28, 28), y, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.images[i])), int(self.labels[i])


def dense(*sizes):
    """Return a function that makes a multilayer perceptron's layers."""

    def layers():
        made = [nn.Flatten()]
        for n_in, n_out in itertools.pairwise(sizes):
            made += [nn.Linear(n_in, n_out), nn.ReLU()]
        return made[:-1]

    layers.__name__ = "dense " + "-".join(map(str, sizes))
    return layers


def fashionnet():
    """Return two convolutions with max-pool, dropout, and two linear layers."""
    made = []
    for n_in, n_out in ((1, 32), (32, 64)):
        made += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    made += [nn.Dropout(0.25), nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU()]
    return [*made, nn.Dropout(0.5), nn.Linear(128, 10)]


def fashioncnn():
    """Return the same without dropout."""
    return [layer for layer in fashionnet() if not isinstance(layer, nn.Dropout)]


# Layers, batch size, epochs, learning rate, and what else was set.
RECIPES = {
    "mlp-simple": (dense(784, 128, 64, 10), 64, 10, 1e-3, {}),
    "mlp-deeper": (dense(784, 256, 128, 64, 32, 10), 64, 10, 5e-4, {}),
    "mlp-wider": (dense(784, 512, 256, 128, 10), 128, 10, 1e-3, {}),
    "mlp-keras": (dense(784, 128, 10), 32, 5, 1e-3, {"mean": 0.0, "scale": 1.0}),
    "fashionnet": (fashionnet, 64, 10, 1e-3, {"step_size": 5}),
    "fashioncnn": (fashioncnn, 64, 10, 1e-3, {}),
}


def build(name, seed):
    """Return the published recipe of a name, unfitted."""
    layers, batch_size, n_epochs, lr, more = RECIPES[name]
    return Rival(layers, seed, batch_size, n_epochs, lr, **more)
