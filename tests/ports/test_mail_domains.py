"""Which domains take mail, asked of a small DNS server on this machine."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.asyncresolver import Resolver

from tocsin.adapters.mail_domains import domains_without_mail, resolver_at

ZONE = {
    ("birch.example.", "MX"): "10 mail.birch.example.",
    ("cedar.example.", "A"): "192.0.2.7",
    ("dogwood.example.", "MX"): "0 .",
    ("elm.example.", "AAAA"): "2001:db8::7",
    ("fir.example.", "TXT"): '"nothing to see"',
}
NAMES = {name for name, _ in ZONE}


class Server(asyncio.DatagramProtocol):
    """Answers from the zone; whoever asks for `silent.example` waits in vain."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        if name == "silent.example.":
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name not in NAMES:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif (name, kind) in ZONE:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, ZONE[name, kind]))
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def resolver() -> AsyncIterator[Resolver]:
    """A resolver that asks only the server on this machine."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, ("127.0.0.1", 0))
    yield resolver_at("127.0.0.1", transport.get_extra_info("sockname")[1])
    transport.close()


async def test_who_takes_mail(resolver: Resolver) -> None:
    """A mail server or an address will do; a null MX, neither of them, and no such domain will not."""
    domains = ["birch.example", "cedar.example", "dogwood.example", "elm.example", "fir.example", "gone.example"]
    without, late = await domains_without_mail(domains, resolver)
    assert without == {
        "dogwood.example": "the domain says that it takes no mail (RFC 7505)",
        "fir.example": "the domain has neither a mail server nor an address",
        "gone.example": "the domain does not exist",
    }
    assert late == frozenset()


async def test_silence_is_limited(resolver: Resolver) -> None:
    """A server that does not answer ends at the limit, is told apart from an answer, and hides no other domain."""
    found = await domains_without_mail(["silent.example", "gone.example"], resolver, timedelta(seconds=1))
    assert found == ({"gone.example": "the domain does not exist"}, frozenset({"silent.example"}))


async def test_nothing_to_ask(resolver: Resolver) -> None:
    """No domains, no question."""
    assert await domains_without_mail([], resolver) == ({}, frozenset())
