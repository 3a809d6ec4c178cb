"""A channel that stops, and the next one that takes over: SendGrid over HTTP and a mail server, both on loopback."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from temporalio.testing import WorkflowEnvironment

from tests.house import House
from tests.ports.mail_server import Kept, real
from tests.workflow.story import Story
from tocsin.adapters.sendgrid import SendGrid
from tocsin.adapters.smtp import MailServer, Smtp
from tocsin.domain.breaker import ChannelState, closed
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.values import PersonId


class SendGridStandIn:
    """Answers what a test says, one after the other, then 202; it counts what it was asked."""

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        self.answers = list(answers)
        self.asked: Counter[str] = Counter()

    async def take(self, request: web.Request) -> web.Response:
        """Answer a request to send."""
        mail = await request.json()
        self.asked[mail["personalizations"][0]["to"][0]["email"]] += 1
        status, headers = self.answers.pop(0) if self.answers else (202, {"X-Message-Id": "m-1"})
        return web.Response(status=status, headers=headers)


class Desk:
    """A story whose letters leave by SendGrid, with a mail server behind it."""

    def __init__(self, story: Story, stand: SendGridStandIn, kept: Kept) -> None:
        self.story, self.stand, self.kept = story, stand, kept

    @property
    def rows(self) -> list[Notice]:
        """The rows that were written to."""
        rows = self.story.house.notices(self.story.incident)
        return [row for row in rows if row.state is not NoticeState.DRAFTED]

    def arrived(self) -> dict[str, str]:
        """Return the Message-ID of each letter that the mail server took, by address."""
        found = [message_from_bytes(e.content or b"", policy=policy.default) for e in self.kept.envelopes]  # type: ignore[arg-type]
        return {str(mail["To"].addresses[0].addr_spec): str(mail["Message-ID"]) for mail in found}

    def known(self) -> dict[str, ChannelState]:
        """Return what the store knows of the channels."""
        with self.story.house.store.reading() as tx:
            return {state.name: state for state in tx.channels.all()}


@asynccontextmanager
async def a_desk(
    server: WorkflowEnvironment, house: House, *answers: tuple[int, dict[str, str]]
) -> AsyncIterator[Desk]:
    """Open the house with SendGrid first and the mail server behind it."""
    stand, kept, app = SendGridStandIn(*answers), Kept(), web.Application()
    app.router.add_post("/v3/mail/send", stand.take)
    async with TestServer(app, host="127.0.0.1") as http, real(kept) as port:
        house.channel = SendGrid(SecretStr("SG.key"), f"http://127.0.0.1:{http.port}")
        house.fallback = Smtp(MailServer("127.0.0.1", port, plain=True))
        async with house.working():
            yield Desk(Story(server, house), stand, kept)
        await house.channel.close()
        await house.fallback.close()


@pytest.mark.parametrize("status", [401, 403, 451])
async def test_a_refused_account_moves_the_wave(server: WorkflowEnvironment, quiet_house: House, status: int) -> None:
    """Every letter leaves by the mail server at once: same letter, number and Message-ID; one person is called."""
    async with a_desk(server, quiet_house, *[(status, {})] * 99) as desk:
        await desk.story.confirmed()
        drafted = await desk.story.draft()
        before = {row.notice_id: row for row in desk.story.house.notices(desk.story.incident)}
        await desk.story.wave(await desk.story.release(drafted)).result()
        told = [row for row in desk.rows if row.contact_id is not None]

        assert {row.channel for row in told} == {"smtp"}
        assert {row.state for row in told} == {NoticeState.ACCEPTED}
        assert {str(row.message_id) for row in told} == set(desk.arrived().values())
        kept = ("number", "message_id", "letter_sha256")
        assert all(getattr(row, name) == getattr(before[row.notice_id], name) for row in told for name in kept)
        assert not any(row.possible_duplicate for row in told)
        assert len(desk.story.house.pages("The channel sendgrid is stopped; smtp takes over")) == 1
        assert not desk.story.house.pages("Notices cannot be sent")
        assert str(status) in desk.known()["sendgrid"].reason
        assert len(desk.story.house.log("wave.rerouted")) == 1
        assert len(desk.story.house.log("channel.stopped")) == 1


@pytest.mark.parametrize("status", [400, 413])
async def test_a_refused_letter_fails_alone(server: WorkflowEnvironment, quiet_house: House, status: int) -> None:
    """One letter that SendGrid will not take stops nothing: the others leave through it."""
    async with a_desk(server, quiet_house, (status, {})) as desk:
        await desk.story.confirmed()
        await desk.story.tell()

        assert not desk.kept.envelopes
        assert not any(state.stopped for state in desk.known().values())
        assert sum(desk.stand.asked.values()) >= 3
        assert NoticeState.ACCEPTED in {row.state for row in desk.rows}


async def test_a_doubt_is_settled_before_it_moves(server: WorkflowEnvironment, quiet_house: House) -> None:
    """A letter of which nobody knows whether SendGrid took it waits out its grace before the mail server gets it."""
    async with a_desk(server, quiet_house, (502, {}), *[(401, {})] * 99) as desk:
        await desk.story.confirmed()
        wave = await desk.story.release(await desk.story.draft())
        await desk.story.rest()
        (doubtful,) = [row for row in desk.rows if row.state is NoticeState.IN_DOUBT]
        assert doubtful.channel == "sendgrid"
        assert doubtful.message_id not in desk.arrived().values()
        assert len(desk.arrived()) == 2

        await desk.story.server.fast_forward(desk.story.wave(wave), timedelta(minutes=9))
        await desk.story.wave(wave).result()

        (row,) = [row for row in desk.rows if row.notice_id == doubtful.notice_id]
        assert (row.channel, row.state, row.possible_duplicate) == ("smtp", NoticeState.ACCEPTED, True)
        assert doubtful.message_id in desk.arrived().values()


async def test_a_pause_is_waited_for_and_moves_nothing(server: WorkflowEnvironment, quiet_house: House) -> None:
    """After a 429 nothing is asked of SendGrid before the time it gave; then the letters leave through it."""
    async with a_desk(server, quiet_house, *[(429, {"Retry-After": "50"})] * 3) as desk:
        await desk.story.confirmed()
        wave = await desk.story.release(await desk.story.draft())
        await desk.story.rest()
        asked = sum(desk.stand.asked.values())
        paused = desk.known()["sendgrid"].paused_until
        assert paused is not None
        assert paused > desk.story.now + timedelta(seconds=20)

        await desk.story.server.fast_forward(desk.story.wave(wave), timedelta(minutes=3))
        await desk.story.wave(wave).result()

        assert asked == 3
        assert not desk.kept.envelopes
        assert {row.state for row in desk.rows if row.contact_id} == {NoticeState.ACCEPTED}


async def test_a_closed_channel_is_not_asked(server: WorkflowEnvironment, quiet_house: House) -> None:
    """What a person closed gets no letter of any wave: the next channel has them all."""
    async with a_desk(server, quiet_house) as desk:
        with quiet_house.store.writing() as tx:
            state = closed(ChannelState(name="sendgrid"), PersonId("per-dara"), "they ask for it", desk.story.now)
            tx.channels.put([state])
        await desk.story.confirmed()
        await desk.story.tell()

        assert not desk.stand.asked
        assert len(desk.arrived()) == 3
