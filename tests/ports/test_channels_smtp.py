"""The SMTP channel against real servers on this machine: exact bytes, TLS, and an honest verdict for every fault."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.ports.mail_server import Kept, certificate, real, scripted
from tests.ports.test_channels_outbox import a_letter, parsed
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.smtp import MailServer, Smtp
from tocsin.domain.errors import Refused
from tocsin.ports import Channel, Outcome, Verdict

AT = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
DATED = b"Date: Fri, 20 Nov 2026 22:10:00 +0000\r\n"
PASSWORD = "correct-horse"


def plainly(port: int, timeout: float = 5) -> Smtp:
    """Return a channel to a server on this machine, without TLS."""
    return Smtp(MailServer("127.0.0.1", port, plain=True), timeout=timeout)


async def sent(channel: Channel, times: int = 1) -> list[Outcome]:
    """Send the same letter some times, close, and return the outcomes."""
    prepared = channel.prepare(a_letter())
    outcomes = [await channel.send(prepared, AT) for _ in range(times)]
    await channel.close()
    return outcomes


async def came_to(script: dict[str, str], patience: float = 5) -> tuple[Outcome, list[str]]:
    """Send a letter to a server that answers as `script` says; return the outcome and what the server was told."""
    async with scripted(script) as (port, came):
        (outcome,) = await sent(plainly(port, patience))
    return outcome, came


async def test_the_exact_bytes_arrive_over_tls_with_a_password(tmp_path: Path) -> None:
    """What a real server takes is the stored `.eml` under a Date, from a known user, on a checked connection."""
    server, client = certificate(tmp_path)
    kept = Kept()
    async with real(kept, server, PASSWORD) as port:
        where = MailServer("127.0.0.1", port, "tocsin", SecretStr(PASSWORD))
        (outcome,) = await sent(Smtp(where, trust=client))

    assert outcome == Outcome(verdict=Verdict.ACCEPTED, detail="2.0.0 taken as 4711")
    assert kept.tls == [True]
    (envelope,) = kept.envelopes
    assert envelope.content == DATED + Outbox(tmp_path).prepare(a_letter())
    assert (envelope.mail_from, envelope.rcpt_tos) == ("incident-desk@processor.example", ["privacy@birch.example"])
    assert parsed(envelope.content)["Message-ID"] == "<ntc-birchbirchbirch1@processor.example>"


@pytest.mark.parametrize(("trusted", "password"), [(False, PASSWORD), (True, "wrong")])
async def test_no_letter_leaves_when_the_door_is_wrong(tmp_path: Path, trusted: bool, password: str) -> None:
    """A certificate nobody vouches for, or a wrong password, stops the channel, and the password is not told."""
    server, client = certificate(tmp_path)
    kept = Kept()
    async with real(kept, server, PASSWORD) as port:
        where = MailServer("127.0.0.1", port, "tocsin", SecretStr(password))
        (outcome,) = await sent(Smtp(where, trust=client if trusted else None))

    assert outcome.verdict is Verdict.CHANNEL_DOWN
    assert not kept.envelopes
    assert password not in outcome.detail
    assert password not in repr(where)


async def test_no_letter_leaves_in_the_clear_unasked() -> None:
    """A server without STARTTLS stops the channel; nothing about the letter was said to it."""
    async with scripted({}) as (port, came):
        (outcome,) = await sent(Smtp(MailServer("127.0.0.1", port)))

    assert outcome.verdict is Verdict.CHANNEL_DOWN
    assert "STARTTLS" in outcome.detail
    assert not [line for line in came if "birch" in line]


async def test_a_report_of_delivery_is_asked_for_under_the_notice_id() -> None:
    """Where the server offers DSN, the envelope carries the notice's id and asks for success, failure and delay."""
    _, came = await came_to({})

    assert "MAIL FROM:<incident-desk@processor.example> RET=HDRS ENVID=ntc-birchbirchbirch1" in came
    assert "RCPT TO:<privacy@birch.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;privacy@birch.example" in came


async def test_no_report_is_asked_of_a_server_that_offers_none() -> None:
    """A server that never named DSN is not confused with it."""
    _, came = await came_to({"EHLO": "250 mail.example"})

    assert "MAIL FROM:<incident-desk@processor.example>" in came
    assert "RCPT TO:<privacy@birch.example>" in came


