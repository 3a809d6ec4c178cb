"""A TOML file, read as a table or refused in one sentence."""

import tomllib
from pathlib import Path
from typing import Any

from tocsin.domain.errors import Refused


def read_toml(path: Path, fix: str) -> dict[str, Any]:
    """Read a file.

    Args:
        path: the file.
        fix: what to do where there is none.

    Raises:
        Refused: if it is missing, cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise Refused(f"there is no {path}; {fix}") from None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}; give the path of a file that you may read") from error
    except RecursionError:
        raise Refused(f"{path} is nested too deeply to read; a handful of levels is enough") from None
    except ValueError as error:  # tomllib's own, with line and column; also bytes that are no text
        raise Refused(f"{path} is not TOML: {error}; correct it there") from error
