"""Who may sign in, changed: each change of an account and its entry in the log in one transaction."""

from datetime import datetime
from typing import Any

from tocsin.adapters.passwords import digest_of, new_secret
from tocsin.adapters.people import Person
from tocsin.audit.entry import EntryDraft
from tocsin.domain.account import INVITED_FOR, Account
from tocsin.domain.act import Actor
from tocsin.domain.values import PersonId
from tocsin.ports import Store


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
