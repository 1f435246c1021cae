"""Turn pictures, above all files, into the images that nets take.

`skfashion.pictures` decodes files; here are the transformers around it.
"""

from skfashion.preprocessing.fashion import PhotoToFashion
from skfashion.preprocessing.reader import ImageReader

__all__ = ["ImageReader", "PhotoToFashion"]
