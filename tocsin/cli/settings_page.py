"""The page of all settings, written from the settings class: what is not in the class is not in the page."""

import ast
import inspect
from enum import StrEnum
from types import UnionType
from typing import Any, get_args

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from tocsin.settings import PREFIX, Settings

HEAD = """# Configuration

Written from `tocsin/settings.py` by `python -m tocsin.cli.settings_page`, and compared with it by a test.
Edit the class, not this page.

Every setting is an environment variable. Each may be given as a file instead, under its name with `_FILE` behind it:
do so for every secret. An unknown name, a wrong value or a missing file stops the start; all mistakes are told at once.
`tocsin doctor` says whether what is set also works.

Temporal may be configured as its own command line is: a profile in `temporal.toml`, and the variables `TEMPORAL_*`
(`TEMPORAL_TLS_CLIENT_CERT_PATH`, `TEMPORAL_TLS_CLIENT_KEY_PATH`, `TEMPORAL_TLS_SERVER_CA_CERT_PATH`, …).
First comes what stands below, then the variables, then the profile.

| setting | default | meaning |
| --- | --- | --- |
"""


def page() -> str:
    """Return docs/configuration.md."""
    said = _docstrings()
    rows = (
        f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {_meaning(said.get(name, ''), field.annotation)} |"
        for name, field in Settings.model_fields.items()
    )
    return HEAD + "\n".join(rows) + "\n"


def _docstrings() -> dict[str, str]:
    body = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            said = ast.literal_eval(text.value)
            found[field.target.id] = " ".join(said.split())
    return found


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined or value == "":
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(said: str, kind: Any) -> str:
    kinds = [kind, *(get_args(kind) if isinstance(kind, UnionType) else ())]
    choices = [one for one in kinds if isinstance(one, type) and issubclass(one, StrEnum)]
    parts = [said, *("One of " + ", ".join(f"`{member}`" for member in one) + "." for one in choices)]
    if SecretStr in kinds:
        parts.append("A secret.")
    return " ".join(part for part in parts if part).replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
