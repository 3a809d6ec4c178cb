"""Reading a mail that has the very form in which Tocsin writes it; of any other, nothing is said.

Python's parser is ready for any mail, and takes most of the time of checking a large pack. What is read here has one
reading only, for any parser: ASCII headers, each there once, and two parts between boundaries.
"""

import re
from binascii import a2b_qp
from typing import NamedTuple

_FOLD = re.compile(r"\r\n(?=[ \t])")
_LINE = re.compile(r"([A-Za-z-]+): ([!-~](?:[ -~]*[!-~])?)")
_ADDRESS = re.compile(r"(?:([A-Za-z0-9]+(?: [A-Za-z0-9]+)*) )?<([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9.-]+)>")
_ENCODED = "=?"
_BOUNDARY = re.compile(r'multipart/alternative; boundary="([A-Za-z0-9=_]+)"')
_PART = re.compile(
    rb'\r\nContent-Type: text/(plain|html); charset="utf-8"\r\n'
    rb"Content-Transfer-Encoding: quoted-printable\r\n(?:MIME-Version: 1\.0\r\n)?\r\n(.*)\r\n",
    re.DOTALL,
)
_KINDS = [b"plain", b"html"]


class OurMail(NamedTuple):
    """A mail's headers as they stand in it, by name in small letters, and its two parts."""

    headers: dict[str, str]
    text: str
    html: str

    @property
    def is_plain(self) -> bool:
        """Whether the headers mean what stands in them: no word of them is encoded."""
        return not any(_ENCODED in value for value in self.headers.values())


def our_mail(sent: bytes) -> OurMail | None:
    """Return a mail's parts, or None if it is not of our form. Raises ValueError if a part is not UTF-8."""
    head, _, body = sent.partition(b"\r\n\r\n")
    headers = _headers(head)
    kind = _BOUNDARY.fullmatch(headers.get("content-type", ""))
    if kind is None:
        return None
    begin, *parts = body.split(b"--" + kind[1].encode())
    if begin or len(parts) != 3 or parts[2] != b"--\r\n":
        return None
    found = [part for part in map(_PART.fullmatch, parts[:2]) if part]
    if [part[1] for part in found] != _KINDS:
        return None
    text, html = (a2b_qp(part[2]).decode() for part in found)
    return OurMail(headers, text, html)


def address(value: str | None) -> tuple[str, str] | None:
    """Return name and address of a header that names one plainly, or None."""
    found = _ADDRESS.fullmatch(value or "")
    return (found[1] or "", found[2]) if found else None


def _headers(head: bytes) -> dict[str, str]:
    """Return the headers, or nothing if one is not of our form or stands twice."""
    try:
        lines = [_LINE.fullmatch(line) for line in _FOLD.sub("", head.decode("ascii")).split("\r\n")]
    except UnicodeDecodeError:
        return {}
    headers = {line[1].lower(): line[2] for line in lines if line}
    return headers if len(headers) == len(lines) else {}
