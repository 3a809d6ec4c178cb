"""Reads the words back out of a PDF that we made, page by page, as a reader's search would."""

import re
import zlib

_STREAM = re.compile(rb"(\d+) 0 obj\n(?:(?!endobj).)*?stream\n(.*?)\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"/F(\d+) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\) Tj", re.DOTALL)
_ESCAPED = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pages_of(pdf: bytes) -> list[str]:
    """Return the text of each page, a line for each time that text was set."""
    streams = {int(number): _inflated(content) for number, content in _STREAM.findall(pdf)}
    fonts = {
        int(name): _letters(streams[_to_unicode(pdf, int(font))])
        for name, font in re.findall(rb"/F(\d+) (\d+) 0 R", pdf)
    }
    contents = [int(number) for number in re.findall(rb"/Contents (\d+) 0 R", pdf)]
    return ["\n".join(_lines(streams[number], fonts)) for number in contents]


def text_of(pdf: bytes) -> str:
    """Return the text of all pages, with every line break as one space, so that wrapping does not matter."""
    return " ".join(" ".join(pages_of(pdf)).split())


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


def _to_unicode(pdf: bytes, font: int) -> int:
    found = re.search(rb"\n%d 0 obj\n.*?/ToUnicode (\d+) 0 R" % font, pdf, re.DOTALL)
    assert found is not None
    return int(found[1])


def _letters(cmap: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n", cmap.partition(b"beginbfchar")[2])
    return {int(code, 16): bytes.fromhex(letter.decode()).decode("utf-16-be") for code, letter in pairs}


def _lines(content: bytes, fonts: dict[int, dict[int, str]]) -> list[str]:
    lines, font = [], 0
    for name, shown in _SHOWN.findall(content):
        if name:
            font = int(name)
            continue
        codes = re.sub(rb"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), shown, flags=re.DOTALL)
        lines.append(
            "".join(fonts[font][int.from_bytes(codes[i : i + 2], "big")] for i in range(0, len(codes), 2)).strip()
        )
    return lines
