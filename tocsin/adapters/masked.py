"""What a channel said, fit to be kept: short, on one line, every mail address masked."""

import re

_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_LONGEST = 500


def masked(detail: str) -> str:
    """Return the detail with addresses masked, in at most 500 characters."""
    # Cut twice: masking takes quadratic time, and a cut before it could leave half an address.
    return _ADDRESS.sub("(address)", detail[: 8 * _LONGEST])[:_LONGEST]
