"""Is an installation as it should be? Each part is asked, and says in one line that it is well, or what mends it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tocsin import wire
from tocsin.adapters.channels import open_callers, open_channel
from tocsin.adapters.embedded import TYPES
from tocsin.adapters.keyrings import open_keyring
from tocsin.adapters.people import People
from tocsin.adapters.sendgrid_events import EventVerifier, read_keys
from tocsin.adapters.sql import create_engine_for
from tocsin.adapters.sql.revision import check_schema
from tocsin.adapters.temporal_connection import connect
from tocsin.adapters.watcher import ANSWERS_WITHIN, POLLED_WITHIN, disk, polled_at, pollers
from tocsin.domain.errors import TocsinError
from tocsin.domain.values import Value
from tocsin.settings import ChannelName, Settings

OFF_BY = timedelta(seconds=2)
"""How much this machine's clock may differ from the database's: deadlines are told to the minute."""

MAIL_WITHIN = aiohttp.ClientTimeout(total=10)


class Finding(Value):
    """What one look found."""

    what: str
    ok: bool
    said: str
    """What was seen, or what is wrong and how to mend it."""


class NotWell(Exception):
    """What is wrong and how to mend it."""


Look = Callable[[], Awaitable[str]]


class Doctor:
    """Asks every part once, beside each other; nothing is changed."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now

    async def examine(self) -> list[Finding]:
        """Return what was found, in the order in which it is mended."""
        client = asyncio.ensure_future(self._client())
        looks: dict[str, Look] = {
            "keys": self._keys,
            "store": self._store,
            "people": self._people,
            "pagers": self._pagers,
            "clock": self._clock,
            "disk": self._disk,
            "temporal": lambda: self._reached(client),
            "retention": lambda: self._retention(client),
            "search attributes": lambda: self._attributes(client),
            "schedule": lambda: self._schedule(client),
            "workers": lambda: self._workers(client),
            "clock of Temporal": lambda: self._clock_there(client),
            "channel": self._channel,
            "suppression lists": self._suppressions,
            "webhook key": self._webhook,
        }
        return list(await asyncio.gather(*(_found(what, look) for what, look in looks.items())))

    async def missing(self) -> list[str]:
        """Return what keeps a console from serving: the store, or Temporal. Names only: anybody may read them."""
        found = await asyncio.gather(
            _found("store", self._store), _found("temporal", lambda: self._reached(self._client()))
        )
        return [one.what for one in found if not one.ok]

    async def _client(self) -> Client:
        try:
            return await asyncio.wait_for(connect(self._settings), ANSWERS_WITHIN)
        except (RPCError, RuntimeError, TimeoutError, OSError, ValueError) as error:
            # Six looks need Temporal; what the connection says is long, and the same for each.
            raise NotWell(
                f"{self._settings.temporal_address} does not answer ({type(error).__name__}); start it, or correct "
                "TOCSIN_TEMPORAL_ADDRESS and the way there"
            ) from error

    async def _keys(self) -> str:
        where = "TOCSIN_KEYRING" if self._settings.keyring is not None else self._settings.home / "keys"
        (await asyncio.to_thread(open_keyring, self._settings)).id_key()
        return f"those in {where} can be read"

    async def _store(self) -> str:
        def look() -> str:
            database = create_engine_for(self._settings.database_url)
            try:
                check_schema(database)
                return f"{database.dialect.name} answers, with this version's tables"
            finally:
                database.dispose()

        return await asyncio.to_thread(look)

    async def _people(self) -> str:
        # Whoever is read anew with each request: a mistake made since the start shows here first.
        file = self._settings.home / "people.toml"
        people = await asyncio.to_thread(lambda: People.load(file, open_keyring(self._settings).id_key()))
        if (user := self._settings.intake_as) and user not in {one.user for one in people.all()}:
            raise NotWell(f"TOCSIN_INTAKE_AS is {user!r}, who is nobody in {file}; name somebody who is there")
        return f"{file} can be read"

    async def _pagers(self) -> str:
        callers = await asyncio.to_thread(open_callers, open_channel(self._settings, "pages"), self._settings)
        return f"{', '.join(callers.names)}; nobody is called to try them"

    async def _clock(self) -> str:
        if not self._settings.database_url.startswith("postgresql"):
            return "the store is on this machine, and so is its clock"
        there, here = await asyncio.to_thread(self._now_of_database), self._now()
        if abs(there - here) > OFF_BY:
            raise NotWell(
                f"this machine says {here:%H:%M:%S} UTC and the database {there:%H:%M:%S}; let both follow NTP"
            )
        return "this machine and the database agree"

    def _now_of_database(self) -> datetime:
        database = create_engine_for(self._settings.database_url)
        try:
            with database.connect() as connection:
                there: datetime = connection.scalar(text("SELECT clock_timestamp()"))
                return there.astimezone(UTC)
        finally:
            database.dispose()

    async def _disk(self) -> str:
        if wrong := disk(self._settings.home):
            raise NotWell(f"{wrong} Make room, or set TOCSIN_HOME to another volume")
        return f"there is room where {self._settings.home} lies"

    async def _reached(self, client: Awaitable[Client]) -> str:
        await client
        return f"{self._settings.temporal_address} answers"

    async def _retention(self, client: Awaitable[Client]) -> str:
        namespace, wanted = self._settings.temporal_namespace, timedelta(days=self._settings.retention_days)
        answer = await (await client).workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
        kept = answer.config.workflow_execution_retention_ttl.ToTimedelta()
        if kept < wanted:
            raise NotWell(
                f"{namespace} keeps closed workflows for {kept.days} days, TOCSIN_RETENTION_DAYS says {wanted.days}; "
                f"temporal operator namespace update -n {namespace} --retention {wanted.days}d"
            )
        return f"{namespace} keeps closed workflows for {kept.days} days"

    async def _attributes(self, client: Awaitable[Client]) -> str:
        request = ListSearchAttributesRequest(namespace=self._settings.temporal_namespace)
        present = (await (await client).operator_service.list_search_attributes(request)).custom_attributes
        if missing := [str(name) for name in TYPES if name not in present]:
            raise NotWell(f"{', '.join(missing)} missing; a worker's start makes them")
        return f"all {len(TYPES)} are there"

    async def _schedule(self, client: Awaitable[Client]) -> str:
        schedule = (await (await client).get_schedule_handle(wire.SWEEP_SCHEDULE).describe()).schedule
        if schedule.state.paused:
            raise NotWell(
                f"the sweep is paused; temporal schedule toggle --unpause --schedule-id {wire.SWEEP_SCHEDULE}"
            )
        return "the sweep runs"

    async def _workers(self, client: Awaitable[Client]) -> str:
        count = await pollers(await client, self._now())
        if not count:
            raise NotWell("no worker polls; start one: python worker.py")
        return f"{count} poll"

    async def _clock_there(self, client: Awaitable[Client]) -> str:
        # Temporal tells nobody its time, but when a worker polled last, and when the sweep is due: now lies between.
        earliest, latest = await _time_there(await client)
        here = self._now()
        if earliest is not None and here < earliest - OFF_BY:
            raise NotWell(_apart(earliest - here, "behind"))
        if latest is not None and here > latest + OFF_BY:
            raise NotWell(_apart(here - latest, "ahead of"))
        return "this machine and Temporal agree" if earliest else "it shows once a worker polls"

    async def _channel(self) -> str:
        chosen = self._settings
        if chosen.channel is not ChannelName.SENDGRID or chosen.sendgrid_api_key is None:
            return f"{chosen.channel}; nothing to ask"
        # A letter in SendGrid's sandbox is checked and not sent: the answer tells whether the key may send mail.
        letter = {
            "personalizations": [{"to": [{"email": chosen.sender_address}]}],
            "from": {"email": chosen.sender_address},
            "subject": "tocsin doctor",
            "content": [{"type": "text/plain", "value": "Not sent."}],
            "mail_settings": {"sandbox_mode": {"enable": True}},
        }
        bearer = {"Authorization": f"Bearer {chosen.sendgrid_api_key.get_secret_value()}"}
        url = f"{chosen.sendgrid_base_url}/v3/mail/send"
        async with (
            aiohttp.ClientSession(timeout=MAIL_WITHIN) as http,
            http.post(url, json=letter, headers=bearer) as answer,
        ):
            if answer.status in {401, 403}:
                raise NotWell(f"SendGrid refuses the key ({answer.status}); give one with the right `mail.send`")
            if answer.status >= 300:
                raise NotWell(f"SendGrid answers {answer.status}; check TOCSIN_SENDER_ADDRESS and its status page")
        return "SendGrid takes letters with this key"

    async def _suppressions(self) -> str:
        chosen = self._settings
        if chosen.channel is not ChannelName.SENDGRID or chosen.sendgrid_api_key is None:
            return f"{chosen.channel} has none"
        bearer = {"Authorization": f"Bearer {chosen.sendgrid_api_key.get_secret_value()}"}
        url = f"{chosen.sendgrid_base_url}/v3/suppression/bounces?limit=1"
        async with aiohttp.ClientSession(timeout=MAIL_WITHIN) as http, http.get(url, headers=bearer) as answer:
            if answer.status in {401, 403}:
                raise NotWell(
                    f"SendGrid refuses to show them to this key ({answer.status}), so that letters leave to addresses "
                    "that it drops; give the key the right `suppression.read`"
                )
            if answer.status != 200:
                raise NotWell(f"SendGrid answers {answer.status} when asked for them; see its status page")
        return "they can be read with this key"

    async def _webhook(self) -> str:
        if self._settings.channel is ChannelName.SENDGRID and not self._settings.sendgrid_webhook_keys:
            raise NotWell("no receipts are taken; set TOCSIN_SENDGRID_WEBHOOK_KEYS to SendGrid's public key")
        if self._settings.sendgrid_webhook_keys.strip():
            EventVerifier(read_keys(self._settings.sendgrid_webhook_keys))
        return "set" if self._settings.sendgrid_webhook_keys else "this channel has none"


