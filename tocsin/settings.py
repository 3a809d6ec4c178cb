"""The environment, read once: `TOCSIN_*`, and secrets also from `TOCSIN_*_FILE`."""

import os
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import PositiveInt, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tocsin.domain.errors import Refused

PREFIX = "TOCSIN_"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class ChannelName(StrEnum):
    """The channels a notice can leave through."""

    OUTBOX = "outbox"
    SENDGRID = "sendgrid"


class Settings(BaseSettings):
    """Everything that is configured. Unknown `TOCSIN_*` names and wrong values stop the start, all named at once."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True)

    home: Path = Path("var/tocsin")
    """Where keys, the embedded store, the outbox and the spool lie."""
    store_url: str | None = None
    """SQLAlchemy URL; default: SQLite in `home`."""
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "tocsin"
    retention_days: PositiveInt = 400
    """How long the namespace keeps closed workflows, in days."""
    user: str | None = None
    """Who acts on the command line: a name in `people.toml`; default: the login name."""
    allow_direct: bool = True
    """Whether acts straight from a command line, marked `unverified local`, are taken."""

    channel: ChannelName = ChannelName.OUTBOX
    sender_name: str = "Incident desk"
    sender_address: str = "incident-desk@processor.example"
    reply_to: str | None = None
    sendgrid_api_key: SecretStr | None = None
    sendgrid_base_url: str = "https://api.sendgrid.com"
    """`https://api.eu.sendgrid.com` for a key of the EU region."""
    sendgrid_webhook_keys: str = ""
    """Public keys that SendGrid signs its events with, separated by white space: two while one replaces the other.
    Without any no receipts are taken, and silence about a notice means nothing."""
    delivered_within_minutes: PositiveInt | None = None
    """How long a notice may stay undelivered before the next contact is written to; default: from its deadline."""
    console_address: str = "127.0.0.1:8234"
    """Where `tocsin console` listens, as HOST:PORT."""
    public_url: str | None = None
    """Under which address recipients reach the console's public pages, as https://notices.example; with it, each
    letter holds a link to acknowledge it, and one to check its number."""
    trusted_proxies: str = ""
    """Addresses of the proxies before the console, separated by commas: what they say of whom they speak for counts."""
    pages_to: str = "on-call@processor.example"
    """The mail address that warnings go to."""
    pager_urls: SecretStr | None = None
    """Apprise URLs of further pagers, separated by white space; the next is tried when one fails, the mail last."""
    heartbeat_url: SecretStr | None = None
    """Where `tocsin watch` reports that it is alive; a service outside pages when that stops."""
    on_call: str = "the on-call approver"
    on_call_phone: str = ""
    """Whom the command line tells to phone when the engine cannot be reached."""
    sends_in_flight: PositiveInt = 64
    sweep_every_seconds: PositiveInt = 300
    history_limit: PositiveInt | None = None
    """Events after which an incident continues as new; default: when the server suggests it."""

    # On the field, not the model: a model's validator does not run, and names nothing, when another value is wrong.
    @field_validator("sendgrid_api_key")
    @classmethod
    def _sendgrid_has_a_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if info.data.get("channel") is ChannelName.SENDGRID and not (key and key.get_secret_value()):
            raise ValueError(
                "TOCSIN_CHANNEL is sendgrid but there is no key: set TOCSIN_SENDGRID_API_KEY or "
                "TOCSIN_SENDGRID_API_KEY_FILE, or TOCSIN_CHANNEL=outbox"
            )
        return key

    @field_validator("public_url")
    @classmethod
    def _public_url_is_one(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "https://unset.example")
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if (
            not parts.hostname
            or parts.query
            or parts.fragment
            or parts.scheme not in ("https", "http" if local else "")
        ):
            raise ValueError("write it as https://notices.example; plain http only on this machine")
        return url.rstrip("/") if url else None

    @field_validator("console_address")
    @classmethod
    def _console_has_a_port(cls, address: str) -> str:
        if not address.rpartition(":")[0] or not address.rpartition(":")[2].isdigit():
            raise ValueError("write it as HOST:PORT")
        return address

    @property
    def delivered_within(self) -> timedelta | None:
        """How long a notice may stay undelivered; None: its deadline says."""
        minutes = self.delivered_within_minutes
        return timedelta(minutes=minutes) if minutes is not None else None

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.store_url or f"sqlite:///{self.home.resolve() / 'store.sqlite'}"

    @property
    def outbox(self) -> Path:
        """Where the outbox channel and the mail pager write."""
        return self.home / "outbox"


def load() -> Settings:
    """Read the environment.

    Raises:
        Refused: naming every unknown name, every wrong value and every missing secret file at once.
    """
    mistakes = [_unknown(name) for name in os.environ if name.startswith(PREFIX) and _field(name) is None]
    secrets, unread = _secrets_from_files()
    mistakes += unread
    try:
        settings = Settings(**secrets)
    except ValidationError as error:
        mistakes += [
            f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
    if mistakes:
        raise Refused("the settings are wrong:\n  " + "\n  ".join(mistakes))
    return settings


def _unknown(name: str) -> str:
    wanted = name.removeprefix(PREFIX).lower()
    close = get_close_matches(wanted, Settings.model_fields, n=1, cutoff=0.7)
    return f"{name}: no such setting; {f'did you mean {PREFIX}{close[0].upper()}?' if close else 'unset it'}"


def _field(name: str) -> str | None:
    field = name.removeprefix(PREFIX).removesuffix("_FILE").lower()
    return field if field in Settings.model_fields else None


def _secrets_from_files() -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {}
    mistakes = []
    for name, path in os.environ.items():
        field = _field(name) if name.startswith(PREFIX) and name.endswith("_FILE") else None
        if field is None:
            continue
        if name.removesuffix("_FILE") in os.environ:
            mistakes.append(f"{name}: {name.removesuffix('_FILE')} is set too; unset one of them")
        try:
            found[field] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            mistakes.append(f"{name}: cannot read {path} ({error.strerror})")
        except UnicodeDecodeError:
            mistakes.append(f"{name}: {path} is not UTF-8 text")
    return found, mistakes
