"""Rounds of the register: whom to ask, each letter written and set free, and what came of it."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta

from temporalio import activity

from activities.acts import act_entry, engine_entry, refuse_misdirected
from activities.letters import Sender
from activities.releasing import release_rows, rows_of
from activities.spoken import Prepared
from tocsin.domain.act import Act, Envelope
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.letter import TOKEN_PLACEHOLDER, ProbeFacts, letter_of
from tocsin.domain.notice import ContactRole, Notice, NoticeState, WaveKind, notice_id_of, wave_digest
from tocsin.domain.probe_deed import Probe
from tocsin.domain.probing import Recipient, Round, admit_round, answer_of, probe_number, recipients
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.values import AgreementId, ContactId, IncidentId, Value, WaveId, derived_id
from tocsin.ports import Channel, Door, Renderer, Sealer, Stamp, Store, Transaction, WaveRow
from tocsin.steps import moved
from tocsin.wire import incident_workflow, wave_workflow

MINUTE = timedelta(minutes=1)

NO_LINK = "letters would hold no link to confirm by; set TOCSIN_PUBLIC_URL to where the console's pages are reached"


class Recalled(Value):
    """What the store knows of a round, None for a new one, and the last writes of its workflow and its wave's."""

    round: Round | None
    sequence: int = 0
    wave_sequence: int = 0
    sent: bool = False
    """Its wave has come to its end."""


class RoundToOpen(Value):
    """A person's act that opens a round."""

    stamp: Stamp
    envelope: Envelope


class RoundStep(Value):
    """A step of a round that writes."""

    stamp: Stamp


class Letters(Value):
    """A range of a round's letters: rows with first <= ordinal < last."""

    round_id: IncidentId
    first: int
    last: int


class Came(Value):
    """What came of a round, counted by answer."""

    answers: dict[str, int]


class Probing:
    """The deeds of rounds. A round's rows are in the ledger, and are sent as those of every wave are."""

    def __init__(
        self, store: Store, door: Door, sealer: Sealer, renderer: Renderer, channel: Channel, sender: Sender
    ) -> None:
        self._store = store
        self._door = door
        self._sealer = sealer
        self._renderer = renderer
        self._channel = channel
        self._sender = sender

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.recall, self.open, self.write, self.release, self.close]

    @activity.defn(name="probe.recall")
    def recall(self, round_id: IncidentId) -> Recalled:
        """Return what the store holds, so that a new run goes on where the last one ended."""
        with self._store.reading() as tx:
            found = tx.probes.one(round_id)
            wave = tx.ledger.wave(found.wave_id) if found else None
            return Recalled(
                round=found,
                sequence=tx.last_sequence(incident_workflow(round_id)),
                wave_sequence=tx.last_sequence(wave_workflow(round_id, found.wave_id)) if found else 0,
                sent=wave is not None and wave.ended_at is not None,
            )

    @activity.defn(name="probe.open")
    def open(self, order: RoundToOpen) -> Round:
        """Verify the envelope, then write down act, round, whom it asks and one row for each address.

        Raises:
            Refused: if the envelope does not hold, nobody is there to ask, or another open round asks some of them.
        """
        refuse_misdirected(order.envelope.act, order.stamp)
        self._door.admit(order.envelope, order.stamp.at)
        admit_round(order.envelope.act, order.stamp.at)
        if self._sender.public_url is None:
            raise Refused(NO_LINK)
        self._sealer.ensure(order.stamp.incident_id)
        return self._store.once(order.stamp, order, lambda tx: self._open(tx, order), Round)

    @activity.defn(name="probe.write")
    def write(self, order: Letters) -> None:
        """Write the letters of a range, and store the exact bytes that the channel will be given."""
        with self._store.reading() as tx:
            round_ = _known(tx, order.round_id)
            # What is set free already is on its way: a run that begins again writes nothing anew.
            drafted = [NoticeState.DRAFTED]
            rows = tx.ledger.notices(round_.wave_id, first=order.first, last=order.last, states=drafted)
            asked: dict[tuple[AgreementId, ContactId | None], Recipient] = {
                (one.agreement_id, one.contact.contact_id): one for one in _asked(tx, round_)
            }
        made: list[Prepared] = []
        unwritable: list[Notice] = []
        for row in rows:
            try:
                made.append(self._letter(round_, row, asked[row.agreement_id, row.contact_id]))
            except Refused as error:
                # One address that the channel cannot write to must not keep the others from being asked.
                unwritable.append(row.model_copy(update={"letter_sha256": None, "detail": str(error)}))
        with self._store.writing() as tx:
            tx.ledger.put_letters(made)
            tx.ledger.put(unwritable)

    @activity.defn(name="probe.release")
    def release(self, order: RoundStep) -> Round:
        """Set the letters free, once; whoever opened the round has approved them, whose words are always the same."""
        return self._store.once(order.stamp, order, lambda tx: _release(tx, order.stamp), Round)

    @activity.defn(name="probe.close")
    def close(self, order: RoundStep) -> Came:
        """Write down that the day of answers has passed, and how many of each there are."""
        return self._store.once(order.stamp, order, lambda tx: _close(tx, order.stamp), Came)

    def _open(self, tx: Transaction, order: RoundToOpen) -> Round:
        act, at = order.envelope.act, order.stamp.at
        known = tx.probes.one(act.incident_id)
        if known is not None:
            return known
        deed = admit_round(act, at)
        pins = _pins(tx, deed)
        _refuse_asking_twice(tx, {pin.agreement.agreement_id for pin in pins})
        asked = recipients((pin.agreement for pin in pins), at)
        if not asked:
            raise Refused("none of them has a contact to ask; add contacts to the register first")
        round_ = _round(act, deed, len(asked), order.stamp)
        tx.incidents.add_act(order.envelope, order.stamp.sequence)
        tx.register.pin(round_.round_id, pins)
        tx.ledger.put_wave(_wave(round_))
        tx.ledger.plan(self._row(round_, one, ordinal) for ordinal, one in enumerate(asked))
        tx.probes.put(round_)
        tx.log.append([act_entry(order.stamp, order.envelope, self._sealer)])
        return round_

    def _row(self, round_: Round, one: Recipient, ordinal: int) -> Notice:
        notice_id = notice_id_of(round_.wave_id, one.agreement_id, one.contact.contact_id)
        return Notice(
            notice_id=notice_id,
            incident_id=round_.round_id,
            wave_id=round_.wave_id,
            ordinal=ordinal,
            number=probe_number(notice_id),
            agreement_id=one.agreement_id,
            contact_id=one.contact.contact_id,
            # As a copy is: it discharges nothing, and where it fails nobody takes over and nobody is called.
            role=ContactRole.COPY,
            channel=self._channel.name,
            message_id=f"<{notice_id}@{self._sender.domain}>",
            reports=self._channel.reports_delivery,
            linked=True,
        )

    def _letter(self, round_: Round, row: Notice, one: Recipient) -> Prepared:
        sender = self._sender
        facts = ProbeFacts(
            language=one.language,
            time_zone=one.time_zone,
            sender_name=sender.name,
            parties=one.parties,
            contact_name=one.contact.name,
            number=row.number,
            opened_at=round_.opened_at,
            answer_by=round_.ends_at - MINUTE,
            contact_point=sender.reply_to or sender.address,
            confirm_url=f"{sender.public_url}/a/{TOKEN_PLACEHOLDER}",
            verify_url=f"{sender.public_url}/n/{row.number}",
        )
        words = self._renderer.render_probe(facts)
        to = (one.contact.name, one.contact.email)
        letter = letter_of(row, words, (sender.name, sender.address), sender.reply_to, to)
        return row.model_copy(update={"letter_sha256": letter.fingerprint()}), letter, self._channel.prepare(letter)