async def _time_there(client: Client) -> tuple[datetime | None, datetime | None]:
    """Return the bounds of what the time is on Temporal's side, as far as it lets them be known."""
    polled = max(await polled_at(client), default=None)
    try:
        schedule = await client.get_schedule_handle(wire.SWEEP_SCHEDULE).describe()
    except RPCError:
        due, every = None, timedelta()  # that there is none is a finding of its own
    else:
        due = next(iter(schedule.info.next_action_times), None)
        every = schedule.schedule.spec.intervals[0].every if schedule.schedule.spec.intervals else timedelta()
    earliest = [at for at in (polled, due - every if due and every else None) if at is not None]
    latest = [at for at in (polled + POLLED_WITHIN if polled else None, due) if at is not None]
    return max(earliest, default=None), min(latest, default=None)


def _apart(by: timedelta, how: str) -> str:
    return f"this machine's clock is at least {by.total_seconds():.0f} s {how} Temporal's; let both follow NTP"


async def _found(what: str, look: Look) -> Finding:
    try:
        return Finding(what=what, ok=True, said=await look())
    except (NotWell, TocsinError) as wrong:
        return Finding(what=what, ok=False, said=str(wrong))
    except (RPCError, RuntimeError, TimeoutError, OSError, SQLAlchemyError, aiohttp.ClientError) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return Finding(what=what, ok=False, said=f"{said.rstrip('.')}; start a worker, which makes it")
        return Finding(what=what, ok=False, said=f"it does not answer ({said}); see that it runs and can be reached")
