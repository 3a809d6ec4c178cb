"""`tocsin token`: made for oneself, shown once, ended for good."""

import json
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port
from tocsin.cli.session import Session
from tocsin.domain.token import Scope, digest_of


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home far from any engine."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    (desk.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    return desk


def test_a_person_makes_and_ends_a_token(desk: Desk) -> None:
    """The secret is printed once and kept as a digest, the list never shows it, and the log has both deeds."""
    made = desk.tocsin(
        "--as", "noor", "token", "new", "--scope", "decode", "--label", "Web UI", "--for", "8h", "--json"
    )
    secret, token_id = made.json["token"], made.json["token_id"]
    with Session("noor").store.reading() as tx:
        kept = tx.tokens.found(digest_of(secret))
    assert kept is not None
    assert kept.scopes == {Scope.DECODE}

    listed = desk.tocsin("--as", "noor", "token", "list")
    assert f"{token_id}  decode  until " in listed.out
    assert "never used  Web UI" in listed.out
    assert secret not in listed.out + desk.tocsin("--as", "noor", "token", "list", "--json").out
    assert "There are none" in desk.tocsin("--as", "asha", "token", "list").out

    assert desk.tocsin("--as", "asha", "token", "revoke", token_id).code == 1
    assert [desk.tocsin("--as", "noor", "token", "revoke", token_id).code for _ in range(2)] == [0, 0]
    assert "revoked" in desk.tocsin("--as", "noor", "token", "list").out
    with Session("noor").store.reading() as tx:
        bodies = [entry.body for entry in tx.log.entries()]
    assert [json.loads(body)["kind"] for body in bodies] == ["token.made", "token.revoked"]
    assert not any(secret.encode() in body or b"Web UI" in body for body in bodies)


def test_only_some_see_everybodys_tokens(desk: Desk) -> None:
    """An auditor lists all tokens, a responder only their own; a life beyond a year is refused."""
    desk.tocsin("--as", "asha", "token", "new", "--scope", "report")

    assert "report" in desk.tocsin("--as", "noor", "token", "list", "--all").out
    assert "an admin or an auditor" in desk.tocsin("--as", "asha", "token", "list", "--all").err
    assert "366 days at most" in desk.tocsin("--as", "asha", "token", "new", "--scope", "read", "--for", "400d").err
