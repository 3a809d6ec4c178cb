"""The people of `people.toml`: who may act here, in which roles, and how to reach them."""

import getpass
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tocsin.adapters.register_row import read_address
from tocsin.domain.act import Actor, Role
from tocsin.domain.errors import Refused
from tocsin.domain.register_text import did_you_mean, parse_word
from tocsin.domain.values import PersonId, Value, opaque_id

_KEYS = ("name", "email", "roles", "phone")

_DEFAULT = """\
# The people who may act on incidents, by the name they log in with. Roles: {roles}.
# A draft is released by somebody else than its drafter, so two people need to be here before the first incident.

[people.{key}]
name = {name}
email = {email}  # warnings and questions go here: make it a real address
roles = ["responder", "approver"]

# [people.dara]
# name = "Dara Okafor"
# email = "dara.okafor@processor.example"
# roles = ["approver"]
# phone = "+49 30 5550 100"
#
# [people.noor]
# name = "Noor Haddad"
# email = "noor.haddad@processor.example"
# roles = ["auditor"]
"""


class Person(Value):
    """Somebody who may act. `user` is the name they log in with."""

    user: str
    person_id: PersonId
    name: str
    email: str
    roles: frozenset[Role]
    phone: str | None = None


class People:
    """Everyone named in one file."""

    def __init__(self, path: Path, people: dict[str, Person]) -> None:
        self._path = path
        self._people = people

    @classmethod
    def load(cls, path: Path, id_key: bytes) -> "People":
        """Read the file.

        Raises:
            Refused: if it is missing or no TOML, or naming every mistake in it.
        """
        tables = _tables(path)
        mistakes = [what for user, table in tables.items() for what in _mistakes(user, table)]
        if mistakes:
            raise Refused(f"{path} is wrong:\n  " + "\n  ".join(mistakes))
        return cls(path, {user: _person(user, table, id_key) for user, table in tables.items()})

    def person(self, user: str) -> Person:
        """Return the person who logs in as `user`. Raises Refused for an unknown one."""
        if user not in self._people:
            near = did_you_mean(user, self._people)
            raise Refused(f"{user!r} is nobody in {self._path}{near}; add [people.{_key(user)}], or set TOCSIN_USER")
        return self._people[user]

    def actor(self, user: str) -> Actor:
        """Return `user` as an act names them, not yet vouched for by any door. Raises Refused for an unknown one."""
        person = self.person(user)
        return Actor(person_id=person.person_id, name=person.name, roles=person.roles)

    def all(self) -> tuple[Person, ...]:
        """Return everyone, in the order of the file."""
        return tuple(self._people.values())


def write_default(path: Path, user: str | None = None) -> bool:
    """Write a first file with `user` (default: the login name) as responder and approver; an existing one is kept.

    Returns:
        Whether a file was written.
    """
    if path.exists():
        return False
    user = user or getpass.getuser()
    local_part = re.sub(r"[^a-z0-9.-]+", "-", user.casefold()).strip(".-") or "on-call"
    text = _DEFAULT.format(
        roles=", ".join(Role),
        key=_key(user),
        name=_quoted(user),
        email=_quoted(f"{re.sub(r'[.]+', '.', local_part)}@processor.example"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return True


def _tables(path: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Refused(f"there is no {path}; `tocsin init` writes a first one") from error
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}; give yourself the right to read it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is not TOML: {error}; correct that line") from error
    except RecursionError:
        raise Refused(
            f"{path} is nested too deeply to read; it holds [people.NAME] tables and nothing deeper"
        ) from None
    unknown = [key for key in raw if key != "people"]
    people = raw.get("people")
    if unknown or not isinstance(people, dict) or not people:
        raise Refused(
            f"{path} holds [people.NAME] tables, at least one, and nothing else; it has: {', '.join(raw) or 'nothing'}"
        )
    return people


def _mistakes(user: str, table: object) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"people.{user} is no table; write [people.{_key(user)}]"
        return
    for key in table:
        if key not in _KEYS:
            yield f"{user}: {key!r} is unknown{did_you_mean(key, _KEYS)}; known: {', '.join(_KEYS)}"
    for key in ("name", "email", *(["phone"] if "phone" in table else [])):
        if not isinstance(table.get(key), str) or not table[key].strip() or not table[key].isprintable():
            yield f'{user}: {key} is missing or not one line of text; add {key} = "..."'
    roles = table.get("roles")
    if not isinstance(roles, list) or not roles:
        yield f'{user}: roles is missing or no list; write for example roles = ["responder"]'
    yield from _refusals(user, table)


def _refusals(user: str, table: dict[str, Any]) -> Iterator[str]:
    roles = table.get("roles")
    try:
        if isinstance(table.get("email"), str):
            read_address(table["email"])
    except Refused as mistake:
        yield f"{user}: {mistake}"
    for role in roles if isinstance(roles, list) else []:
        try:
            parse_word(Role, str(role), "role")
        except Refused as mistake:
            yield f"{user}: {mistake}"


def _person(user: str, table: dict[str, Any], id_key: bytes) -> Person:
    return Person(
        user=user,
        person_id=PersonId(opaque_id("per", id_key, user)),
        name=table["name"].strip(),
        email=read_address(table["email"]),
        roles=frozenset(parse_word(Role, role, "role") for role in table["roles"]),
        phone=table.get("phone"),
    )


def _key(user: str) -> str:
    return user if re.fullmatch(r"[A-Za-z0-9_-]+", user) else _quoted(user)


def _quoted(text: str) -> str:
    # JSON's string escapes are TOML's too, as long as letters beyond ASCII stay themselves.
    return json.dumps(text, ensure_ascii=False)
