"""Drafting: whom a wave is for, each letter rendered, its exact bytes stored, and the digest that binds them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from temporalio import activity

from activities import breaking
from activities.acts import engine_entry
from activities.addressed import Owed, audience, open_duties, without_release
from activities.postings import Postings, public_letter
from activities.releasing import PAGE, rows_of
from activities.silence import SilentlyReleased, SilentRelease, release
from activities.spoken import Prepared, told_by_hand
from activities.suppressing import Lists, Suppressions
from activities.ways import Ways
from tocsin.domain.act import Draft
from tocsin.domain.clause import Method
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Refused
from tocsin.domain.governing import at_or_newest
from tocsin.domain.incident import Facts, Triggers, minimal
from tocsin.domain.letter import TOKEN_PLACEHOLDER, LetterFacts, PeriodOwed, letter_of
from tocsin.domain.notice import SENT, ContactRole, Notice, notice_id_of, notice_number, wave_digest
from tocsin.domain.privilege import Redaction
from tocsin.domain.register import Agreement, Contact
from tocsin.domain.said import Said
from tocsin.domain.task import TaskKind, TaskState
from tocsin.domain.values import ENGINE, AgreementId, ClockId, ContactId, IncidentId, PersonId, Value, WaveId
from tocsin.ports import Channel, Renderer, Stamp, Store, Transaction, WaveRow


class Sender(Value):
    """In whose name letters go out."""

    name: str
    address: str
    reply_to: str | None = None
    public_url: str | None = None
    """Where recipients reach the public pages; None: letters hold no links."""

    @property
    def domain(self) -> str:
        """The part after the @, for Message-IDs."""
        return self.address.rpartition("@")[2]


class Planning(Value):
    """A wave to plan."""

    stamp: Stamp
    wave_id: WaveId
    draft: Draft
    drafter: PersonId
    by_silence: ClockId | None = None
    """Only whom the clauses of this clock's duties have told when nobody releases a letter."""
    by_glass: ClockId | None = None
    """Only to whom this clock's duties are owed, whatever their clauses say of silence."""


class Planned(Value):
    """How many rows a wave has."""

    rows: int
    agreements: int = 0
    without_contact: int = 0


class Rendering(Value):
    """A range of a wave to render."""

    incident_id: IncidentId
    wave_id: WaveId
    first: int
    last: int
    triggers: Triggers


class Sealing(Value):
    """A wave whose letters are all rendered."""

    stamp: Stamp
    wave_id: WaveId


class Sealed(Value):
    """The digest of a wave's letters and chains."""

    digest: str
    rows: int
    unknowns: tuple[str, ...] = ()
    """The names of what the letters could not say yet."""


