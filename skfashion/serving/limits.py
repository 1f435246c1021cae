"""Limits of a service: what a request may cost, with defaults for a machine of 300 MB."""

from dataclasses import dataclass, field, fields


def _limit(default, what, lowest):
    return field(default=default, metadata={"what": what, "lowest": lowest})


@dataclass(frozen=True)
class Limits:
    """What a request may cost; a flag each of ``python -m skfashion serve``.

    Raises
    ------
    ValueError
        If one is no number, or lower than makes sense.
    """

    max_body_bytes: int = _limit(2**20, "bytes of a request's body", 1)
    max_pixels: int = _limit(4_000_000, "pixels of a picture, read from its header", 1)
    max_rows: int = _limit(1024, "images or rows of a request", 1)
    max_requests: int = _limit(64, "requests that a process has at a time; more are told 503", 1)
    timeout: float = _limit(10.0, "seconds from a request's first byte to its answer", 0.001)

    def __post_init__(self):
        for limit in fields(self):
            given, lowest = getattr(self, limit.name), limit.metadata["lowest"]
            is_number = isinstance(given, limit.type) or (
                limit.type is float and type(given) is int
            )
            if not is_number or isinstance(given, bool) or not lowest <= given < float("inf"):
                raise ValueError(
                    f"Got {limit.name}={given!r}, expected {limit.type.__name__} of at least "
                    f"{lowest}: {limit.metadata['what']}."
                )
