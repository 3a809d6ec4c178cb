"""The environment, read once: `TOCSIN_*`, and secrets also from `TOCSIN_*_FILE`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tocsin.domain.errors import Refused

PREFIX = "TOCSIN_"


class ChannelName(StrEnum):
    """The channels a notice can leave through."""

    OUTBOX = "outbox"
    SENDGRID = "sendgrid"


class Settings(BaseSettings):
    """Everything that is configured. Unknown `TOCSIN_*` names and wrong values stop the start, all named at once."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Path("var/tocsin")
    """Where keys, the embedded store, the outbox and the spool lie."""
    store_url: str | None = None
    """SQLAlchemy URL; default: SQLite in `home`."""
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "tocsin"
    retention_days: int = 400
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
    pages_to: str = "on-call@processor.example"
    """The mail address that warnings go to."""
    on_call: str = "the on-call approver"
    on_call_phone: str = ""
    """Whom the command line tells to phone when the engine cannot be reached."""
    sends_in_flight: int = 64
    sweep_every_seconds: int = 300
    history_limit: int | None = None
    """Events after which an incident continues as new; default: when the server suggests it."""

    @model_validator(mode="after")
    def _sendgrid_has_a_key(self) -> "Settings":
        if self.channel is ChannelName.SENDGRID and self.sendgrid_api_key is None:
            raise ValueError(
                "TOCSIN_CHANNEL is sendgrid but there is no key: set TOCSIN_SENDGRID_API_KEY or "
                "TOCSIN_SENDGRID_API_KEY_FILE, or TOCSIN_CHANNEL=outbox"
            )
        return self

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
    mistakes = [f"{name}: no such setting" for name in os.environ if name.startswith(PREFIX) and _field(name) is None]
    secrets, missing = _secrets_from_files()
    try:
        settings = Settings(**secrets)
    except ValidationError as error:
        mistakes += [f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        settings = None
    if mistakes or missing or settings is None:
        raise Refused("the settings are wrong:\n  " + "\n  ".join(mistakes + missing))
    return settings


def _field(name: str) -> str | None:
    field = name.removeprefix(PREFIX).removesuffix("_FILE").lower()
    return field if field in Settings.model_fields else None


def _secrets_from_files() -> tuple[dict[str, Any], list[str]]:
    found, missing = {}, []
    for name, path in os.environ.items():
        field = _field(name) if name.startswith(PREFIX) and name.endswith("_FILE") else None
        if field is None:
            continue
        try:
            found[field] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            missing.append(f"{name}: cannot read {path} ({error.strerror})")
    return found, missing
