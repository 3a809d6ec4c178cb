"""A wave as the engine drafts it: its letters planned, rendered and sealed by the deeds that a worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from activities.letters import Letters, Planning, Rendering, Sealing, Sender
from tests.ports.office import Counter, counter
from tests.ports.story import AT, HOUR, INCIDENT, agreement, clock, duty, entry, facts, stamp, state
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.letters import JinjaLetters
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.vault import Vault
from tocsin.domain.act import Draft
from tocsin.domain.incident import Trigger, TriggerFact, Triggers
from tocsin.domain.notice import Notice, NoticeState, WaveKind
from tocsin.domain.register import Affected
from tocsin.domain.values import ActId, PersonId, WaveId
from tocsin.ports import Store, WaveRow
from tocsin.settings import Settings

FIRST = WaveId("wav-first")
PARTIES = 52
TRIGGERS: Triggers = {Trigger.REPORT: TriggerFact(at=AT), Trigger.DISCOVERY: TriggerFact(at=AT)}


def settings(folder: Path) -> Settings:
    """Return the settings of the console that shows what `draft` wrote."""
    return Settings(home=folder, public_url="https://notices.processor.example")


def draft(store: Store, folder: Path, wave_id: WaveId, kind: WaveKind = WaveKind.INITIAL, at: int = 10) -> WaveRow:
    """Draft a wave of Asha's to everybody whom it is meant for; its writes are numbered from `at` on."""
    chosen = settings(folder)
    sender = Sender(name=chosen.sender_name, address=chosen.sender_address, public_url=chosen.public_url)
    deeds = Letters(store, JinjaLetters(), Outbox(folder, "notices"), sender)
    order = Planning(stamp=stamp(at), wave_id=wave_id, draft=Draft(wave_kind=kind), drafter=PersonId("per-asha"))
    planned = deeds.plan(order)
    deeds.render(Rendering(incident_id=INCIDENT, wave_id=wave_id, first=0, last=planned.rows, triggers=TRIGGERS))
    deeds.seal(Sealing(stamp=stamp(at + 1), wave_id=wave_id))
    with store.reading() as tx:
        wave = tx.ledger.wave(wave_id)
    assert wave is not None
    return wave


@asynccontextmanager
async def drafted(store: Store, vault: Vault, keyring: FileKeyring, folder: Path) -> AsyncIterator[Counter]:
    """Serve a console with an incident of which the first letters wait; one party is written to in German."""
    parties = [agreement(number, language="de" if number == 0 else "en") for number in range(PARTIES)]
    with store.writing() as tx:
        tx.register.publish(parties, AT)
        spec = clock().spec
        known = {"clocks": {spec.clock_id: spec}, "audience_known": True}
        tx.incidents.put_state(state().model_copy(update=known), AT)
        tx.incidents.put_facts(INCIDENT, facts("Backup <share> open"), AT, ActId("act-report"))
        tx.register.pin(INCIDENT, [Affected(agreement=party, revision=1) for party in parties])
        tx.duties.put([duty(number) for number in range(PARTIES)])
        tx.duties.put_clock(clock())
        tx.log.append([entry("first")])
    draft(store, folder, FIRST)
    async with counter(store, vault, keyring, folder, settings=settings(folder)) as it:
        with store.writing() as tx:
            tx.incidents.join(INCIDENT, [it.office.person_id("asha")], AT)
        yield it


def rows_of(at: Counter, wave_id: WaveId = FIRST) -> list[Notice]:
    """Return the rows of a wave."""
    with at.office.store.reading() as tx:
        return tx.ledger.notices(wave_id)


def wave_of(at: Counter, wave_id: WaveId = FIRST) -> WaveRow:
    """Return a wave."""
    with at.office.store.reading() as tx:
        wave = tx.ledger.wave(wave_id)
    assert wave is not None
    return wave


def told(at: Counter) -> None:
    """Have the first wave released, and taken by its channel."""
    with at.office.store.writing() as tx:
        for to in (NoticeState.RELEASED, NoticeState.CLAIMED, NoticeState.ACCEPTED):
            tx.ledger.put(row.model_copy(update={"state": to}) for row in tx.ledger.notices(FIRST))
        released = {"released_at": AT + HOUR, "releaser": PersonId("per-dara")}
        tx.ledger.put_wave(wave_of(at).model_copy(update=released))
