"""Fashion-MNIST: the full data, and a sample of it that is bundled with the package."""

from skfashion.datasets._fetch import fetch_fashion_mnist
from skfashion.datasets._hash import data_hash
from skfashion.datasets._sample import load_fashion_sample

__all__ = ["data_hash", "fetch_fashion_mnist", "load_fashion_sample"]
