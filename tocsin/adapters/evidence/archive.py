"""A pack as one file: a zip whose bytes follow from its content alone, and the careful opening of anybody's zip."""

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.adapters.evidence import standalone
from tocsin.adapters.evidence.folder import FILE_MODE, refuse_taken, unwritable
from tocsin.domain.errors import Refused

SUFFIX = ".zip"
_BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say: when a file was written says nothing of what is in it."""
_UNIX = 3
_PIECE = 1 << 16
_DAMAGED = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


def is_archive(target: Path) -> bool:
    """Say whether what was named is to be one file, by its name."""
    return target.suffix.lower() == SUFFIX


def zipped(folder: Path, target: Path) -> None:
    """Write all files of a folder into one zip, by name; it appears whole or not at all.

    Raises:
        Refused: if there is something at `target`, or the disk refuses.
    """
    refuse_taken(target)
    part = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE), "wb") as file:
            _write(folder, file)
        os.link(part, target)  # unlike renaming, it never replaces what came in between
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def unpacked(pack: Path) -> Iterator[Path]:
    """Yield the folder of a pack: itself if it is one, else a temporary one that the zip is unpacked to.

    Raises:
        Refused: if it is neither folder nor zip, or a zip that is hostile or damaged.
    """
    if pack.is_dir():
        yield pack
        return
    if not pack.is_file():
        raise Refused(f"there is no {pack}; name the folder or the .zip that `tocsin evidence` wrote")
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pack-"))
    try:
        _unpack(pack, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, file: object) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as pack:  # type: ignore[call-overload]
        for name in sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()):
            path, info = folder / name, zipfile.ZipInfo(name, _BEGINNING)
            info.create_system, info.external_attr = _UNIX, FILE_MODE << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as source, pack.open(info, "w", force_zip64=path.stat().st_size > 1 << 31) as inside:
                shutil.copyfileobj(source, inside, _PIECE)


def _unpack(pack: Path, folder: Path) -> None:
    try:
        opened = standalone.opened(pack)
    except standalone.NoPackError as error:
        raise Refused(f"{error}; it was not opened") from None
    with opened:
        for info in opened.infolist():
            target = folder / info.filename
            target.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                _copy(opened, info, target)
            except _DAMAGED as error:
                why = f"its file {info.filename} cannot be unpacked ({error}): it was changed or damaged"
                raise Refused(f"{pack}: {why}; compare it with another copy") from error


def _copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Unpack one file, and no more of it than the zip's own list says."""
    left = info.file_size
    with opened.open(info) as source, target.open("xb") as file:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile("it is longer than the zip says")
            file.write(piece)
