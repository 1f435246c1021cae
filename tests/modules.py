"""Modules as people write them, for `ModuleClassifier`."""

import torch
from torch import nn
from torch.nn import functional


class Plain(nn.Module):
    """Convolution, batch norm, dropout."""

    def __init__(self, n_classes, in_channels=1, width=4, dropout=0.2):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.drop = nn.Dropout(dropout)
        self.fc1 = nn.Linear(16 * width, 32)
        self.fc2 = nn.Linear(32, n_classes)

    def forward(self, x):
        """Return the logits."""
        x = self.pool(functional.relu(self.norm(self.conv(x))))
        x = self.drop(x.view(x.size(0), -1))  # which channels last does not suit
        return self.fc2(functional.relu(self.fc1(x)))


class RowLSTM(nn.Module):
    """An LSTM that reads an image row by row."""

    def __init__(self, image_shape, n_classes, hidden=24, num_layers=1, dropout=0.0):
        super().__init__()
        channels, _, width = image_shape
        options = {"batch_first": True, "num_layers": num_layers, "dropout": dropout}
        self.lstm = nn.LSTM(channels * width, hidden, **options)
        self.fc = nn.Linear(hidden, n_classes)

    def forward(self, x):
        """Return the logits."""
        states, _ = self.lstm(x.transpose(1, 2).flatten(2))
        return self.fc(states[:, -1])


def shufflenet(**options):
    """Return the smallest of torchvision's ShuffleNets, whose signature says nothing."""
    import torchvision  # slow to import

    return torchvision.models.shufflenet_v2_x0_5(**options)


def perceptron(in_features, num_classes, width=16):
    """Return a plain multilayer perceptron for rows."""
    layers = [nn.Linear(in_features, width), nn.ReLU(), nn.Linear(width, num_classes)]
    return nn.Sequential(*layers)


class Lazy(nn.Module):
    """Layers that learn their sizes from the first batch."""

    def __init__(self, num_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten())
        self.out = nn.LazyLinear(num_classes)

    def forward(self, x):
        """Return the logits."""
        return self.out(self.layers(x))


class Branches(nn.Module):
    """A branch for the image, one for its columns, and what follows both."""

    def __init__(self, image_shape, n_classes):
        super().__init__()
        channels, _, width = image_shape
        self.image = nn.Sequential(nn.Conv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.columns = nn.Linear(channels * width, 8)
        self.both = nn.Linear(24, n_classes)

    def forward(self, x):
        """Return the logits; a last step keeps the linear layer from being the last one."""
        both = torch.cat([self.image(x), self.columns(x.mean(2).flatten(1))], 1)
        return self.both(both).clamp(-30, 30)


class Forgetful(nn.Module):
    """Dropout that no layer knows of."""

    def __init__(self, in_features, n_classes, always=False):
        super().__init__()
        self.always = always
        self.hidden, self.out = nn.Linear(in_features, 16), nn.Linear(16, n_classes)

    def forward(self, x):
        """Return the logits."""
        x = self.hidden(x.flatten(1)).relu()
        return self.out(functional.dropout(x, 0.5, training=self.training or self.always))


class Returning(nn.Module):
    """Whatever a function makes of the logits."""

    def __init__(self, n_classes, function, in_features):
        super().__init__()
        self.layer, self.function = nn.Linear(in_features, n_classes), function

    def forward(self, x):
        """Return what the function returns."""
        return self.function(self.layer(x.flatten(1)))


class Keeping(nn.Module):
    """What keeps results of its last call, as attention maps are kept for pictures."""

    def __init__(self, in_features, n_classes):
        super().__init__()
        self.hidden, self.out = nn.Linear(in_features, 16), nn.Linear(16, n_classes)
        self.kept = {}

    def forward(self, x):
        """Return the logits."""
        self.last = self.hidden(x.flatten(1)).relu()
        self.kept["all"] = [self.last.exp()]
        return self.out(self.last)


class Centred(nn.Module):
    """Rows minus a moving mean, which is no buffer."""

    def __init__(self, in_features, n_classes):
        super().__init__()
        self.hidden, self.out = nn.Linear(in_features, 16), nn.Linear(16, n_classes)
        self.mean = torch.zeros(16)

    def forward(self, x):
        """Return the logits."""
        x = self.hidden(x.flatten(1))
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return self.out((x - self.mean).relu())
