"""Pictures and other bodies of requests as somebody sends them who means harm, or does not know.

Each function of :data:`KINDS` returns a :class:`Request`. It takes a random generator, and the
shape of the images of a grey net, (h, w).
"""

import json
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, PngImagePlugin

from benchmarks.image_files import image_file

INFER = "/v2/models/net/infer"
READABLE = ["PNG", "JPEG", "WEBP"]


@dataclass
class Request:
    """A request, and what may become of it besides being refused."""

    body: bytes
    path: str = "/v1/predict"
    headers: dict | None = None
    image: np.ndarray | None = None  # (h, w): what the net should see, if it answers
    may_answer: bool = False  # where that is not known


def _one(rng, choices):
    return choices[rng.integers(len(choices))]


def _image(rng, shape):
    return rng.integers(0, 256, shape, np.uint8)


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(shape, rows, extra=b""):
    """Return a grey PNG by hand, which may say what is not so."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", *shape[::-1], 8, 0, 0, 0, 0))
    content = _chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + head + extra + content + _chunk(b"IEND", b"")


def _png_with(image, extra):
    """Return the PNG of an image with more in it, before the rows, which begin with a zero each."""
    return _png(image.shape, np.pad(image, ((0, 0), (1, 0))).tobytes(), extra)


# --- pictures -------------------------------------------------------------------------------------


def _bomb(rng, shape):
    """Return a few bytes that say they are gigapixels, or are as many as that."""
    side = _one(rng, [3000, 20_000, 65_000, 2**31 - 1])
    return Request(_png((side, side), b"\0" * (side * (side + 1) if side == 3000 else 100)))


def _large_but_allowed(rng, shape):
    return Request(_png((2000, 2000), b"\0" * (2000 * 2001)), image=np.zeros(shape, np.uint8))


def _text_bomb(rng, shape):
    """Return a comment, or a colour profile, that becomes 60 MB."""
    image, text = _image(rng, shape), zlib.compress(b"a" * 60_000_000, 9)
    name = _one(rng, [b"zTXt", b"iCCP", b"iTXt"])
    middle = b"\1\0\0\0" if name == b"iTXt" else b"\0"
    return Request(_png_with(image, _chunk(name, b"x\0" + middle + text)), may_answer=True)


def _scans(rng, shape):
    """Return a JPEG that goes through all of its pixels ten thousand times."""
    side = _one(rng, [250, 2000])
    content = image_file(np.zeros((side, side), np.uint8), "JPEG", progressive=True)
    start = content.rfind(b"\xff\xda")
    return Request(content[:start] + content[start:-2] * 10_000 + content[-2:])


def _chunks(rng, shape):
    """Return a PNG of eighty thousand parts."""
    image = _image(rng, shape)
    return Request(_png_with(image, _chunk(b"teSt", b"") * 80_000), image=image)


def _truncated(rng, shape):
    format = _one(rng, READABLE)
    content = image_file(_image(rng, shape), format)
    return Request(content[: rng.integers(1, len(content))], may_answer=True)


def _damaged(rng, shape):
    content = bytearray(image_file(_image(rng, shape), _one(rng, READABLE)))
    for place in rng.integers(len(content), size=rng.integers(1, 30)):
        content[place] ^= rng.integers(1, 256)
    return Request(bytes(content), may_answer=True)


def _animated(rng, shape):
    first, *more = (Image.fromarray(_image(rng, shape)) for _ in range(4))
    format = _one(rng, ["PNG", "WEBP", "GIF"])
    return Request(image_file(first, format, save_all=True, append_images=more))


def _cmyk(rng, shape):
    image = Image.fromarray(_image(rng, (*shape, 4)), "CMYK")
    return Request(image_file(image, "JPEG"), may_answer=True)


def _sixteen_bits(rng, shape):
    image = _image(rng, shape)
    return Request(image_file(image.astype(np.uint16) * 257), image=image)


def _palette(rng, shape):
    image = Image.fromarray(_image(rng, shape)).convert("P")
    return Request(image_file(image, transparency=int(rng.integers(256))), may_answer=True)


def _polyglot(rng, shape):
    """Return a picture that is a page, an archive or a script as well."""
    image, info = _image(rng, shape), PngImagePlugin.PngInfo()
    info.add_text("Comment", "<?php system('id'); ?>")
    more = [b"<script>alert(1)</script>", b"PK\3\4" + b"x" * 99, b"#!/bin/sh\nrm -rf /\n"]
    return Request(image_file(image, pnginfo=info) + _one(rng, more), image=image)


def _other_format(rng, shape):
    formats = ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "PDF"]
    content = image_file(_image(rng, shape), _one(rng, formats))
    texts = [b"%!PS\n(evil) run\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 1000]
    return Request(content if rng.random() < 0.7 else _one(rng, texts))


def _canvas(rng, shape):
    """Return a WebP whose head says another size than its picture has."""
    content = image_file(Image.fromarray(_image(rng, shape)).convert("RGBA"), "WEBP")
    head = b"VP8X" + struct.pack("<II", 10, 0x10) + (16382).to_bytes(3, "little") * 2
    size = struct.pack("<I", len(content) + len(head) - 8)
    return Request(content[:4] + size + content[8:12] + head + content[12:])


def _exif(rng, shape):
    image = _image(rng, shape)
    notes = b"Exif\0\0" + rng.bytes(int(rng.integers(1, 2000)))
    return Request(image_file(image, exif=notes), may_answer=True)


def _too_long(rng, shape):
    return Request(image_file(_image(rng, shape)) + b"\0" * int(rng.integers(2**20, 2**23)))


# --- numbers and forms ----------------------------------------------------------------------------


def _json(text, path="/v1/predict"):
    body = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return Request(body, path, {"Content-Type": "application/json"})


def _deep(rng, shape):
    depth = _one(rng, [100, 1000, 100_000, 500_000])
    sign = _one(rng, ["[", '{"instances":[', '{"a":'])
    return _json('{"instances": ' + (sign * depth)[:1_000_000])


def _no_numbers(rng, shape):
    values = ["NaN", "Infinity", "-1", "256", "1e999", "9" * 4000, '"1"', "null", "0.5", "{}"]
    row = ["0"] * (shape[0] * shape[1])
    row[rng.integers(len(row))] = _one(rng, values)
    return _json('{"instances": [[' + ",".join(row) + "]]}")


def _strange_text(rng, shape):
    texts = [
        *("", "nul", "\ud800", '{"instances": [[', "\ufeff{}", "1", '"x"', "[]", "\0" * 100),
        *('{"instances": [[]]}', '{"instances": [[1, 2], [3]]}', '{"instances": []}'),
        json.dumps({f"key{i}": i for i in range(50_000)}),
        '{"instances": [' + "[]," * 300_000 + "[]]}",
        '{"instances": ' + "1" * 900_000 + "}",
    ]
    text = _one(rng, texts)
    return _json(text.encode("utf-16") if rng.random() < 0.2 else text)


def _too_many_rows(rng, shape):
    return _json(json.dumps({"instances": [[0]] * 2000}))


def _tensor(rng, shape):
    """Return a tensor that does not agree with itself."""
    size = shape[0] * shape[1]
    good = {"name": "images", "shape": [1, 1, *shape], "datatype": "UINT8", "data": [0] * size}
    changes = [
        *({"shape": [2**31, 2**31]}, {"shape": [-1, 1, *shape]}, {"shape": []}),
        *({"shape": [2**62, 1, *shape]}, {"datatype": "BYTES"}, {"datatype": "FP64"}),
        *({"name": "../../etc/passwd"}, {"data": [0] * (size + 1)}, {"data": [[0] * size] * 2}),
        *({"data": ["0"] * size}, {"data": None}, {"parameters": {"binary_data_size": 10**9}}),
    ]
    head = {"inputs": [good | _one(rng, changes)]}
    more = {"id": "x" * 100_000} if rng.random() < 0.2 else {}
    return _json(json.dumps(head | more), INFER)


def _binary(rng, shape):
    """Return bytes behind JSON whose lengths are wrong."""
    image = _image(rng, shape)
    size = _one(rng, [image.size, image.size - 1, -1, 2**40])
    entry = {"name": "images", "shape": [1, 1, *shape], "datatype": "UINT8"}
    text = json.dumps({"inputs": [entry | {"parameters": {"binary_data_size": size}}]}).encode()
    length = len(text)
    if size == image.size:
        length = _one(rng, [length + 1, -1, 10**9, 2**70, 0, "0x10", "1e3"])
    headers = {"Inference-Header-Content-Length": str(length)}
    return Request(text + image.tobytes(), INFER, headers)


def _form(rng, shape):
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
    kind = kinds[0] if rng.random() < 0.7 else _one(rng, kinds)
    body = _one(rng, bodies)
    return Request(body, headers={"Content-Type": kind}, may_answer=body.count(b"x") == 1)


def _named(rng, shape):
    """Return a name that is a path, or holds signs."""
    names = ["..%2F..%2Fetc%2Fpasswd", "%00", "a%0d%0aX-Evil:1", "x" * 5000, "%ff", "{{7*7}}"]
    name = _one(rng, names)
    return Request(image_file(_image(rng, shape)), f"/v1/predict?model={name}")


PICTURES = (
    *(_bomb, _large_but_allowed, _text_bomb, _scans, _chunks, _truncated, _damaged, _animated),
    *(_cmyk, _sixteen_bits, _palette, _polyglot, _other_format, _canvas, _exif, _too_long),
)
OTHERS = (_deep, _no_numbers, _strange_text, _too_many_rows, _tensor, _binary, _form, _named)
KINDS = {function.__name__[1:]: function for function in (*PICTURES, *OTHERS)}