class Letters:
    """The deeds that make letters."""

    def __init__(
        self,
        store: Store,
        renderer: Renderer,
        channel: Channel,
        sender: Sender,
        posting: Channel | None = None,
        suppressions: Suppressions | None = None,
    ) -> None:
        """Take the channel of the mails, and the notice page (None: posting is a person's work)."""
        self._store = store
        self._suppressions = suppressions or Suppressions(store, {})
        self._renderer = renderer
        self._channel = channel
        self._sender = sender
        self._posting = posting

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.plan, self.render, self.seal, self.release_by_silence, self.release_by_glass]

    @activity.defn(name="letters.plan")
    def plan(self, order: Planning) -> Planned:
        """Make one row per agreement and contact of the audience; planning again replaces an unreleased plan.

        Raises:
            Refused: if nobody is left to write to.
        """
        return self._store.once(order.stamp, order, lambda tx: self._plan(tx, order), Planned)

    @activity.defn(name="letters.render")
    def render(self, order: Rendering) -> None:
        """Render the letters of a range and store the exact bytes that the channel will be given."""
        with self._store.reading() as tx:
            rows = tx.ledger.notices(order.wave_id, first=order.first, last=order.last)
            desk = _Desk(tx, order, rows)
            desk.postings.read(rows)
        desk.lists = self._suppressions.at_hand(desk.wave.drafted_at)
        made, unwritable = [], []
        for row in rows:
            if row.method is Method.POSTING and self._posting is None:
                continue
            try:
                made.append(self._made(desk, row))
            except Refused as error:
                # One address that the channel cannot write to must not keep the others from being told.
                unwritable.append(row.model_copy(update={"letter_sha256": None, "detail": str(error)}))
        with self._store.writing() as tx:
            tx.ledger.put_said(desk.wave, desk.said)
            tx.ledger.put_letters(made)
            tx.ledger.put(unwritable)

    @activity.defn(name="letters.seal")
    def seal(self, order: Sealing) -> Sealed:
        """Compute the wave's digest from what is stored and write it down."""
        return self._store.once(order.stamp, order, lambda tx: _seal(tx, order), Sealed)

    @activity.defn(name="letters.release_by_silence")
    def release_by_silence(self, order: SilentRelease) -> SilentlyReleased:
        """Release a minimal wave as its clauses allow it. Raises Refused if somebody was told or held meanwhile."""
        return self._store.once(order.stamp, order, lambda tx: release(tx, order), SilentlyReleased)

    @activity.defn(name="letters.release_by_glass")
    def release_by_glass(self, order: breaking.GlassRelease) -> SilentlyReleased:
        """Release a minimal wave for who broke the glass. Raises Refused if somebody was told or held meanwhile."""
        return self._store.once(order.stamp, order, lambda tx: breaking.release(tx, order), SilentlyReleased)

    def _plan(self, tx: Transaction, order: Planning) -> Planned:
        incident_id = order.stamp.incident_id
        old = tx.ledger.wave(order.wave_id)
        if old is not None:
            tx.ledger.discard(order.wave_id)
        owed = open_duties(tx, incident_id)
        parties = audience(tx, incident_id, order.draft, owed)
        parties = without_release(tx, incident_id, parties, order.by_silence, order.by_glass)
        wave = WaveRow(
            wave_id=order.wave_id,
            incident_id=incident_id,
            kind=order.draft.wave_kind,
            drafted_at=old.drafted_at if old else order.stamp.at,
            drafter=order.drafter,
            previous=_previous(tx, incident_id, order.wave_id),
        )
        tx.ledger.put_wave(wave)
        count = lonely = 0
        for rows in self._pages(tx, order, wave, sorted(parties), owed):
            tx.ledger.plan(rows)
            count, lonely = count + len(rows), lonely + sum(row.lonely for row in rows)
        tx.ledger.put_wave(wave.model_copy(update={"rows": count}))
        return Planned(rows=count, agreements=len(parties), without_contact=lonely)

    def _pages(
        self,
        tx: Transaction,
        order: Planning,
        wave: WaveRow,
        parties: Sequence[AgreementId],
        owed: Mapping[AgreementId, Sequence[Owed]],
    ) -> Iterator[list[Notice]]:
        """Yield the rows of a wave by ordinal, those of some parties at a time: agreements are large."""
        ways, ordinal = Ways(tx, wave.incident_id), 0
        for start in range(0, len(parties), PAGE):
            rows: list[Notice] = []
            for pin in tx.register.pinned(wave.incident_id, parties[start : start + PAGE]):
                agreement = at_or_newest(pin.agreement, wave.drafted_at)
                duties = owed.get(agreement.agreement_id, ())
                further = ways.further(agreement.agreement_id, wave.kind, duties)
                rows += self._rows(order, agreement, duties, further, ordinal + len(rows))
            ordinal += len(rows)
            yield rows

    def _rows(
        self, order: Planning, agreement: Agreement, duties: Sequence[Owed], further: Sequence[Method], ordinal: int
    ) -> list[Notice]:
        chain, copies = agreement.addressees({duty.clause_key for duty in duties})
        recipients: list[tuple[Contact | None, ContactRole, int, Method]] = [
            (contact, ContactRole.CHAIN, place, Method.MAIL) for place, contact in enumerate(chain)
        ]
        if not chain and (not duties or any(Method.MAIL in duty.methods for duty in duties)):
            recipients.append((None, ContactRole.CHAIN, 0, Method.MAIL))
        recipients += [(contact, ContactRole.COPY, 0, Method.MAIL) for contact in copies]
        recipients += [(None, ContactRole.CHAIN, 0, method) for method in further]
        return [
            self._row(order, agreement, recipient, duties, ordinal + index)
            for index, recipient in enumerate(recipients)
        ]

    def _row(
        self,
        order: Planning,
        agreement: Agreement,
        recipient: tuple[Contact | None, ContactRole, int, Method],
        duties: Sequence[Owed],
        ordinal: int,
    ) -> Notice:
        contact, role, place, method = recipient
        by_mail = method is Method.MAIL
        contact_id = contact.contact_id if contact else None
        notice_id = notice_id_of(order.wave_id, agreement.agreement_id, contact_id, method)
        answers = tuple(duty.duty_id for duty in duties if method in duty.methods)
        return Notice(
            notice_id=notice_id,
            incident_id=order.stamp.incident_id,
            wave_id=order.wave_id,
            ordinal=ordinal,
            number=notice_number(notice_id),
            agreement_id=agreement.agreement_id,
            contact_id=contact_id,
            role=role,
            chain_position=place,
            duty_ids=answers if role is ContactRole.CHAIN else (),
            channel=self._channel.name if by_mail else str(method),
            message_id=f"<{notice_id}@{self._sender.domain}>",
            reports=by_mail and self._channel.reports_delivery,
            linked=self._sender.public_url is not None and role is ContactRole.CHAIN and contact is not None,
        )

    def _made(self, desk: "_Desk", row: Notice) -> Prepared:
        if row.method is Method.POSTING and self._posting is not None:
            return self._posted(desk, row, self._posting)
        if row.contact_id is not None:
            return self._letter(desk, row)
        agreement, sender = desk.agreements[row.agreement_id], self._sender
        words = self._renderer.render(desk.facts_for(row, agreement, _NOBODY, sender))
        return told_by_hand(row, agreement, words, (sender.name, sender.address), sender.reply_to)

    def _letter(self, desk: "_Desk", row: Notice) -> Prepared:
        agreement = desk.agreements[row.agreement_id]
        contact = next(c for c in agreement.contacts() if c.contact_id == row.contact_id)
        facts = desk.facts_for(row, agreement, contact, self._sender)
        words = self._renderer.render(facts)
        thread = desk.thread(row)
        sender = self._sender
        plain = letter_of(row, words, (sender.name, sender.address), sender.reply_to, (contact.name, contact.email))
        after = {"in_reply_to": thread[-1] if thread else None, "references": thread if len(thread) > 1 else ()}
        letter = plain.model_copy(update=after)
        warning = desk.lists.warning(row.channel, contact.email)
        drawn = row.model_copy(update={"letter_sha256": letter.fingerprint(), "detail": warning})
        return drawn, letter, self._channel.prepare(letter)

    def _posted(self, desk: "_Desk", row: Notice, posting: Channel) -> Prepared:
        facts = desk.facts_for(row, desk.agreements[row.agreement_id], _NOBODY, self._sender)
        words = self._renderer.render(desk.postings.facts(row, facts))
        letter = public_letter(row, desk.wave, words, (self._sender.name, self._sender.address))
        return row.model_copy(update={"letter_sha256": letter.fingerprint()}), letter, posting.prepare(letter)


