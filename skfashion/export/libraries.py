"""The libraries of the extra "export", imported where they are needed."""

from functools import partial

from skfashion.utils.extras import import_library as import_of_extra

import_library = partial(import_of_extra, extra="export", what="Exports need")
