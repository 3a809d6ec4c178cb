"""Pages by whatever `apprise` knows: PagerDuty, Opsgenie, Slack, Teams, SMS, a webhook … one URL, one pager.

The URL holds a token, so it is a secret: it is never printed, and apprise's own logging of it is switched off.
"""

import logging
from collections import OrderedDict

import apprise

from tocsin.domain.errors import Deferred, Refused
from tocsin.ports import Page, PageAnswer

_REMEMBERED = 10_000
"""Keys of pages that this process has delivered; a double after a crash is better than no page."""


class ApprisePager:
    """Sends pages to one of apprise's services; fulfils `ports.Pager`.

    Args:
        url: as apprise writes it, for example `pagerduty://INTEGRATION_KEY@API_KEY`.
        place: its place among the pagers, by which messages name it, since its URL may not be shown.

    Raises:
        Refused: if apprise knows no such service, or the URL lacks something.
    """

    keeps_open = False

    def __init__(self, url: str, place: int) -> None:
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self.name = f"pager {place} ({url.partition('://')[0].lower()[:20]})"
        self._service = apprise.Apprise()
        self._delivered: OrderedDict[str, None] = OrderedDict()
        if not self._service.add(url):
            raise Refused(
                f"TOCSIN_PAGER_URLS: the URL in place {place} is none that apprise can use; "
                "see its list of services for how it is written"
            )

    async def page(self, page: Page) -> None:
        """Deliver the page; the same key again delivers nothing new in this process. Raises Deferred if it failed."""
        if page.key in self._delivered:
            return
        if not await self._service.async_notify(
            body=page.text, title=page.subject, notify_type=apprise.NotifyType.WARNING
        ):
            raise Deferred(f"{self.name} did not take the page; check its URL in TOCSIN_PAGER_URLS and the service")
        self._delivered[page.key] = None
        if len(self._delivered) > _REMEMBERED:
            self._delivered.popitem(last=False)

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Do nothing: what apprise sends is not kept open."""