_NOBODY = Contact(contact_id=ContactId(""), name="", email="")
"""Whom a letter greets that goes to a party by another way than mail."""


class _Desk:
    """What the letters of a range have in common, and what is known of its parties and of nobody else."""

    def __init__(self, tx: Transaction, order: Rendering, rows: Sequence[Notice]) -> None:
        facts, wave = tx.incidents.facts(order.incident_id), tx.ledger.wave(order.wave_id)
        if facts is None or wave is None:
            raise Refused(f"wave {order.wave_id} of incident {order.incident_id} is not planned; draft it again")
        # What is privileged is told to nobody, whatever its place in the facts.
        facts = Redaction(one.act for one in tx.incidents.acts(order.incident_id)).told(facts)
        self.wave = wave
        self.minimal = wave.drafter == ENGINE
        # What nobody has released does not leave: only that it happened, when, and to which services.
        self.facts: Facts = minimal(facts) if self.minimal else facts
        parties = {row.agreement_id for row in rows}
        pinned = (at_or_newest(p.agreement, wave.drafted_at) for p in tx.register.pinned(order.incident_id, parties))
        self.agreements = {agreement.agreement_id: agreement for agreement in pinned}
        self._duties = {duty.duty_id: duty for duty in tx.duties.by_id({key for row in rows for key in row.duty_ids})}
        done = () if self.minimal else _finished_mitigation(tx, order.incident_id)
        self.said = Said.of(self.facts, (*self.facts.measures, *done), order.triggers)
        waves = [w for w in tx.ledger.waves(order.incident_id) if w.released_at and w.wave_id != wave.wave_id]
        released = sorted(waves, key=lambda w: (w.released_at, w.wave_id))
        self._before: dict[tuple[AgreementId, ContactId | None, Method], list[Notice]] = {}
        for row in (row for w in released for row in tx.ledger.notices(w.wave_id, states=SENT, agreements=parties)):
            self._before.setdefault(_whom(row), []).append(row)
        self._said_before = {w.wave_id: tx.ledger.said(w.wave_id) for w in released}
        self.postings = Postings(tx, [*released, wave], self._said_before)
        self.lists = Lists()

    def facts_for(self, row: Notice, agreement: Agreement, contact: Contact, sender: Sender) -> LetterFacts:
        previous = self._last(row)
        return LetterFacts(
            wave_kind=self.wave.kind,
            language=agreement.language,
            time_zone=agreement.time_zone,
            sender_name=sender.name,
            party_name=agreement.party_name,
            contact_name=contact.name,
            agreement_reference=agreement.reference,
            notice_number=row.number,
            previous_number=previous.number if previous else None,
            facts=self.facts,
            measures_taken=self.said.measures,
            occurred_at=self.said.occurred_at,
            discovered_at=self.said.discovered_at,
            confirmed_at=self.said.confirmed_at,
            drafted_at=self.wave.drafted_at,
            periods=tuple(_period(self._duties[key]) for key in row.duty_ids if key in self._duties),
            contact_point=self.facts.contact_point or sender.reply_to or sender.address,
            by_deputy=row.role is ContactRole.CHAIN and row.chain_position > 0,
            is_copy=row.role is ContactRole.COPY,
            is_minimal=self.minimal,
            before=self._said_before.get(previous.wave_id) if previous else None,
            # A copy answers no duty: nothing waits for its confirmation.
            acknowledge_url=f"{sender.public_url}/a/{TOKEN_PLACEHOLDER}" if row.linked else None,
            verify_url=f"{sender.public_url}/n/{row.number}" if sender.public_url else None,
        )

    def thread(self, row: Notice) -> tuple[str, ...]:
        """Return the Message-IDs of the notices before to this very contact, oldest first."""
        return tuple(before.message_id for before in self._before.get(_whom(row), ()))

    def _last(self, row: Notice) -> Notice | None:
        return next(reversed(self._before.get(_whom(row), ())), None)


