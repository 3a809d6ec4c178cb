"""Playbooks: who does what within how long of the report, per kind of incident, as TOML. A bad file is refused whole.

One file per kind, named for it: a `title`, then a `[[step]]` per investigation step, mitigation task or improvement
with `key`, `kind`, `title`, `owner` (a role), `due_after` (as in `30min`, `4h`, `3d`) and `depends_on` (keys).
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from tocsin.domain.act import Role
from tocsin.domain.errors import Refused
from tocsin.domain.register_text import did_you_mean, parse_period
from tocsin.domain.task import Playbook, Step, TaskKind

GENERAL = "general"
"""The playbook for every kind of incident that has none of its own."""

STEP_KINDS = (TaskKind.INVESTIGATION, TaskKind.MITIGATION, TaskKind.IMPROVEMENT)
"""What a step may be. Notices by hand are made by waves, not by playbooks."""

OWNERS = (Role.RESPONDER, Role.APPROVER, Role.ADMIN)
"""The roles that may own a step; an auditor changes nothing."""

_PLAYBOOK_KEYS = ("title", "step")
_STEP_KEYS = ("key", "kind", "title", "owner", "due_after", "depends_on")
_REQUIRED = ("key", "kind", "title", "due_after")


class ShippedPlaybooks:
    """The playbooks that ship, and the user's own, which replace those of the same kind."""

    def __init__(self, playbooks: Iterable[Playbook]) -> None:
        self._by_kind = {playbook.kind: playbook for playbook in playbooks}

    def for_kind(self, kind: str) -> Playbook:
        """Return the playbook for a kind of incident, or the general one."""
        return self._by_kind.get(_kind_name(kind), self._by_kind[GENERAL])

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds that have a playbook of their own, in alphabetical order."""
        return tuple(sorted(self._by_kind))


def load_playbooks(extra: Path | None = None) -> ShippedPlaybooks:
    """Read the shipped playbooks, then those in the folder `extra`; a folder that is not there holds none.

    Raises:
        Refused: naming every mistake in every file.
    """
    sources: list[Traversable] = [*files(__name__).iterdir()]
    if extra is not None and extra.is_dir():
        sources += sorted(extra.iterdir())
    mistakes: list[str] = []
    playbooks = [_playbook(source, mistakes) for source in sources if source.name.endswith(".toml")]
    if mistakes:
        raise Refused("the playbooks are wrong:\n  " + "\n  ".join(mistakes))
    return ShippedPlaybooks(playbooks)


def _kind_name(kind: str) -> str:
    return "_".join(kind.strip().casefold().replace("-", " ").split())


def _playbook(source: Traversable, mistakes: list[str]) -> Playbook:
    kind = source.name.removesuffix(".toml")
    found: list[str] = []
    raw = _toml(source, found)
    steps: tuple[Step, ...] = ()
    if raw is not None:
        if kind != _kind_name(kind):
            found.append(f"the file's name is its kind; rename it to {_kind_name(kind)}.toml")
        found.extend(_unknown(raw, _PLAYBOOK_KEYS))
        if not _is_text(raw.get("title")):
            found.append('`title` is missing; add title = "..." as the first line')
        steps = tuple(_steps(raw.get("step"), found))
        found.extend(_order_mistakes(raw.get("step")))
    mistakes.extend(f"{source.name}: {what}" for what in found)
    return Playbook(kind=kind, title=str(raw and raw.get("title")), steps=steps)


def _toml(source: Traversable, mistakes: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(f"it is not TOML: {error}")  # tomllib names line and column
    except OSError as error:
        mistakes.append(f"cannot read it: {error.strerror}")
    return None


def _steps(raw: object, mistakes: list[str]) -> Iterator[Step]:
    if not isinstance(raw, list) or not raw:
        mistakes.append("there is no [[step]]; add at least one")
        return
    for number, table in enumerate(raw, start=1):
        found = list(_step_mistakes(table)) if isinstance(table, dict) else ["it is no table; write [[step]]"]
        mistakes.extend(f"step {_name(table, number)}: {what}" for what in found)
        if not found:
            yield Step.model_validate(table | {"due_after": parse_period(table["due_after"])})


def _step_mistakes(table: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(table, _STEP_KEYS)
    for key in _REQUIRED:
        if not _is_text(table.get(key)):
            yield f"`{key}` is missing or not text"
    for key, known in (("kind", STEP_KINDS), ("owner", OWNERS)):
        word = table.get(key, Role.RESPONDER if key == "owner" else None)
        if word is not None and word not in known:
            yield f"the {key} {word!r} is unknown{did_you_mean(str(word), known)}; known: {', '.join(known)}"
    if _is_text(table.get("due_after")):
        try:
            parse_period(table["due_after"])
        except Refused as mistake:
            yield f"due_after: {mistake}"
    if not _is_keys(table.get("depends_on", [])):
        yield '`depends_on` is a list of keys, as in ["contain"]'


def _order_mistakes(raw: object) -> Iterator[str]:
    tables = [table for table in raw if isinstance(table, dict)] if isinstance(raw, list) else []
    needs: dict[str, list[str]] = {}
    for key, needed in ((str(table.get("key")), table.get("depends_on", [])) for table in tables if table.get("key")):
        if key in needs:
            yield f"step {key}: the key is there already; give each step its own"
        needs[key] = needed if _is_keys(needed) else []
    for key, needed in needs.items():
        for missing in (other for other in needed if other not in needs):
            yield f"step {key}: depends on {missing!r}, which is no step{did_you_mean(missing, needs)}"
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        yield f"these steps wait for each other: {' -> '.join(reversed(error.args[1]))}; remove one dependency"


def _unknown(table: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in table:
        if key not in known:
            yield f"the key {key!r} is unknown{did_you_mean(key, known)}; known: {', '.join(known)}"


def _name(table: object, number: int) -> str:
    key = table.get("key") if isinstance(table, dict) else None
    return str(key) if _is_text(key) else f"number {number}"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_keys(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
