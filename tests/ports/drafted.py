"""A wave as the engine drafts it: its letters planned, rendered and sealed by the deeds that a worker runs."""

from pathlib import Path

from activities.letters import Letters, Planning, Rendering, Sealing, Sender
from tests.ports.story import AT, INCIDENT, stamp
from tocsin.adapters.letters import JinjaLetters
from tocsin.adapters.outbox import Outbox
from tocsin.domain.act import Draft
from tocsin.domain.incident import Trigger, TriggerFact, Triggers
from tocsin.domain.notice import WaveKind
from tocsin.domain.values import PersonId, WaveId
from tocsin.ports import Store, WaveRow
from tocsin.settings import Settings

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
