"""Bodies of requests: read as a stream with a limit, and what is in them."""

import math
from dataclasses import dataclass

from pydantic import ValidationError
from starlette.requests import Request

from skfashion.serving.pictures import open_picture
from skfashion.serving.problems import ProblemError, in_one_line

# Of a body that is too long, so much is thrown away before the answer: a client that is still
# sending would otherwise find its connection closed, and no answer.
THROWN_AWAY = 2**24
# Parts of a form.
MAX_FIELDS = 8
# The seconds that a pixel of a picture and a byte of JSON take, about, to decode.
PIXEL_SECONDS, BYTE_SECONDS = 3e-8, 6e-8
# Bytes of a file whose parts are no matter: of a longer one, to go through them may take long.
SMALL = 2**13
TOO_LARGE = "Got a body of more than {} bytes, expected at most that. Send less at a time."


@dataclass(frozen=True, eq=False)
class Sent:
    """What a request has brought: a picture, or JSON.

    Attributes
    ----------
    picture : PIL.Image.Image or None
        Opened, of a small file.
    file : bytes or None
        A picture of a larger one.
    json : bytes or None
    """

    picture: object = None
    file: bytes | None = None
    json: bytes | None = None

    @property
    def seconds(self):
        """About how long decoding takes."""
        if self.json is not None:
            return len(self.json) * BYTE_SECONDS
        if self.file is not None:
            return math.inf
        return self.picture.width * self.picture.height * PIXEL_SECONDS

    def open(self, max_pixels):
        """Return the picture; see :func:`open_picture`."""
        return self.picture if self.file is None else open_picture(self.file, max_pixels)


async def read_body(request, max_bytes):
    """Return a request's body, bytes, of which no more than a limit is ever kept.

    Raises
    ------
    ProblemError
        413 if it is longer, 415 if it is compressed.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise ProblemError(415, "Got a compressed body, expected none. Send it as it is.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= max_bytes:
            parts.append(part)
        elif size > THROWN_AWAY:
            break
        else:
            parts.clear()
    if size > max_bytes:
        # The rest of it, if any, would be taken for the next request.
        closing = {"Connection": "close"} if size > THROWN_AWAY else None
        raise ProblemError(413, TOO_LARGE.format(max_bytes), closing)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def read_sent(request, limits):
    """Return what a request has brought: its body, or the field ``file`` of a form.

    Raises
    ------
    ProblemError
        4xx, of what is neither a picture nor JSON, or beyond a limit.
    """
    body = await read_body(request, limits.max_body_bytes)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return Sent(json=body)
    if kind == "multipart/form-data":
        body = await _file_of_form(request, body)
    if not body:
        raise ProblemError(422, "Got an empty body, expected a picture or JSON.")
    if len(body) > SMALL:
        return Sent(file=body)
    return Sent(picture=open_picture(body, limits.max_pixels))


async def _file_of_form(request, body):
    """Return the field "file" of a form whose bytes have been read."""

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        again = Request(request.scope, receive)
        async with again.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=len(body)) as form:
            file = form.get("file")
            return file.encode() if isinstance(file, str) or file is None else await file.read()
    except AttributeError:
        raise ProblemError(422, "Got a form without a field 'file', expected a picture.") from None
    except Exception as error:
        # The parser's own errors, and those of text in a wrong encoding.
        raise ProblemError(422, f"Got a form that cannot be read: {in_one_line(error)}") from None


def parse(message, content):
    """Return JSON as a message of a pydantic class.

    Raises
    ------
    ProblemError
        400 if it is no JSON, 422 if it is another message.
    """
    try:
        return message.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        status = 400 if first["type"] == "json_invalid" else 422
        where = ".".join(map(str, first["loc"]))
        said = f"{where}: {first['msg']}" if where else first["msg"]
        raise ProblemError(status, f"Got JSON that does not fit: {in_one_line(said)}") from None
