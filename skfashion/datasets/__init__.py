"""Fashion-MNIST and its relatives, a bundled sample, known skews and known corruptions.

Nothing here trains. Random changes of training images are in ``training``.
"""

from skfashion.datasets._cifar import fetch_cifar10
from skfashion.datasets._corrupt import SEVERITIES, make_corrupted
from skfashion.datasets._emnist import fetch_emnist
from skfashion.datasets._fetch import fetch_fashion_mnist
from skfashion.datasets._folder import load_image_folder
from skfashion.datasets._groups import make_groups
from skfashion.datasets._hash import data_hash
from skfashion.datasets._idx import read_idx
from skfashion.datasets._imbalance import make_imbalanced
from skfashion.datasets._mnist import fetch_kmnist, fetch_mnist
from skfashion.datasets._sample import load_fashion_sample

__all__ = [
    "SEVERITIES",
    "data_hash",
    "fetch_cifar10",
    "fetch_emnist",
    "fetch_fashion_mnist",
    "fetch_kmnist",
    "fetch_mnist",
    "load_fashion_sample",
    "load_image_folder",
    "make_corrupted",
    "make_groups",
    "make_imbalanced",
    "read_idx",
]
