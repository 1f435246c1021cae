"""Images as the bytes of a file, as clients send them."""

import io


def image_file(pixels, format="PNG", **options):
    """Return an array, uint8 (h, w) or (h, w, 3), or an image of Pillow's, as a file's bytes."""
    from PIL import Image

    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, format, **options)
    return stream.getvalue()
