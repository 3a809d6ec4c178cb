"""Which channel the settings choose. SendGrid's driver is loaded only where it is used: it costs every command."""

from tocsin.adapters.outbox import Outbox
from tocsin.adapters.pager import ChannelPager
from tocsin.ports import Channel
from tocsin.settings import ChannelName, Settings


def open_channel(settings: Settings, shelf: str) -> Channel:
    """Return the channel for notices, or for pages; `shelf` is the outbox's folder for them."""
    if settings.channel is ChannelName.SENDGRID and settings.sendgrid_api_key is not None:
        from tocsin.adapters.sendgrid import SendGrid  # noqa: PLC0415 - half a second that the outbox never needs

        return SendGrid(settings.sendgrid_api_key, settings.sendgrid_base_url, in_flight=settings.sends_in_flight)
    return Outbox(settings.outbox, shelf)


def open_pager(channel: Channel, settings: Settings) -> ChannelPager:
    """Return the pager that writes to the on-call address through a channel."""
    return ChannelPager(channel, settings.pages_to, settings.sender_address)