@pytest.mark.parametrize(
    ("script", "verdict", "says"),
    [
        ({"greeting": "421 too busy"}, Verdict.NOT_SENT, "too busy"),
        ({"greeting": "554 not you"}, Verdict.NOT_SENT, "not you"),
        ({"greeting": "drop"}, Verdict.NOT_SENT, ""),
        ({"MAIL": "451 greylisted"}, Verdict.NOT_SENT, "451"),
        ({"MAIL": "550 sender unknown"}, Verdict.CHANNEL_DOWN, "550"),
        ({"MAIL": "552 too large"}, Verdict.REJECTED, "552"),
        ({"MAIL": "drop"}, Verdict.NOT_SENT, ""),
        ({"RCPT": "450 try later"}, Verdict.NOT_SENT, "450"),
        ({"RCPT": "550 privacy@birch.example is gone"}, Verdict.REJECTED, "550 (address) is gone"),
        ({"RCPT": "drop"}, Verdict.NOT_SENT, ""),
        ({"DATA": "451 not now"}, Verdict.NOT_SENT, "451"),
        ({"DATA": "554 no"}, Verdict.REJECTED, "554"),
        ({"DATA": "drop"}, Verdict.NOT_SENT, ""),
        ({"dot": "451 disk full"}, Verdict.NOT_SENT, "451"),
        ({"dot": "554 looks bad"}, Verdict.REJECTED, "554"),
        ({"dot": "drop"}, Verdict.IN_DOUBT, ""),
        ({}, Verdict.ACCEPTED, "ok"),
    ],
)
async def test_each_fault_has_its_verdict(script: dict[str, str], verdict: Verdict, says: str) -> None:
    """Before the final dot it was not sent; after it, only an answer says; a lost answer is a doubt."""
    outcome, _ = await came_to(script)

    assert outcome.verdict is verdict
    assert says in outcome.detail
    assert "birch.example" not in outcome.detail


@pytest.mark.parametrize(
    ("phase", "verdict"),
    [
        ("greeting", Verdict.NOT_SENT),
        ("MAIL", Verdict.NOT_SENT),
        ("RCPT", Verdict.NOT_SENT),
        ("DATA", Verdict.NOT_SENT),
        ("dot", Verdict.IN_DOUBT),
    ],
)
async def test_silence_is_a_doubt_only_after_the_message(phase: str, verdict: Verdict) -> None:
    """A server that stops talking leaves a doubt only if the message had gone."""
    outcome, _ = await came_to({phase: "hang"}, patience=0.3)

    assert outcome.verdict is verdict


async def test_nobody_there_is_not_sent() -> None:
    """A server that does not run took nothing."""
    async with scripted({}) as (port, _):
        pass
    (outcome,) = await sent(plainly(port))

    assert outcome.verdict is Verdict.NOT_SENT


async def test_connections_are_used_again() -> None:
    """Three letters one after the other go over one connection."""
    kept = Kept()
    async with real(kept) as port:
        outcomes = await sent(plainly(port), times=3)

    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 3
    assert len(kept.connections) == 1


async def test_no_more_connections_than_allowed() -> None:
    """Ten letters at once share two connections, and each arrives."""
    kept = Kept()
    async with real(kept) as port:
        channel = Smtp(MailServer("127.0.0.1", port, plain=True), in_flight=2)
        outcomes = await asyncio.gather(*(channel.send(channel.prepare(a_letter()), AT) for _ in range(10)))
        await channel.close()

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert (len(kept.envelopes), len(kept.connections)) == (10, 2)


async def test_a_refused_letter_does_not_spoil_the_next() -> None:
    """After a refused recipient the same connection carries another letter."""
    async with scripted({"RCPT": "550 gone"}) as (port, came):
        outcomes = await sent(plainly(port), times=2)

    assert [outcome.verdict for outcome in outcomes] == [Verdict.REJECTED] * 2
    assert came.count("RSET") == 1
    assert "DATA" not in came


async def test_an_interrupted_letter_leaves_no_connection_behind() -> None:
    """A send that is cancelled in the middle closes its connection: no letter is begun upon its rest."""
    async with scripted({"DATA": "hang"}) as (port, came):
        channel = plainly(port)
        sending = asyncio.create_task(channel.send(channel.prepare(a_letter()), AT))
        await came.until("DATA")
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(came.ended.wait(), 30)

    assert "QUIT" not in came


async def test_a_message_without_an_envelope_is_rejected() -> None:
    """Bytes that are no letter of ours fail by themselves, and no connection is made for them."""
    outcome = await Smtp(MailServer("127.0.0.1", 1, plain=True)).send(b"Subject: x\r\n\r\nhello", AT)

    assert outcome.verdict is Verdict.REJECTED


@pytest.mark.parametrize("change", [{"subject": "a\r\nBcc: mallory@mallory.example"}, {"to_address": "no address"}])
def test_a_letter_that_cannot_be_carried_is_refused(change: dict[str, str]) -> None:
    """What would forge a header, or is no address, is refused when the letter is prepared."""
    with pytest.raises(Refused):
        plainly(1).prepare(a_letter(**change))


async def test_an_international_domain_travels_in_ascii() -> None:
    """A domain with an umlaut is handed over as its A-label, which every server understands."""
    async with scripted({}) as (port, came):
        channel = plainly(port)
        outcome = await channel.send(channel.prepare(a_letter(to_address="privacy@bücher.example")), AT)
        await channel.close()

    assert outcome.verdict is Verdict.ACCEPTED
    assert any(line.startswith("RCPT TO:<privacy@xn--bcher-kva.example>") for line in came)


def test_letters_in_the_clear_are_for_this_machine_only() -> None:
    """Relaxing STARTTLS is refused for any other machine, and half a login is refused everywhere."""
    with pytest.raises(Refused, match="TOCSIN_SMTP_PLAIN"):
        MailServer("mail.example", plain=True)
    with pytest.raises(Refused, match="go together"):
        MailServer("mail.example", user="tocsin")


async def test_logging_names_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Not even debug logging shows an address or the letter."""
    with caplog.at_level(logging.DEBUG):
        await came_to({"dot": "554 looks bad"})

    assert "birch" not in caplog.text
