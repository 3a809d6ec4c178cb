"""Who may sign in, changed: each change of an account and its entry in the log in one transaction."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson

from tocsin.adapters.passwords import digest_of, new_secret
from tocsin.adapters.people import People, Person
from tocsin.audit.entry import EntryDraft
from tocsin.domain.account import INVITED_FOR, Account, Source
from tocsin.domain.act import Actor, Role
from tocsin.domain.values import Instant, PersonId, Value
from tocsin.ports import Store, Transaction


def invite(store: Store, person: Person, by: Actor | None, now: datetime) -> str:
    """Make an invitation for somebody and return its token, which is kept nowhere; an older one and a password end.

    `by` None: it comes with the installation itself, whose log has not begun.
    """
    token = new_secret()
    account = Account(
        person_id=person.person_id,
        user=person.user,
        name=person.name,
        email=person.email,
        invitation=digest_of(token),
        invited_until=now + INVITED_FOR,
    )
    with store.writing() as tx:
        tx.accounts.end_sessions(person.person_id)
        tx.accounts.put(account)
        if by is not None:
            tx.log.append([access_entry("invited", person.person_id, by, now)])
    return token


def access_entry(what: str, about: PersonId | str, by: Actor, at: datetime, **data: Any) -> EntryDraft:
    """Return the log entry of a change of who may do what: ids only."""
    return EntryDraft(
        key=f"access.{what}:{about}:{at.isoformat()}",
        at=at,
        kind=f"access.{what}",
        incident_id=None,
        actor=by.person_id,
        authenticated=by.authenticated,
        data={"person": about, **data},
    )


class AccessLine(Value):
    """One person who may come in, as a reviewer reads it."""

    person_id: PersonId
    user: str
    name: str
    roles: tuple[Role, ...]
    source: Source
    standing: str
    """`active`, `invited`, `no password`, `closed`, or `not in people.toml`."""
    last_login_at: Instant | None
    tokens: int
    """Those that are still good."""
    token_last_used_at: Instant | None
    stands_in_for: tuple[PersonId, ...]


def read_access(tx: Transaction, people: People, now: datetime) -> list[AccessLine]:
    """Return everybody who may come in or could, by name: those of `people.toml`, and every account."""
    known = {person.person_id: person for person in people.all()}
    accounts = {account.person_id: account for account in tx.accounts.all()}
    lines = [_line(tx, key, known.get(key), accounts.get(key), now) for key in known.keys() | accounts.keys()]
    return sorted(lines, key=lambda line: (line.user, line.person_id))


def access_csv(lines: Iterable[AccessLine]) -> str:
    """Return the lines as CSV; a value that a spreadsheet would take for a formula is none in it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(AccessLine.model_fields)
    for line in lines:
        writer.writerow(_cell(value) for value in line.model_dump(mode="json").values())
    return out.getvalue()


def review(store: Store, lines: Sequence[AccessLine], by: Actor, at: datetime) -> str:
    """Record that somebody has looked at these lines, by their digest; return it."""
    digest = hashlib.sha256(access_csv(lines).encode()).hexdigest()
    with store.writing() as tx:
        tx.log.append([access_entry("reviewed", by.person_id, by, at, digest=digest, lines=len(lines))])
    return digest


def last_review(tx: Transaction) -> datetime | None:
    """Return when access was reviewed last, or None."""
    read = (orjson.loads(stored.body) for stored in tx.log.entries())
    return max((datetime.fromisoformat(e["at"]) for e in read if e["kind"] == "access.reviewed"), default=None)


def _line(
    tx: Transaction, person_id: PersonId, person: Person | None, account: Account | None, now: datetime
) -> AccessLine:
    source = account.source if account else Source.LOCAL
    roles = person.roles if person else account.roles if account and source is Source.OIDC else frozenset()
    named = person or account
    assert named is not None
    tokens = tx.tokens.of(person_id)
    lent = [one.giver for one in tx.accounts.delegations(person_id) if one.holds(now)]
    return AccessLine(
        person_id=person_id,
        user=named.user,
        name=named.name,
        roles=tuple(sorted(roles)),
        source=source,
        standing=_standing(person, account),
        last_login_at=account.last_login_at if account else None,
        tokens=sum(token.revoked_at is None and now < token.expires_at for token in tokens),
        token_last_used_at=max((token.last_used_at for token in tokens if token.last_used_at), default=None),
        stands_in_for=tuple(lent),
    )


def _standing(person: Person | None, account: Account | None) -> str:
    if account is None:
        return "no password"
    if account.disabled_at is not None:
        return "closed"
    if account.source is Source.LOCAL and person is None:
        return "not in people.toml"
    return "invited" if account.invitation else "active"


def _cell(value: Any) -> str:
    text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
