"""Which domains cannot take mail, by asking the DNS: MX records, or else an address (RFC 5321 section 5.1)."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from dns.asyncresolver import Resolver
from dns.exception import DNSException, Timeout
from dns.resolver import NXDOMAIN, NoAnswer, NoNameservers

AT_ONCE = 20
"""Questions in the air."""

PER_DOMAIN = timedelta(seconds=5)
ALL_TOGETHER = timedelta(minutes=1)

NOT_ASKED = "the DNS did not answer in time; check the domain by hand"


async def domains_without_mail(
    domains: Iterable[str], resolver: Resolver | None = None, limit: timedelta = ALL_TOGETHER
) -> tuple[dict[str, str], frozenset[str]]:
    """Ask about each domain once.

    Args:
        domains: the part of addresses after the `@`, as A-labels.
        resolver: whom to ask; default: the machine's.
        limit: how long it may take for all of them.

    Returns:
        The domains that cannot take mail with the reason, and those for which there was no answer in time.
    """
    try:
        asked = resolver or Resolver()
    except DNSException:  # the machine has no resolver configured
        return {}, frozenset(domains)
    asked.lifetime = min(PER_DOMAIN, limit).total_seconds()
    lanes = asyncio.Semaphore(AT_ONCE)
    names = sorted(set(domains))
    tasks = [asyncio.create_task(_in_lane(lanes, asked, name)) for name in names]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=limit.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    answers = {name: _answer(task) for name, task in zip(names, tasks, strict=True)}
    without = {name: why for name, why in answers.items() if why and why != NOT_ASKED}
    return without, frozenset(name for name, why in answers.items() if why == NOT_ASKED)


def resolver_at(address: str, port: int = 53) -> Resolver:
    """Return a resolver that asks only the server at this IP address."""
    resolver = Resolver(configure=False)
    resolver.nameservers = [address]
    resolver.port = port
    return resolver


def _answer(task: "asyncio.Task[str | None]") -> str | None:
    return NOT_ASKED if task.cancelled() else task.result()


async def _in_lane(lanes: asyncio.Semaphore, resolver: Resolver, domain: str) -> str | None:
    async with lanes:
        try:
            return await _why_not(resolver, domain)
        except (Timeout, NoNameservers, DNSException, OSError):
            return NOT_ASKED


async def _why_not(resolver: Resolver, domain: str) -> str | None:
    """Return why the domain cannot take mail, or None if it can."""
    try:
        found = await resolver.resolve(domain, "MX")
    except NXDOMAIN:
        return "the domain does not exist"
    except NoAnswer:
        return await _without_mx(resolver, domain)
    if all(record.exchange.to_text() == "." for record in found):
        return "the domain says that it takes no mail (RFC 7505)"
    return None


async def _without_mx(resolver: Resolver, domain: str) -> str | None:
    for kind in ("A", "AAAA"):
        try:
            await resolver.resolve(domain, kind)
        except NoAnswer:
            continue
        return None
    return "the domain has neither a mail server nor an address"
