"""The environment: what is wrong with it is named at once, and secrets may come from files."""

import os
from pathlib import Path

import pytest

from tocsin.domain.errors import Refused
from tocsin.settings import ChannelName, load


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every setting of this machine away."""
    for name in [name for name in os.environ if name.upper().startswith("TOCSIN_")]:
        monkeypatch.delenv(name)


def mistakes(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Return what the environment is refused with."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Refused) as refused:
        load()
    return str(refused.value)


def test_nothing_needs_to_be_set() -> None:
    """Without any setting, the embedded default runs: SQLite in the home, and the outbox."""
    settings = load()
    assert ChannelName.OUTBOX is settings.channel
    assert settings.database_url == f"sqlite:///{Path('var/tocsin').resolve() / 'store.sqlite'}"
    assert Path("var/tocsin/outbox") == settings.outbox


def test_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is there is used."""
    monkeypatch.setenv("TOCSIN_STORE_URL", "postgresql+psycopg://tocsin@db.example/tocsin")
    monkeypatch.setenv("TOCSIN_RETENTION_DAYS", "30")
    settings = load()
    assert (settings.database_url, settings.retention_days) == ("postgresql+psycopg://tocsin@db.example/tocsin", 30)


def test_everything_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name, a wrong value, a missing secret file and a missing key are all named in one refusal."""
    message = mistakes(
        monkeypatch,
        TOCSIN_CHANEL="outbox",
        TOCSIN_COLOUR="red",
        TOCSIN_RETENTION_DAYS="long",
        TOCSIN_SWEEP_EVERY_SECONDS="0",
        TOCSIN_CHANNEL="sendgrid",
        TOCSIN_SENDGRID_API_KEY_FILE="/nowhere/key",
        TOCSIN_BACKUPS="nightly=35, tape=long",
    )
    for expected in (
        "TOCSIN_CHANEL: no such setting; did you mean TOCSIN_CHANNEL?",
        "TOCSIN_COLOUR: no such setting; unset it",
        "TOCSIN_RETENTION_DAYS: Input should be a valid integer",
        "TOCSIN_SWEEP_EVERY_SECONDS: Input should be greater than 0",
        "TOCSIN_SENDGRID_API_KEY_FILE: cannot read /nowhere/key (No such file or directory)",
        "TOCSIN_BACKUPS: 'tape=long' is none; write NAME=DAYS",
        "TOCSIN_SENDGRID_API_KEY: TOCSIN_CHANNEL is sendgrid but there is no key",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TEMPORAL_ADDRESS", "127.0.0.1:99999", "write it as HOST:PORT, with a port from 1 to 65535"),
        ("CONSOLE_ADDRESS", "127.0.0.1:0", "write it as HOST:PORT"),
        ("SMTP_PORT", "65536", "less than 65536"),
        ("RETENTION_DAYS", "9" * 12, "less than or equal to 36525"),
        ("SENDER_ADDRESS", "Desk <desk@processor.example>", "it is no mail address; write it as"),
        ("PAGES_TO", "on-call", "it is no mail address"),
        ("REPLY_TO", "a@b.example\nBcc: x@y.example", "it is no mail address"),
        ("SENDER_NAME", "Desk\r\nBcc: x@y.example", "holds a line break"),
        ("API_URL", "desk.example", "write it as https://HOST/"),
        ("HEARTBEAT_URL", "token-1234", "write it as https://HOST/"),
    ],
)
def test_what_no_setting_may_be(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """A port, a span, an address or a URL that cannot be stops the start, by name; no secret is shown."""
    message = mistakes(monkeypatch, **{f"TOCSIN_{name}": value})
    assert f"TOCSIN_{name}: " in message
    assert says in message
    assert "token-1234" not in message


@pytest.mark.parametrize("key", [None, ""])
def test_sendgrid_without_a_key(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    """SendGrid without a key, or with a blank one, stops the start, with the three ways out."""
    if key is not None:
        monkeypatch.setenv("TOCSIN_SENDGRID_API_KEY", key)
    message = mistakes(monkeypatch, TOCSIN_CHANNEL="sendgrid")
    assert "set TOCSIN_SENDGRID_API_KEY or TOCSIN_SENDGRID_API_KEY_FILE, or TOCSIN_CHANNEL=outbox" in message
    assert len(message.splitlines()) == 2


def test_the_log_is_signed_every_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that would come less often is refused, since it signs the log's checkpoints."""
    message = mistakes(monkeypatch, TOCSIN_SWEEP_EVERY_SECONDS="301")
    assert "TOCSIN_SWEEP_EVERY_SECONDS: Input should be less than or equal to 300" in message