def _pins(tx: Transaction, deed: Probe) -> list[Affected]:
    revision = tx.register.revision()
    if not deed.agreements:
        found: Iterable[Agreement] = tx.register.agreements()
    else:
        found = [_agreement(tx, agreement_id) for agreement_id in sorted(set(deed.agreements))]
    return [Affected(agreement=one, revision=revision) for one in found]


def _agreement(tx: Transaction, agreement_id: AgreementId) -> Agreement:
    found = tx.register.agreement(agreement_id)
    if found is None:
        raise Refused(f"there is no agreement {agreement_id} in the register; `tocsin register export` shows them")
    return found


def _refuse_asking_twice(tx: Transaction, wanted: set[AgreementId]) -> None:
    """Nobody is asked by two rounds at a time: the second letter would say nothing that the first does not."""
    for other in tx.probes.all(open_only=True):
        if shared := wanted & tx.register.affected(other.round_id):
            raise Refused(
                f"{len(shared)} of these agreements are asked by the round of {other.opened_on.isoformat()}, with "
                f"answers until {other.answer_by.isoformat()}; wait for its end, or name other parties"
            )


def _round(act: Act, deed: Probe, letters: int, stamp: Stamp) -> Round:
    return Round(
        round_id=act.incident_id,
        wave_id=WaveId(derived_id("wav", act.incident_id)),
        opened_at=stamp.at,
        opened_by=act.actor.person_id,
        answer_by=deed.answer_by,
        letters=letters,
    )


def _wave(round_: Round) -> WaveRow:
    return WaveRow(
        wave_id=round_.wave_id,
        incident_id=round_.round_id,
        kind=WaveKind.INITIAL,
        drafted_at=round_.opened_at,
        drafter=round_.opened_by,
        rows=round_.letters,
    )


def _asked(tx: Transaction, round_: Round) -> list[Recipient]:
    return recipients((pin.agreement for pin in tx.register.pinned(round_.round_id)), round_.opened_at)


def _known(tx: Transaction, round_id: IncidentId) -> Round:
    found = tx.probes.one(round_id)
    if found is None:
        raise Broken(f"round {round_id} is not in the store; is TOCSIN_STORE_URL the store it was opened in?")
    return found


def _release(tx: Transaction, stamp: Stamp) -> Round:
    round_ = _known(tx, stamp.incident_id)
    wave = tx.ledger.wave(round_.wave_id)
    if wave is None or wave.released_at is not None:
        return round_
    digest = wave_digest(rows_of(tx, wave))
    release_rows(tx, wave.model_copy(update={"digest": digest}), round_.opened_by, stamp.at)
    data: dict[str, object] = {
        "wave": round_.wave_id,
        "letters": round_.letters,
        "answer_by": round_.answer_by.isoformat(),
        "digest": digest,
    }
    tx.log.append([engine_entry(stamp, "probe.opened", data)])
    return round_


def _close(tx: Transaction, stamp: Stamp) -> Came:
    round_ = _known(tx, stamp.incident_id)
    # What a channel did not take in all this time would leave for an answer that can be in time no more.
    unsent = tx.ledger.notices(round_.wave_id, states=[NoticeState.RELEASED])
    tx.ledger.put(moved(row, NoticeState.WITHDRAWN, stamp.at) for row in unsent)
    counted = Counter(str(answer_of(row, round_, stamp.at)) for row in tx.ledger.each(round_.wave_id))
    if round_.closed_at is None:
        tx.probes.put(round_.model_copy(update={"closed_at": stamp.at}))
        data: dict[str, object] = {"wave": round_.wave_id, "answers": dict(sorted(counted.items()))}
        tx.log.append([engine_entry(stamp, "probe.closed", data)])
    return Came(answers=dict(counted))
