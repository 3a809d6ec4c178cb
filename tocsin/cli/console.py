"""`console`: serve the console over HTTP: rooms for our own people, the API, receipts, the recipients' pages."""

import asyncio
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from tocsin.adapters.codec import data_converter
from tocsin.cli.render import say
from tocsin.cli.session import Session, session
from tocsin.client import Engine
from tocsin.domain.errors import Refused
from tocsin.domain.values import IncidentId

if TYPE_CHECKING:
    from tocsin.console.codec import CodecRoom
    from tocsin.console.office import Office

commands = typer.Typer()


@commands.command()
def console(ctx: typer.Context) -> None:
    """Serve the console and the API, take receipts from SendGrid, show recipients their pages, until Ctrl-C."""
    work = session(ctx)
    with _listening(work.settings.console_address) as listener:
        asyncio.run(_serve(work, listener))


def _listening(address: str) -> socket.socket:
    """Return a socket that listens at HOST:PORT. Raises Refused if nothing can listen there."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        raise Refused(
            f"the console cannot listen at {address} ({error.strerror}); "
            "end what listens there, or set TOCSIN_CONSOLE_ADDRESS"
        ) from error


async def _serve(work: Session, listener: socket.socket) -> None:
    # Half a second to load, which no other command needs.
    import uvicorn  # noqa: PLC0415

    from tocsin.adapters import logging  # noqa: PLC0415
    from tocsin.adapters.doctor import Doctor  # noqa: PLC0415
    from tocsin.adapters.sendgrid_events import EventVerifier, read_keys  # noqa: PLC0415
    from tocsin.console.app import create_app  # noqa: PLC0415
    from tocsin.console.desk import Desk  # noqa: PLC0415
    from tocsin.console.office import Office, PeopleFile  # noqa: PLC0415

    chosen = work.settings
    logging.set_up(chosen)

    async def engine() -> Engine:
        converter = data_converter(work.vault, chosen.temporal_namespace)
        return await Engine.connect(chosen, converter)

    async def histories(incident_id: IncidentId) -> dict[str, bytes]:
        return await asyncio.to_thread(work.histories, incident_id)

    desk = Desk(
        work.store,
        work.vault,
        EventVerifier(read_keys(chosen.sendgrid_webhook_keys)),
        engine,
        sender_name=chosen.sender_name,
        posted=chosen.posting,
        now=work.now,
        monotonic=time.monotonic,
    )
    office = Office(
        work.store,
        work.vault,
        PeopleFile(work.home / "people.toml", work.keyring.id_key()),
        work.keyring.door_private(),
        work.keyring.id_key(),
        engine,
        home=work.home,
        settings=chosen,
        means=work.means,
        histories=histories,
        now=work.now,
        monotonic=time.monotonic,
    )
    config = uvicorn.Config(
        create_app(desk, Doctor(chosen, work.now).missing, office, _codec_room(work, office)),
        # Its lines would hold the tokens of links.
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        proxy_headers=bool(chosen.trusted_proxies),
        forwarded_allow_ips=chosen.trusted_proxies or None,
    )
    say(f"console listens on http://{chosen.console_address}")
    await uvicorn.Server(config).serve([listener])


def _codec_room(work: Session, office: "Office") -> "CodecRoom":
    from tocsin.adapters.codec import IncidentCodec  # noqa: PLC0415
    from tocsin.console.codec import CodecRoom  # noqa: PLC0415

    chosen = work.settings
    names = (urlsplit(url or "").hostname for url in (chosen.console_url, chosen.public_url))
    return CodecRoom(
        office,
        IncidentCodec(work.vault, chosen.temporal_namespace),
        namespace=chosen.temporal_namespace,
        origins=chosen.ui_origins.split(),
        hosts=[name for name in names if name],
    )
