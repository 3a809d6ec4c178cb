"""A round as the deeds write it: four parties asked, one confirmed, one not reached, two that say nothing."""

from datetime import datetime, timedelta
from pathlib import Path

from activities.letters import Sender
from activities.probing import Letters, Probing, RoundStep, RoundToOpen
from tests.ports.story import HOUR, ROUND, agreement
from tocsin.adapters.door import SignedDoor
from tocsin.adapters.letters import JinjaLetters
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.act import Act, Actor, Envelope, Role
from tocsin.domain.letter import TOKEN_PLACEHOLDER
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.probe_deed import Probe
from tocsin.domain.probing import Round
from tocsin.domain.values import ActId, IncidentId, PersonId
from tocsin.ports import Claimed, Stamp

ASKED = [agreement(number) for number in range(4)]
"""Birch Clinic, Cedar Bank, Dogwood School and Elm Insurance, each with one contact."""
DARA = Actor(person_id=PersonId("per-dara"), name="Dara", roles=frozenset({Role.APPROVER}))


def probing(store: SqlStore, vault: Vault, name: str = "Incident desk") -> Probing:
    """Return the deeds of rounds over a store, with a channel to which nothing is handed here."""
    sender = Sender(name=name, address="desk@processor.example", public_url="https://notices.example")
    door = SignedDoor({}, allow_direct=True)
    return Probing(store, door, vault, JinjaLetters(), Outbox(Path("nowhere")), sender)


def stamp(sequence: int, at: datetime, round_id: IncidentId = ROUND) -> Stamp:
    """Return the stamp of a write of a round."""
    return Stamp(workflow_id=f"tocsin/probe/{round_id}", run_id="run-1", sequence=sequence, at=at, incident_id=round_id)


def order(at: datetime, *, round_id: IncidentId = ROUND, actor: Actor = DARA, **deed: object) -> RoundToOpen:
    """Return Dara's act that opens a round of a fortnight."""
    asked = Probe.model_validate({"answer_by": at.date() + timedelta(days=14), **deed})
    act = Act(act_id=ActId(f"act-{round_id}"), incident_id=round_id, actor=actor, at=at, deed=asked)
    return RoundToOpen(stamp=stamp(1, at, round_id), envelope=Envelope(act=act, expires_at=at + HOUR))


def opened(store: SqlStore, vault: Vault, at: datetime) -> Round:
    """Open a round, write its letters and set them free."""
    deeds = probing(store, vault)
    deeds.open(order(at))
    deeds.write(Letters(round_id=ROUND, first=0, last=100))
    return deeds.release(RoundStep(stamp=stamp(2, at)))


def begun(store: SqlStore, vault: Vault, at: datetime) -> tuple[Round, str]:
    """Open a round and hand its letters over; return it, and the token of the link in the last letter."""
    with store.writing() as tx:
        if tx.register.revision() == 0:
            tx.register.publish(ASKED, at)
    round_ = opened(store, vault, at)
    with store.writing() as tx:
        claimed = tx.ledger.claim(round_.wave_id, 0, 4, 4, at).rows
        tx.ledger.put(_taken(one.notice, NoticeState.ACCEPTED, at) for one in claimed)
        rows = tx.ledger.notices(round_.wave_id)
        tx.ledger.put([_taken(rows[0], NoticeState.ACKNOWLEDGED, at)])
        bounced = _taken(rows[1], NoticeState.BOUNCED, at)
        tx.ledger.put([bounced.model_copy(update={"detail": "550 no such mailbox"})])
    return round_, token_of(claimed[3])


def token_of(row: Claimed) -> str:
    """Return the secret part of the link that a claimed letter leaves with."""
    text = row.prepared.replace(b"=\r\n", b"").replace(b"=\n", b"").decode()
    assert TOKEN_PLACEHOLDER not in text
    return text.partition("https://notices.example/a/")[2][:43]


def _taken(row: Notice, state: NoticeState, at: datetime) -> Notice:
    return row.model_copy(update={"state": state, "settled_at": at})
