"""Which channel the settings choose. SendGrid's driver is loaded only where it is used: it costs every command."""

import re
from collections import Counter

from tocsin.adapters.callers import LadderCallers
from tocsin.adapters.counted_pager import CountedPager
from tocsin.adapters.drill_pager import DrillPager
from tocsin.adapters.escalation import FILE, load_ladder
from tocsin.adapters.incident_pager import IncidentPager, is_incident_url
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.pager import ChannelPager
from tocsin.adapters.pager_chain import PagerChain
from tocsin.adapters.posting import Posting
from tocsin.adapters.posting_pages import Site
from tocsin.domain.errors import Refused
from tocsin.ports import Channel, Copies, Keyring, Pager, Witness
from tocsin.settings import ChannelName, Settings

MAIL = "mail"
"""The pager that every installation has: the mail to the on-call address."""

_NAMED = re.compile(r"([A-Za-z0-9_-]+)=([A-Za-z0-9+.-]+://\S+)")


def open_channel(settings: Settings, shelf: str, name: ChannelName | None = None) -> Channel:
    """Return a channel for notices, or for pages; `shelf` is the outbox's folder for them.

    Raises:
        Refused: if what is configured for it cannot be safe.
    """
    name = name or settings.channel
    if name is ChannelName.SMTP and settings.smtp_host is not None:
        from tocsin.adapters.smtp import MailServer, Smtp  # noqa: PLC0415 - as below

        where = (settings.smtp_host, settings.smtp_port, settings.smtp_user, settings.smtp_password)
        return Smtp(MailServer(*where, plain=settings.smtp_plain))
    if name is ChannelName.SENDGRID and settings.sendgrid_api_key is not None:
        from tocsin.adapters.sendgrid import SendGrid  # noqa: PLC0415 - half a second that the outbox never needs

        return SendGrid(
            settings.sendgrid_api_key,
            settings.sendgrid_base_url,
            in_flight=settings.sends_in_flight,
            reports_delivery=bool(settings.sendgrid_webhook_keys.strip()),
        )
    return Outbox(settings.outbox, shelf)


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Return the channels for notices by name: those for mails in their order, and the notice page.

    Raises:
        Refused: if what is configured for one cannot be safe.
    """
    names = [name for name in (settings.channel, settings.fallback_channel) if name is not None]
    mails = {channel.name: channel for channel in (open_channel(settings, "notices", name) for name in names)}
    return mails | {Posting.name: open_posting(settings)}


def open_posting(settings: Settings) -> Posting:
    """Return the notice page."""
    url = settings.posting_url or (f"{settings.public_url}/notices" if settings.public_url else None)
    domain = settings.sender_address.rpartition("@")[2]
    return Posting(settings.posting, Site(owner=settings.sender_name, domain=domain, url=url))


def open_copies(settings: Settings, keyring: Keyring) -> Copies:
    """Return where copies of incidents lie in this home: what its channels, its spool and its packs have left there."""
    from tocsin.adapters.copies import HomeCopies  # noqa: PLC0415 - it asks for the notice page in turn

    return HomeCopies(settings, keyring.open_from_engine)


def open_pager(channel: Channel, settings: Settings) -> Pager:
    """Return the pagers of TOCSIN_PAGER_URLS in their order, and behind them the mail to the on-call address.

    Raises:
        Refused: if a URL is none that a pager can be made of.
    """
    pagers = open_pagers(channel, settings)
    return PagerChain([*pagers.values()]) if len(pagers) > 1 else pagers[MAIL]


def open_pagers(channel: Channel, settings: Settings) -> dict[str, Pager]:
    """Return the pagers by name: those of TOCSIN_PAGER_URLS, by number where they have none, and `mail` last.

    Raises:
        Refused: if a URL is none that a pager can be made of, or two have the same name.
    """
    words = settings.pager_urls.get_secret_value().split() if settings.pager_urls else []
    pagers: dict[str, Pager] = {}
    for place, word in enumerate(words, start=1):
        named = _NAMED.match(word)
        name, url = (named[1], named[2]) if named else (str(place), word)
        if name in pagers or name == MAIL:
            raise Refused(f"TOCSIN_PAGER_URLS: the name {name!r} in place {place} is taken; choose another one")
        pagers[name] = _pager(url, place)
    pagers[MAIL] = ChannelPager(channel, settings.pages_to, settings.sender_address)
    return {name: DrillPager(pager) for name, pager in pagers.items()} if settings.tempo.drill else pagers


def _pager(url: str, place: int) -> Pager:
    if is_incident_url(url):
        return IncidentPager(url, place)
    from tocsin.adapters.apprise_pager import ApprisePager  # noqa: PLC0415 - a command that pages nobody loads it never

    return ApprisePager(url, place)


def open_callers(channel: Channel, settings: Settings) -> LadderCallers:
    """Return the ladder of `escalation.toml` with its pagers.

    Raises:
        Refused: if a pager's URL is wrong, or naming every mistake in the file.
    """
    unpaged: Counter[str] = Counter()
    pagers = {name: CountedPager(name, one, unpaged) for name, one in open_pagers(channel, settings).items()}
    return LadderCallers(load_ladder(settings.home / FILE, pagers.keys()), pagers, settings.console_url, unpaged)


def open_witnesses(channel: Channel, settings: Settings) -> list[Witness]:
    """Return the witnesses of the log that the settings name; `channel` carries the mails among them."""
    from tocsin.adapters.witnesses import FileWitness, HttpWitness, MailWitness  # noqa: PLC0415 - as the pagers above

    witnesses: list[Witness] = []
    if settings.witness_file is not None:
        witnesses.append(FileWitness(settings.witness_file))
    if settings.witness_url is not None:
        witnesses.append(HttpWitness(settings.witness_url.get_secret_value()))
    if settings.witness_mail is not None:
        witnesses.append(MailWitness(channel, settings.witness_mail, settings.sender_address))
    if settings.tsa_url is not None:
        from tocsin.adapters.timestamps import TimestampWitness  # noqa: PLC0415 - loaded where it is used

        witnesses.append(TimestampWitness(settings.tsa_url))
    return witnesses
