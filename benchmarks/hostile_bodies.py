"""Pictures and other bodies of requests as somebody sends them who means harm, or does not know.

Each function of :data:`KINDS` returns a :class:`Request`. It takes a random generator, and the
shape of the images of a grey net, (h, w).
"""

import json
import struct
import zlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, PngImagePlugin

from benchmarks.image_files import image_file

INFER = "/v2/models/net/infer"


@dataclass
class Request:
    """A request, and what should become of it.

    Attributes
    ----------
    body : bytes
    path : str
    headers : dict
    image : ndarray of shape (h, w) or None
        What the net should see, where the answer may be 200 and is known.
    may_answer : bool
        Whether 200 is no fault.
    """

    body: bytes
    path: str = "/v1/predict"
    headers: dict = field(default_factory=dict)
    image: np.ndarray | None = None
    may_answer: bool = False

    def __post_init__(self):
        self.may_answer = self.may_answer or self.image is not None


def _image(rng, shape):
    return rng.integers(0, 256, shape, np.uint8)


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width, height, rows, extra=b"", depth=8, colour=0):
    """Return a PNG by hand, which may say what is not so."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [_chunk(b"IHDR", head), extra, _chunk(b"IDAT", zlib.compress(rows, 9))]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, _chunk(b"IEND", b"")])


def _rows_of(image):
    return b"".join(b"\0" + row.tobytes() for row in image)


# --- pictures -------------------------------------------------------------------------------------


def bomb(rng, shape):
    """Return a few bytes that say they are gigapixels, or are as many as that."""
    side = int(rng.choice([3000, 20_000, 65_000, 2**31 - 1]))
    rows = b"\0" * (side * (side + 1)) if side == 3000 else b"\0" * 100
    return Request(_png(side, side, rows))


def large_but_allowed(rng, shape):
    """Return as many pixels as are allowed, all black."""
    return Request(_png(2000, 2000, b"\0" * (2000 * 2001)), image=np.zeros(shape, np.uint8))


def text_bomb(rng, shape):
    """Return a comment, or a colour profile, that becomes 60 MB."""
    image, text = _image(rng, shape), zlib.compress(b"a" * 60_000_000, 9)
    name = [b"zTXt", b"iCCP", b"iTXt"][rng.integers(3)]
    middle = b"\1\0\0\0" if name == b"iTXt" else b"\0"
    extra = _chunk(name, b"x\0" + middle + text)
    return Request(_png(*shape[::-1], _rows_of(image), extra), may_answer=True)


def scans(rng, shape):
    """Return a JPEG that goes through all of its pixels ten thousand times."""
    side = int(rng.choice([250, 2000]))
    content = image_file(np.zeros((side, side), np.uint8), "JPEG", progressive=True)
    start = content.rfind(b"\xff\xda")
    return Request(content[:start] + content[start:-2] * 10_000 + content[-2:])


def chunks(rng, shape):
    """Return a PNG of eighty thousand parts."""
    image = _image(rng, shape)
    extra = _chunk(b"teSt", b"") * 80_000
    return Request(_png(*shape[::-1], _rows_of(image), extra), image=image)


def truncated(rng, shape):
    """Return a picture that ends too early."""
    format = str(rng.choice(["PNG", "JPEG", "WEBP"]))
    content = image_file(_image(rng, shape), format)
    return Request(content[: rng.integers(1, len(content))], may_answer=True)


def damaged(rng, shape):
    """Return a picture with other bytes here and there."""
    content = bytearray(image_file(_image(rng, shape), str(rng.choice(["PNG", "JPEG", "WEBP"]))))
    for place in rng.integers(len(content), size=rng.integers(1, 30)):
        content[place] ^= rng.integers(1, 256)
    return Request(bytes(content), may_answer=True)


def animated(rng, shape):
    """Return a picture that moves."""
    first, more = _image(rng, shape), [Image.fromarray(_image(rng, shape)) for _ in range(3)]
    format = str(rng.choice(["PNG", "WEBP", "GIF"]))
    return Request(image_file(first, format, save_all=True, append_images=more))


def cmyk(rng, shape):
    """Return a picture for a printer."""
    image = Image.fromarray(_image(rng, (*shape, 4)), "CMYK")
    return Request(image_file(image, "JPEG"), may_answer=True)


def sixteen_bits(rng, shape):
    """Return grey of 16 bits."""
    image = _image(rng, shape)
    return Request(image_file(Image.fromarray(image.astype(np.uint16) * 257)), image=image)


def palette(rng, shape):
    """Return a palette, some of it transparent."""
    image = Image.fromarray(_image(rng, shape)).convert("P")
    return Request(image_file(image, transparency=int(rng.integers(256))), may_answer=True)


def polyglot(rng, shape):
    """Return a picture that is a page, an archive or a script as well."""
    image = _image(rng, shape)
    more = [b"<script>alert(1)</script>", b"PK\3\4" + b"x" * 99, b"#!/bin/sh\nrm -rf /\n"]
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<?php system('id'); ?>")
    return Request(image_file(image, pnginfo=info) + more[rng.integers(3)], image=image)


def other_format(rng, shape):
    """Return a format that is none of the three."""
    formats = ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "PDF"]
    content = image_file(_image(rng, shape), formats[rng.integers(len(formats))])
    texts = [b"%!PS\n(evil) run\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 1000]
    return Request(content if rng.random() < 0.7 else texts[rng.integers(3)])


def canvas(rng, shape):
    """Return a WebP whose head says another size than its picture has."""
    content = bytearray(image_file(Image.fromarray(_image(rng, shape)).convert("RGBA"), "WEBP"))
    head = b"VP8X" + struct.pack("<II", 10, 0x10) + (16382).to_bytes(3, "little") * 2
    body = bytes(content[:12]) + head + bytes(content[12:])
    return Request(body[:4] + struct.pack("<I", len(body) - 8) + body[8:])


def exif(rng, shape):
    """Return a picture with notes that are none."""
    image = _image(rng, shape)
    content = image_file(image, exif=b"Exif\0\0" + rng.bytes(int(rng.integers(1, 2000))))
    return Request(content, may_answer=True)


def too_long(rng, shape):
    """Return more bytes than are allowed."""
    return Request(image_file(_image(rng, shape)) + b"\0" * int(rng.integers(2**20, 2**23)))


# --- numbers and forms ----------------------------------------------------------------------------


def _json(text, path="/v1/predict", **options):
    body = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return Request(body, path, {"Content-Type": "application/json"}, **options)


def deep(rng, shape):
    """Return lists in lists in lists."""
    depth = int(rng.choice([100, 1000, 100_000, 500_000]))
    sign = str(rng.choice(["[", '{"instances":[', '{"a":']))
    return _json('{"instances": ' + (sign * depth)[:1_000_000])


def no_numbers(rng, shape):
    """Return numbers that are none, or too large."""
    width = shape[0] * shape[1]
    values = ["NaN", "Infinity", "-1", "256", "1e999", "9" * 4000, '"1"', "null", "0.5", "{}"]
    row = ["0"] * width
    row[rng.integers(width)] = values[rng.integers(len(values))]
    return _json('{"instances": [[' + ",".join(row) + "]]}")


def strange_text(rng, shape):
    """Return JSON that is none."""
    texts = [
        *("", "nul", "\ud800", '{"instances": [[', "\ufeff{}", "1", '"x"', "[]", "\0" * 100),
        *('{"instances": [[]]}', '{"instances": [[1, 2], [3]]}', '{"instances": []}'),
        json.dumps({f"key{i}": i for i in range(50_000)}),
        '{"instances": [' + "[]," * 300_000 + "[]]}",
        '{"instances": ' + "1" * 900_000 + "}",
    ]
    text = texts[rng.integers(len(texts))]
    return _json(text.encode("utf-16") if rng.random() < 0.2 else text)


def too_many_rows(rng, shape):
    """Return more rows than are allowed."""
    return _json(json.dumps({"instances": [[0]] * 2000}))


def tensor(rng, shape):
    """Return a tensor that does not agree with itself."""
    size = shape[0] * shape[1]
    good = {"name": "images", "shape": [1, 1, *shape], "datatype": "UINT8", "data": [0] * size}
    changes = [
        *({"shape": [2**31, 2**31]}, {"shape": [-1, 1, *shape]}, {"shape": []}),
        *({"shape": [2**62, 1, *shape]}, {"datatype": "BYTES"}, {"datatype": "FP64"}),
        *({"name": "../../etc/passwd"}, {"data": [0] * (size + 1)}, {"data": [[0] * size] * 2}),
        *({"data": ["0"] * size}, {"data": None}, {"parameters": {"binary_data_size": 10**9}}),
    ]
    head = {"inputs": [good | changes[rng.integers(len(changes))]]}
    if rng.random() < 0.2:
        head["id"] = "x" * 100_000
    return _json(json.dumps(head), INFER)


def binary(rng, shape):
    """Return bytes behind JSON whose lengths are wrong."""
    image = _image(rng, shape)
    size = int(rng.choice([image.size, image.size - 1, -1, 2**40]))
    entry = {"name": "images", "shape": [1, 1, *shape], "datatype": "UINT8"}
    text = json.dumps({"inputs": [entry | {"parameters": {"binary_data_size": size}}]}).encode()
    lengths = [len(text) + 1, -1, 10**9, 2**70, 0, "0x10", "1e3"]
    length = len(text) if size != image.size else lengths[rng.integers(len(lengths))]
    headers = {"Inference-Header-Content-Length": str(length)}
    return Request(text + image.tobytes(), INFER, headers)


def form(rng, shape):
    """Return a form that is none, or has too much in it."""
    part = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n'
    png, end = image_file(_image(rng, shape)), b"--b--\r\n"
    bodies = [
        *(b"", b"--b", png, part % (b"other", b"x", png) + end),
        (part % (b"file", b"x", png)) * 5 + end,
        b"".join(part % (b"f%d" % i, b"x", b"y") for i in range(2000)) + end,
        part % (b"file", b"x" * 100_000, png[:50]) + end,
        part % (b"file", b"x", png[:-40]),
    ]
    kinds = ["multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; b"]
    kind = kinds[0] if rng.random() < 0.7 else kinds[rng.integers(3)]
    body = bodies[rng.integers(len(bodies))]
    return Request(body, headers={"Content-Type": kind}, may_answer=body.count(b"x") == 1)


def named(rng, shape):
    """Return a name that is a path, or holds signs."""
    names = ["..%2F..%2Fetc%2Fpasswd", "%00", "a%0d%0aX-Evil:1", "x" * 5000, "%ff", "{{7*7}}"]
    name = names[rng.integers(len(names))]
    return Request(image_file(_image(rng, shape)), f"/v1/predict?model={name}")


KINDS = {
    function.__name__: function
    for function in (
        *(bomb, large_but_allowed, text_bomb, scans, chunks, truncated, damaged, animated, cmyk),
        sixteen_bits,
        *(palette, polyglot, other_format, canvas, exif, too_long, deep, no_numbers),
        *(strange_text, too_many_rows, tensor, binary, form, named),
    )
}