def test_unknown_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that does not exist is refused, naming those that do."""
    message = mistakes(monkeypatch, TOCSIN_CHANNEL="pigeon")
    assert "TOCSIN_CHANNEL: Input should be 'outbox', 'sendgrid' or 'smtp'" in message


def test_key_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret may come from a file; the line break at its end is no part of it, and printing does not show it."""
    (tmp_path / "key").write_text("SG.secret\n", encoding="utf-8")
    monkeypatch.setenv("TOCSIN_CHANNEL", "sendgrid")
    monkeypatch.setenv("TOCSIN_SENDGRID_API_KEY_FILE", str(tmp_path / "key"))
    settings = load()
    assert settings.sendgrid_api_key is not None
    assert settings.sendgrid_api_key.get_secret_value() == "SG.secret"
    assert "SG.secret" not in repr(settings)


def test_key_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret given both ways is refused, without showing either."""
    (tmp_path / "key").write_text("SG.one", encoding="utf-8")
    message = mistakes(
        monkeypatch, TOCSIN_SENDGRID_API_KEY="SG.two", TOCSIN_SENDGRID_API_KEY_FILE=str(tmp_path / "key")
    )
    assert "TOCSIN_SENDGRID_API_KEY_FILE: TOCSIN_SENDGRID_API_KEY is set too; unset one of them" in message
    assert "SG." not in message


def test_secret_file_that_is_no_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret file that is not text is refused by name."""
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    message = mistakes(monkeypatch, TOCSIN_SENDGRID_API_KEY_FILE=str(tmp_path / "key"))
    assert f"{tmp_path / 'key'} is not UTF-8 text" in message


def test_smtp_needs_a_host_a_whole_login_and_starttls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fallback by SMTP lacks is named at once: the login's other half, and letters in the clear elsewhere."""
    message = mistakes(
        monkeypatch,
        TOCSIN_FALLBACK_CHANNEL="smtp",
        TOCSIN_SMTP_HOST="mail.processor.example",
        TOCSIN_SMTP_USER="tocsin",
        TOCSIN_SMTP_PLAIN="yes",
    )
    assert "TOCSIN_SMTP_USER and TOCSIN_SMTP_PASSWORD" in message
    assert "TOCSIN_SMTP_PLAIN: letters would go to mail.processor.example in the clear" in message

    monkeypatch.delenv("TOCSIN_SMTP_HOST")
    assert "TOCSIN_FALLBACK_CHANNEL is smtp but there is no mail server: set TOCSIN_SMTP_HOST" in mistakes(monkeypatch)


def test_the_fallback_is_another_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel cannot stand in for itself."""
    message = mistakes(monkeypatch, TOCSIN_FALLBACK_CHANNEL="outbox")
    assert "TOCSIN_FALLBACK_CHANNEL: outbox is TOCSIN_CHANNEL already" in message


def test_the_mail_servers_password_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A password in a file is read, and never shown."""
    (tmp_path / "password").write_text("correct-horse\n", encoding="utf-8")
    monkeypatch.setenv("TOCSIN_CHANNEL", "smtp")
    monkeypatch.setenv("TOCSIN_SMTP_HOST", "mail.processor.example")
    monkeypatch.setenv("TOCSIN_SMTP_USER", "tocsin")
    monkeypatch.setenv("TOCSIN_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    settings = load()
    assert settings.smtp_password is not None
    assert settings.smtp_password.get_secret_value() == "correct-horse"
    assert "correct-horse" not in repr(settings)
