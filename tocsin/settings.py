"""The environment, read once: `TOCSIN_*`, and secrets also from `TOCSIN_*_FILE`."""

import os
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, PositiveInt, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tocsin.adapters.drill_home import drill_settings, read_drill
from tocsin.domain import choices
from tocsin.domain.choices import ChannelName, LoggingLevel, LoggingStyle, backup_places
from tocsin.domain.errors import Refused
from tocsin.domain.tempo import ON_THE_WALL, Tempo

__all__ = ["LOOPBACK", "PREFIX", "ChannelName", "LoggingLevel", "LoggingStyle", "Settings", "load", "profile"]
PREFIX = "TOCSIN_"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that letters may be handed to in the clear."""


class Settings(BaseSettings):
    """Everything that is configured. Unknown `TOCSIN_*` names and wrong values stop the start, all named at once."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True)

    home: Path = Path("var/tocsin")
    """Where keys, the embedded store, the outbox and the spool lie."""
    store_url: str | None = None
    """SQLAlchemy URL; default: SQLite in `home`."""
    keyring: SecretStr | None = None
    """All keys in one line, as `tocsin keys export` writes them, instead of the folder in `home`."""
    keys_command: str | None = None
    """A command that wraps and unwraps keys with a key management service; the folder in `home` is sealed with it."""
    keys_command_seconds: PositiveInt = 10
    """How long it may take."""
    temporal_address: choices.HostPort = "127.0.0.1:7233"
    """HOST:PORT of Temporal's front end; it wins over the profile's."""
    temporal_namespace: str = "tocsin"
    """Temporal's namespace of this installation; it wins over the profile's."""
    temporal_profile: str | None = None
    """A profile of Temporal's own configuration file (`TEMPORAL_CONFIG_FILE`), with TLS, API key or client
    certificate; `TEMPORAL_*` variables win over it. Default: no file is read, those variables are."""
    temporal_api_key: SecretStr | None = None
    """An API key of Temporal Cloud; with it, TLS is on."""
    retention_days: choices.Days = 400
    """How long the namespace keeps closed workflows, in days."""
    retention_incident_days: choices.Days = 2192
    """How long an incident that is over is kept, in days from its last change; then two persons may have it erased.
    Default: six years, as 45 CFR 164.530(j)(2) asks for."""
    backups: str = ""
    """Where backups lie, each with the days after which it is gone, as `nightly=35, tape=400`: erasing lists them."""
    user: str | None = None
    """Who acts on the command line: a name in `people.toml`; default: the login name."""
    allow_direct: bool = True
    """Whether acts straight from a command line, marked `unverified local`, are taken."""

    channel: ChannelName = ChannelName.OUTBOX
    fallback_channel: ChannelName | None = None
    """What takes over the letters when the first channel stops; default: they wait."""
    sender_name: choices.OneLine = "Incident desk"
    """From whom letters come."""
    sender_address: choices.MailAddress = "incident-desk@processor.example"
    """The address they come from; the provider must know it as ours."""
    reply_to: choices.MailAddress | None = None
    """Where answers go; default: the sender's address."""
    sendgrid_api_key: SecretStr | None = None
    sendgrid_base_url: choices.WebAddress = "https://api.sendgrid.com"
    """`https://api.eu.sendgrid.com` for a key of the EU region."""
    sendgrid_webhook_keys: str = ""
    """Public keys that SendGrid signs its events with, separated by white space: two while one replaces the other.
    Without any no receipts are taken, and silence about a notice means nothing."""
    delivered_within_minutes: PositiveInt | None = None
    """How long a notice may stay undelivered before the next contact is written to; default: from its deadline."""
    console_address: choices.HostPort = "127.0.0.1:8234"
    """Where `tocsin console` listens, as HOST:PORT."""
    local_login: bool = True
    """Whether people of `people.toml` sign in at the console by a password; false leaves the provider only."""
    oidc_issuer: choices.WebAddress | None = None
    """An OpenID provider that people sign in by; our redirect address there is `/login/oidc/callback`."""
    oidc_client_id: str | None = None
    """What that provider calls this installation."""
    oidc_client_secret: SecretStr | None = None
    oidc_groups: str = ""
    """Its groups that have a role here, as GROUP=ROLE, separated by commas; a group may be named twice."""
    oidc_groups_claim: str = "groups"
    """The claim that names a person's groups."""
    intake_as: str | None = None
    """In whose name, as in `people.toml`, alerts of PagerDuty and commands of Slack and Teams are reported."""
    pagerduty_signing_secret: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    teams_secret: SecretStr | None = None
    public_url: str | None = None
    """Under which address recipients reach the console's public pages, as https://notices.example; with it, each
    letter holds a link to acknowledge it, and one to check its number."""
    posting_folder: Path | None = None
    """Where public notices lie, as pages and feeds; default: `posting` in Tocsin's home. Several workers share it."""
    posting_url: str | None = None
    """Under which address that folder is reached, if not as `/notices` of TOCSIN_PUBLIC_URL."""
    trusted_proxies: str = ""
    """Addresses of the proxies before the console, separated by commas: what they say of whom they speak for counts."""
    ui_origins: str = "http://127.0.0.1:8233"
    """Where Temporal's Web UI is served, as origins separated by white space: its pages may ask the console's codec
    endpoint."""
    smtp_host: str | None = None
    """The mail server for `smtp`; STARTTLS and a certificate that the system trusts are required."""
    smtp_port: choices.Port = 587
    """Its port."""
    smtp_user: str | None = None
    """Who logs in there; default: nobody does."""
    smtp_password: SecretStr | None = None
    smtp_plain: bool = False
    """Without STARTTLS; for a mail server on this machine only."""
    pages_to: choices.MailAddress = "on-call@processor.example"
    """The mail address that warnings go to."""
    pager_urls: SecretStr | None = None
    """Apprise URLs of further pagers, separated by white space; the next is tried when one fails, the mail last.
    With a name before it, as in `oncall=json://…`, a rung of `escalation.toml` may use it. With
    `pagerduty+https://events.pagerduty.com/v2/enqueue?routing_key=…` or `goalert+https://…?token=…` each page is an
    incident there that resolves itself when the duty is discharged."""
    console_url: str | None = None
    """Where the team reaches the console, as https://desk.example; with it, each page holds a link to its incident."""
    api_url: choices.WebAddress | None = None
    """The console of an installation elsewhere: commands go there, over its API, unless `--direct` is given."""
    api_token: SecretStr | None = None
    """What they show there; default: what `tocsin login` has kept."""
    heartbeat_url: SecretStr | None = None
    """Where `tocsin watch` reports that it is alive; a service outside pages when that stops."""
    witness_file: Path | None = None
    """Where the newest checkpoint of the log is kept: a file on another volume than the store."""
    witness_url: SecretStr | None = None
    """Where it is posted to, and read back from with GET."""
    witness_mail: choices.MailAddress | None = None
    """The mail address that each checkpoint is sent to; a mailbox that the store's keepers cannot empty."""
    tsa_url: choices.WebAddress | None = None
    """A timestamp authority (RFC 3161) that dates each checkpoint."""
    on_call: str = "the on-call approver"
    """Who is phoned when the engine cannot be reached, as the command line says it."""
    on_call_phone: str = ""
    """Whom the command line tells to phone when the engine cannot be reached."""
    logging: LoggingStyle = LoggingStyle.TEXT
    """How worker and console write what they do to standard error: `text` for people, `json` for a collector."""
    logging_level: LoggingLevel = LoggingLevel.INFO
    """From which weight on: DEBUG, INFO, WARNING or ERROR."""
    metrics_address: choices.HostPort | None = None
    """Where a worker shows the metrics of Temporal's SDK to Prometheus, as HOST:PORT; default: nowhere."""
    figures_address: choices.HostPort | None = None
    """Where a worker shows Tocsin's own figures to Prometheus (clocks, notices, log, pages), as HOST:PORT; default:
    nowhere."""
    traces_url: str | None = None
    """Where worker, console and commands send traces of each incident, from report to receipt (OpenTelemetry, OTLP over
    HTTP), as http://127.0.0.1:4318/v1/traces; default: nowhere. They hold ids and no names, addresses or texts."""
    traces_headers: SecretStr | None = None
    """What goes along with them, as NAME=VALUE separated by commas: the collector's key."""
    worker_deployment: str | None = None
    """The Temporal Worker Deployment that a worker is part of; with its build id it polls as that version, and gets no
    work before the version is made current. Default: unversioned."""
    worker_build_id: str | None = None
    """The build of this worker, such as the image's tag."""
    sends_in_flight: PositiveInt = 64
    """Letters on the wire at the same time, per worker."""
    cached_workflows: PositiveInt = 1_000
    """Workflows that a worker keeps in memory, 300 kB each, five for an open incident; others it reads again."""
    sweep_every_seconds: PositiveInt = Field(default=300, le=300)
    """How often the sweep looks for what a timer missed, and signs the log: every five minutes (300) at least."""
    history_limit: PositiveInt | None = None
    """Events after which an incident continues as new; default: when the server suggests it."""

    # On the field, not the model: a model's validator does not run, and names nothing, when another value is wrong.
    @field_validator("sendgrid_api_key")
    @classmethod
    def _sendgrid_has_a_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        setting = _asking_for(ChannelName.SENDGRID, info)
        if setting and not (key and key.get_secret_value()):
            raise ValueError(
                f"{setting} is sendgrid but there is no key: set TOCSIN_SENDGRID_API_KEY or "
                f"TOCSIN_SENDGRID_API_KEY_FILE, or {setting}=outbox"
            )
        return key

    @field_validator("keys_command")
    @classmethod
    def _keys_are_in_one_place(cls, command: str | None, info: ValidationInfo) -> str | None:
        if command is not None and info.data.get("keyring") is not None:
            raise ValueError("TOCSIN_KEYRING is set too; unset one of them")
        return command

    @field_validator("public_url", "console_url", "posting_url")
    @classmethod
    def _public_url_is_one(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "https://unset.example")
        local = parts.hostname in LOOPBACK
        if (
            not parts.hostname
            or parts.query
            or parts.fragment
            or parts.scheme not in ("https", "http" if local else "")
        ):
            raise ValueError("write it as https://notices.example; plain http only on this machine")
        return url.rstrip("/") if url else None

    @field_validator("heartbeat_url", "witness_url")
    @classmethod
    def _secret_is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        choices.web_address(url.get_secret_value() if url is not None else "https://unset.example")
        return url

    @field_validator("traces_url")
    @classmethod
    def _traces_go_by_http(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise ValueError("write it as https://collector.example/v1/traces")
        return url

    @field_validator("oidc_client_id")
    @classmethod
    def _oidc_is_whole(cls, client_id: str | None, info: ValidationInfo) -> str | None:
        if (client_id is None) is not (info.data.get("oidc_issuer") is None):
            raise ValueError("TOCSIN_OIDC_ISSUER and TOCSIN_OIDC_CLIENT_ID go together; set both, or neither")
        return client_id

    @field_validator("fallback_channel")
    @classmethod
    def _fallback_is_another(cls, fallback: ChannelName | None, info: ValidationInfo) -> ChannelName | None:
        if fallback is not None and fallback is info.data.get("channel"):
            raise ValueError(f"{fallback} is TOCSIN_CHANNEL already; name another one, or unset it")
        return fallback

    @field_validator("smtp_host")
    @classmethod
    def _smtp_has_a_host(cls, host: str | None, info: ValidationInfo) -> str | None:
        setting = _asking_for(ChannelName.SMTP, info)
        if setting and not host:
            raise ValueError(f"{setting} is smtp but there is no mail server: set TOCSIN_SMTP_HOST")
        return host

    @field_validator("smtp_password")
    @classmethod
    def _smtp_login_is_whole(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (password is None) is not (info.data.get("smtp_user") is None):
            raise ValueError("TOCSIN_SMTP_USER and TOCSIN_SMTP_PASSWORD (or _FILE) go together; set both, or neither")
        return password

    @field_validator("smtp_plain")
    @classmethod
    def _plain_is_for_this_machine(cls, plain: bool, info: ValidationInfo) -> bool:
        host = info.data.get("smtp_host")
        if plain and host not in LOOPBACK:
            raise ValueError(
                f"letters would go to {host} in the clear; it is for a mail server on this machine only: unset it, "
                "and use one that offers STARTTLS"
            )
        return plain

    @property
    def delivered_within(self) -> timedelta | None:
        """How long a notice may stay undelivered; None: its deadline says."""
        minutes = self.delivered_within_minutes
        return timedelta(minutes=minutes) if minutes is not None else None

    @field_validator("worker_build_id")
    @classmethod
    def _version_is_whole(cls, build_id: str | None, info: ValidationInfo) -> str | None:
        if (build_id is None) is not (info.data.get("worker_deployment") is None):
            raise ValueError("TOCSIN_WORKER_DEPLOYMENT and TOCSIN_WORKER_BUILD_ID go together; set both, or neither")
        return build_id

    @field_validator("backups")
    @classmethod
    def _backups_are_named(cls, backups: str) -> str:
        backup_places(backups)
        return backups

    @property
    def kept_for(self) -> timedelta:
        """How long an incident that is over is kept."""
        return timedelta(days=self.retention_incident_days)

    @property
    def tempo(self) -> Tempo:
        """How time runs: as on the wall, but for a drill's home."""
        drill = read_drill(self.home)
        return drill.tempo if drill is not None else ON_THE_WALL

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.store_url or f"sqlite:///{self.home.resolve() / 'store.sqlite'}"

    @property
    def console_at(self) -> str:
        """Where our own people reach the console."""
        return self.console_url or f"http://{self.console_address}"

    @property
    def posting(self) -> Path:
        """Where public notices lie."""
        return self.posting_folder or self.home / "posting"

    @property
    def outbox(self) -> Path:
        """Where the outbox channel and the mail pager write."""
        return self.home / "outbox"


def elsewhere() -> bool:
    """Say whether commands go to an installation elsewhere."""
    return bool(os.environ.get(f"{PREFIX}API_URL"))


def load() -> Settings:
    """Read the environment; in the home of a drill, what the drill wrote there.

    Raises:
        Refused: naming every unknown name, every wrong value and every missing secret file at once.
    """
    secrets, unread = _secrets_from_files()
    mistakes = [_unknown(name) for name in os.environ if name.startswith(PREFIX) and _field(name) is None] + unread
    try:
        settings = Settings(**secrets)
    except ValidationError as error:
        mistakes += [
            f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
    if mistakes:
        raise Refused("the settings are wrong:\n  " + "\n  ".join(mistakes))
    drill = read_drill(settings.home)
    if drill is not None:
        said = {name: getattr(settings, name) for name in settings.model_fields_set}
        # A prefix that nobody uses: in a drill's home the environment says nothing else.
        return Settings(_env_prefix="TOCSIN_IN_NO_DRILL_", **drill_settings(settings.home, drill, said))
    return settings.model_copy(update=_of_profile(settings))


def profile(settings: Settings) -> dict[str, Any]:
    """Return how Temporal is reached, as its profile and the `TEMPORAL_*` variables say: arguments of its client.

    Raises:
        Refused: if the profile is not there, or a file it names cannot be read.
    """
    from temporalio.envconfig import ClientConfig  # noqa: PLC0415 - a second that many commands never need

    try:
        found = ClientConfig.load_client_connect_config(
            profile=settings.temporal_profile,
            # Without a profile no file is read: one that lies in somebody's home must not choose a cluster.
            disable_file=settings.temporal_profile is None,
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise Refused(
            f"the way to Temporal cannot be read ({str(error).strip()}); mend the TEMPORAL_* variables, or "
            f"TOCSIN_TEMPORAL_PROFILE and the file of TEMPORAL_CONFIG_FILE"
        ) from error
    return dict(found)


def _of_profile(settings: Settings) -> dict[str, Any]:
    """Return address and namespace where only the profile says them."""
    if settings.temporal_profile is None and not {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"} & os.environ.keys():
        return {}
    found = profile(settings)
    said = {"temporal_address": found.get("target_host"), "temporal_namespace": found.get("namespace")}
    return {name: value for name, value in said.items() if value and name not in settings.model_fields_set}


def _asking_for(channel: ChannelName, info: ValidationInfo) -> str | None:
    asking = (name for name in ("channel", "fallback_channel") if info.data.get(name) is channel)
    return next((f"{PREFIX}{name.upper()}" for name in asking), None)


def _unknown(name: str) -> str:
    wanted = name.removeprefix(PREFIX).lower()
    close = get_close_matches(wanted, Settings.model_fields, n=1, cutoff=0.7)
    return f"{name}: no such setting; {f'did you mean {PREFIX}{close[0].upper()}?' if close else 'unset it'}"


def _field(name: str) -> str | None:
    field = name.removeprefix(PREFIX).removesuffix("_FILE").lower()
    return field if field in Settings.model_fields else None


def _secrets_from_files() -> tuple[dict[str, Any], list[str]]:
    found, mistakes = dict[str, Any](), list[str]()
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
