"""`letter preview`: what a letter will look like, as the mail itself and as a page, far from any engine."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port

FACTS = """
title = "Backup bucket was public"
summary = "A backup bucket could be read."
people_affected = 1204
[translations.de]
summary = "Ein Sicherungsspeicher war lesbar."
"""


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home with the example's register, far from any engine and any browser."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    (desk.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    assert desk.tocsin("register", "import", str(ROOT / "examples" / "register.toml"), "--json").code == 0
    monkeypatch.setattr("tocsin.cli.letter.BROWSERS", ())
    return desk


def test_preview_of_facts(desk: Desk, tmp_path: Path) -> None:
    """A file with facts becomes a mail with both parts, and a page with the same words, in the language asked for."""
    facts, out = tmp_path / "facts.toml", tmp_path / "out"
    facts.write_text(FACTS)

    answer = desk.tocsin("letter", "preview", str(facts), "--language", "de", "-o", str(out), "--json").json

    mail = next(out.glob("*.eml"))
    message = message_from_bytes(mail.read_bytes(), policy=SMTP)
    assert isinstance(message, EmailMessage)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "Ein Sicherungsspeicher war lesbar." in text.get_content()
    assert "1.204" in text.get_content()
    page = next(out.glob("*.html")).read_text(encoding="utf-8")
    assert page.strip() == html.get_content().replace("\r\n", "\n").strip()
    assert (answer["language"], answer["files"]) == ("de", [str(mail), str(mail.with_suffix(".html"))])
    assert "N-0000-0000" in str(message["Subject"])


def test_preview_refuses_what_is_no_fact(desk: Desk, tmp_path: Path) -> None:
    """A mistyped fact is named, and nothing is written."""
    facts, out = tmp_path / "facts.toml", tmp_path / "out"
    facts.write_text('title = "x"\nsummery = "y"\n')

    refused = desk.tocsin("letter", "preview", str(facts), "-o", str(out))

    assert refused.code == 1
    assert "summery" in refused.err
    assert not out.exists()
