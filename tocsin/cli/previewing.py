"""The letter that a party would have now, or has in a draft: what `letter preview` writes, and the API gives."""

from tocsin.adapters.letters import JinjaLetters
from tocsin.cli import lookup
from tocsin.cli.session import Place
from tocsin.domain.clause import Method
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts, Triggers
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.letter import Letter, LetterFacts
from tocsin.domain.notice import WaveKind
from tocsin.domain.preview import Previewed, WantedLetter
from tocsin.domain.privilege import Redaction
from tocsin.domain.register import Agreement
from tocsin.domain.said import Said
from tocsin.domain.values import NoticeId

NUMBER, EARLIER = "N-0000-0000", "N-0000-0001"
"""The numbers of a letter that was not drafted yet, and of the one that it would follow."""


def previewed(work: Place, asked: WantedLetter, state: IncidentState | None = None) -> Previewed:
    """Return a letter about an incident as it stands, or about facts that are given.

    Raises:
        Refused: if there is nobody of that name to write to, or no letter in that language.
    """
    agreement = _agreement(work, state, asked.to)
    drafted = _drafted(work, state, agreement, asked.kind) if state and asked.language is None else None
    known, triggers = asked.facts or _facts(work, state), state.triggers if state else {}
    letter = drafted or rendered(work, agreement, known, triggers, asked.kind, asked.language)
    return Previewed(letter=letter, reference=agreement.reference)


def _agreement(work: Place, state: IncidentState | None, to: str | None) -> Agreement:
    if to is not None:
        return lookup.party(work, to)
    with work.store.reading() as tx:
        pins = tx.register.pinned(state.incident_id) if state else []
        affected = (pin.agreement for pin in pins if not pin.excluded)
        found = next(affected, None) or next(iter(tx.register.agreements()), None)
    if found is None:
        raise Refused("there is nobody to write to; fill the register first: tocsin register import FILE")
    return found


def _facts(work: Place, state: IncidentState | None) -> Facts:
    """Return the facts as a letter may say them: a draft leaves out what is privileged, and so does this."""
    nothing = Facts(title="(no facts yet)")
    if state is None:
        return nothing
    with work.store.reading() as tx:
        acts = (envelope.act for envelope in tx.incidents.acts(state.incident_id))
        return Redaction(acts).told(tx.incidents.facts(state.incident_id) or nothing)


def _drafted(work: Place, state: IncidentState, agreement: Agreement, kind: WaveKind) -> Letter | None:
    """Return the letter of the newest wave of this kind to this party, word for word, if one goes by mail."""
    with work.store.reading() as tx:
        for wave in reversed(tx.ledger.waves(state.incident_id)):
            rows = tx.ledger.notices(wave.wave_id) if wave.kind is kind else []
            for row in rows:
                if row.agreement_id != agreement.agreement_id or row.method is not Method.MAIL:
                    continue
                letter = tx.ledger.letter(row.notice_id)
                if letter is not None and letter.to_address:  # what a person reads out is addressed to nobody
                    return letter
    return None


def rendered(
    work: Place,
    agreement: Agreement,
    known: Facts,
    triggers: Triggers,
    kind: WaveKind,
    language: str | None = None,
    number: str = NUMBER,
) -> Letter:
    """Return the letter that a party would have now, under this number, whether or not it has a contact."""
    sender, contact = work.settings, next(iter(agreement.chain), None)
    said = Said.of(known, known.measures, triggers)
    words = JinjaLetters().render(
        LetterFacts(
            wave_kind=kind,
            language=language or agreement.language,
            time_zone=agreement.time_zone,
            sender_name=sender.sender_name,
            party_name=agreement.party_name,
            contact_name=contact.name if contact else "",
            agreement_reference=agreement.reference,
            notice_number=number,
            previous_number=None if kind is WaveKind.INITIAL else EARLIER,
            facts=known,
            measures_taken=said.measures,
            occurred_at=said.occurred_at,
            discovered_at=said.discovered_at,
            confirmed_at=said.confirmed_at,
            drafted_at=work.now(),
            periods=(),
            contact_point=known.contact_point or sender.reply_to or sender.sender_address,
        )
    )
    return Letter(
        from_name=sender.sender_name,
        from_address=sender.sender_address,
        reply_to=sender.reply_to,
        to_name=contact.name if contact else agreement.party_name,
        to_address=contact.email if contact else "nobody@preview.example",
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=words.language,
        message_id="<preview@tocsin.example>",
        notice_number=number,
        notice_id=NoticeId("ntc-preview"),
    )
