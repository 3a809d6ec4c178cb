"""A register's file, CSV or TOML by its name."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from tocsin.adapters.register_csv import stream_register, write_register
from tocsin.adapters.register_toml import stream_toml, write_toml
from tocsin.domain.register import Agreement


class Format(StrEnum):
    """How a register is written."""

    CSV = "csv"
    TOML = "toml"


def stream_file(path: Path, id_key: bytes) -> Iterator[Agreement]:
    """Yield a file's agreements; a name that ends in `.toml` is TOML. Raises Refused at the end, with every mistake."""
    return stream_toml(path, id_key) if path.suffix.casefold() == ".toml" else stream_register(path, id_key)


def write_file(agreements: Iterable[Agreement], form: Format) -> bytes:
    """Return the register in that form; reading it gives the same agreements."""
    return write_toml(agreements) if form is Format.TOML else write_register(agreements)
