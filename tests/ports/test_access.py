"""Who may come in, as a reviewer reads it: everybody once, with standing and last use; and the review in the log."""

import csv
import json
from pathlib import Path

from tests.ports.office import INSTALLER, PEOPLE
from tests.ports.story import AT, HOUR
from tocsin.adapters.access import access_csv, invite, last_review, read_access, review
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.people import People
from tocsin.adapters.sql import SqlStore
from tocsin.domain.account import Account, Source
from tocsin.domain.act import Role
from tocsin.domain.token import Scope, Token
from tocsin.domain.values import PersonId


def test_access_is_listed_and_reviewed(store: SqlStore, keyring: FileKeyring, tmp_path: Path) -> None:
    """Each person stands once, a formula is none in the CSV, and a review is an entry with the list's digest."""
    (tmp_path / "people.toml").write_text(PEOPLE)
    people = People.load(tmp_path / "people.toml", keyring.id_key())
    asha, dara = people.person("asha"), people.person("dara")
    invite(store, asha, INSTALLER, AT)
    gone = Account(person_id=PersonId("per-gone"), user="gone", name="=cmd()", password="x", last_login_at=AT)
    elsewhere = Account(
        person_id=PersonId("per-oidc"), user="olu", name="Olu", source=Source.OIDC, roles=frozenset({Role.AUDITOR})
    )
    token = Token(
        token_id="tok-1",
        digest="d",
        person_id=dara.person_id,
        label="",
        scopes=frozenset({Scope.READ}),
        made_at=AT,
        expires_at=AT + HOUR,
        last_used_at=AT,
    )
    with store.writing() as tx:
        for account in (gone, elsewhere):
            tx.accounts.put(account)
        tx.tokens.add(token)
        lines = read_access(tx, people, AT)
        assert read_access(tx, people, AT + HOUR)[2].tokens == 0
    by_user = {line.user: line for line in lines}
    assert [line.user for line in lines] == sorted(["ada", "asha", "dara", "gone", "mallory", "noor", "olu"])
    standing = {user: line.standing for user, line in by_user.items()}
    assert (standing["asha"], standing["dara"], standing["olu"]) == ("invited", "no password", "active")
    assert (standing["gone"], by_user["gone"].roles) == ("not in people.toml", ())
    assert (by_user["dara"].tokens, by_user["dara"].token_last_used_at) == (1, AT)
    rows = list(csv.DictReader(access_csv(lines).splitlines()))
    assert rows[3]["name"] == "'=cmd()"

    digest = review(store, lines, INSTALLER, AT)
    with store.reading() as tx:
        (entry,) = [json.loads(e.body) for e in tx.log.entries() if b"access.reviewed" in e.body]
        assert (last_review(tx), entry["data"]["digest"], entry["data"]["lines"]) == (AT, digest, 7)
