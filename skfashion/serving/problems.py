"""Errors as clients see them: problem+json (RFC 9457), in words, without a trace."""

import json
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Something that a client is told.

    Parameters
    ----------
    status : int
        Of HTTP, 400 to 599.
    detail : str
        What was given, what was expected, and what to do.
    headers : dict of str to str, or None
    """

    def __init__(self, status, detail, headers=None):
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


def problem_body(status, detail, request_id):
    """Return a problem as bytes of JSON.

    "error" repeats the detail: clients of the Open Inference Protocol look for it there.
    """
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "request_id": request_id,
        "error": detail,
    }
    return json.dumps(problem).encode()


def in_one_line(text, longest=300):
    """Return a library's message as one short line of printable signs."""
    signs = (sign if sign.isprintable() else " " for sign in str(text)[: 4 * longest])
    return " ".join("".join(signs).split())[:longest]
