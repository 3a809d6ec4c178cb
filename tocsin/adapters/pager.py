"""The mail pager: a page is a short plain letter to the on-call address, by any channel."""

import hashlib

from tocsin.domain.errors import Deferred
from tocsin.domain.letter import Letter
from tocsin.domain.values import NoticeId
from tocsin.ports import Channel, Page, PageAnswer, Verdict


class ChannelPager:
    """Sends pages through a channel; fulfils `ports.Pager`.

    The embedded default is `ChannelPager(Outbox(folder, "pages"), to, sender)`, which writes to `<folder>/pages/`.
    """

    keeps_open = False

    def __init__(self, channel: Channel, to: str, sender: str) -> None:
        self._channel = channel
        self._to = to
        self._sender = sender

    async def page(self, page: Page) -> None:
        """Deliver the page, once for its key as far as the channel can tell.

        Raises:
            Deferred: if the channel did not take it.
            Refused: if the on-call or the sender's address is not one.
        """
        prepared = self._channel.prepare(self._letter(page))
        if await self._channel.lookup(prepared):
            return
        outcome = await self._channel.send(prepared, page.at)
        if outcome.verdict is not Verdict.ACCEPTED:
            raise Deferred(
                f"the page could not be delivered: {self._channel.name} answered {outcome.verdict}"
                f"{f' ({outcome.detail})' if outcome.detail else ''}; phone the on-call person, then mend the channel"
            )

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Do nothing: a mail is not kept open."""

    def _letter(self, page: Page) -> Letter:
        name = f"page-{hashlib.sha256(page.key.encode()).hexdigest()[:32]}"
        return Letter(
            from_name="Tocsin",
            from_address=self._sender,
            reply_to=None,
            to_name="",
            to_address=self._to,
            subject=" ".join(page.subject.split()),
            text=page.text,
            html="",
            language="en",
            message_id=f"<{name}@tocsin>",
            notice_number=name,
            notice_id=NoticeId(name),
        )