def _whom(row: Notice) -> tuple[AgreementId, ContactId | None, Method]:
    return row.agreement_id, row.contact_id, row.method


def _period(duty: Duty) -> PeriodOwed:
    return PeriodOwed(
        title=duty.title, trigger=duty.trigger.words, trigger_at=duty.trigger_at, deadline_at=duty.deadline_at
    )


def _finished_mitigation(tx: Transaction, incident_id: IncidentId) -> list[str]:
    return [
        f"{task.title} ({task.outcome})" if task.outcome else task.title
        for task in tx.tasks.of(incident_id)
        if task.kind is TaskKind.MITIGATION and task.state is TaskState.DONE
    ]


def _previous(tx: Transaction, incident_id: IncidentId, wave_id: WaveId) -> WaveId | None:
    released = [w for w in tx.ledger.waves(incident_id) if w.released_at is not None and w.wave_id != wave_id]
    return released[-1].wave_id if released else None


def _seal(tx: Transaction, order: Sealing) -> Sealed:
    wave = tx.ledger.wave(order.wave_id)
    if wave is None:
        raise Refused(f"there is no wave {order.wave_id}; draft it first")
    digest = wave_digest(rows_of(tx, wave))
    tx.ledger.put_wave(wave.model_copy(update={"digest": digest}))
    data: dict[str, object] = {"wave": order.wave_id, "kind": str(wave.kind), "rows": wave.rows, "digest": digest}
    tx.log.append([engine_entry(order.stamp, "wave.drafted", data)])
    return Sealed(digest=digest, rows=wave.rows, unknowns=wave.unknowns)
