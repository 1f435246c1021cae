"""Pictures as people have them, files above all, made the images that nets take.

What decodes a file is `skfashion.pictures`; here are the transformers around it.
"""

from skfashion.preprocessing.fashion import PhotoToFashion
from skfashion.preprocessing.reader import ImageReader

__all__ = ["ImageReader", "PhotoToFashion"]
