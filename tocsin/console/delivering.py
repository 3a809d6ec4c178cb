"""What became of the notices that were released: found by a filter, a page at a time, with what proves each."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from tocsin.console.reviewing import PAGE, Recipient, agreements_of, recipient
from tocsin.domain.clause import Method
from tocsin.domain.notice import FAILED, WRITTEN_TO, ContactRole, Notice, NoticeState, WaveKind
from tocsin.domain.values import AgreementId, IncidentId, Value, WaveId
from tocsin.ports import Store, Transaction, WaveRow

SHOWN = 50
S = NoticeState
WORDS = {
    S.DRAFTED: "not released",
    S.RELEASED: "released, and about to leave",
    S.CLAIMED: "on its way to the channel",
    S.ACCEPTED: "the channel took it",
    S.DEFERRED: "the recipient's server asked to wait; the channel tries on",
    S.DELIVERED: "the recipient's server took it",
    S.ACKNOWLEDGED: "a holder of its own link confirmed receipt",
    S.IN_DOUBT: "nobody knows yet whether the channel took it",
    S.BOUNCED: "it bounced",
    S.BLOCKED: "it was blocked",
    S.DROPPED: "the channel will not take it",
    S.REPLACED: "another contact was told instead",
    S.BY_HAND: "waits for a person",
    S.TOLD_BY_HAND: "a person told them, and gave the proof",
    S.WITHDRAWN: "taken back before it left",
}
"""What each state says of a notice, as its proof or for want of one."""
TONES = dict.fromkeys([*FAILED, S.BY_HAND, S.IN_DOUBT], "late") | dict.fromkeys(
    [S.ACCEPTED, S.DELIVERED, S.ACKNOWLEDGED, S.TOLD_BY_HAND], "calm"
)
UNDER_WAY = frozenset({S.DRAFTED, S.RELEASED, S.CLAIMED, S.IN_DOUBT})
"""The engine is still at it, and settles by itself what is in doubt: a person who sends again would tell twice."""
COLUMNS = (
    *("number", "wave", "kind", "party", "reference", "contact", "address", "role", "channel", "state", "proof"),
    *("attempts", "sent_at", "settled_at", "delivered_at", "possible_duplicate", "detail", "letter_sha256"),
)


class Wanted(Value):
    """Which notices are shown: what is None or empty lets all through."""

    state: NoticeState | None = None
    channel: str = ""
    party: str = ""
    """A part of the party's name, or of the reference of its agreement."""
    wave: WaveId | None = None

    def takes(self, row: Notice) -> bool:
        """Say whether a row is one of them; a deputy in reserve is no notice yet."""
        reserve = row.state is S.DRAFTED and row.chain_position > 0
        return not reserve and self.channel in {"", row.channel}


class Cursor(NamedTuple):
    """Where a page begins: a wave, and an ordinal in it."""

    wave_id: WaveId
    ordinal: int

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Return the cursor that a link holds; anything else is the beginning."""
        wave_id, _, ordinal = text.partition(":")
        good = ordinal.isascii() and ordinal.isdigit() and len(ordinal) < 10
        return cls(WaveId(wave_id), int(ordinal)) if wave_id and good else None

    def __str__(self) -> str:
        """Return what a link holds."""
        return f"{self.wave_id}:{self.ordinal}"


class Sheet(NamedTuple):
    """One page of notices."""

    rows: tuple[Recipient, ...]
    next: Cursor | None


def sheet(tx: Transaction, incident_id: IncidentId, wanted: Wanted, after: Cursor | None, count: int = SHOWN) -> Sheet:
    """Return a page of notices, the newest wave first."""
    found: list[tuple[WaveRow, Notice]] = []
    for pair in _each(tx, incident_id, wanted, after):
        if len(found) == count:
            return Sheet(_with_parties(tx, found), Cursor(pair[0].wave_id, pair[1].ordinal))
        found.append(pair)
    return Sheet(_with_parties(tx, found), None)


def released(tx: Transaction, incident_id: IncidentId) -> list[WaveRow]:
    """Return the waves that were released, the newest first."""
    return [wave for wave in reversed(tx.ledger.waves(incident_id)) if wave.released_at is not None]


def csv_lines(store: Store, incident_id: IncidentId, wanted: Wanted) -> Iterator[str]:
    """Yield the notices as CSV, some at a time. A cell that a spreadsheet would take for a formula is none in it."""
    yield _line(COLUMNS)
    at: Cursor | None = None
    while True:
        # Each part is read by itself: whoever downloads slowly holds no transaction open.
        with store.reading() as tx:
            waves = {wave.wave_id: wave for wave in released(tx, incident_id)}
            page = sheet(tx, incident_id, wanted, at, PAGE)
        yield "".join(_line(_cells(waves[one.row.wave_id], one)) for one in page.rows)
        if page.next is None:
            return
        at = page.next


def chain_of(tx: Transaction, wave: WaveRow, row: Notice) -> list[Recipient]:
    """Return whom a party's notice goes to one after the other, the deputies in reserve included."""
    rows = tx.ledger.notices(wave.wave_id, agreements=[row.agreement_id])
    alike = [one for one in rows if one.role is ContactRole.CHAIN and one.method is row.method]
    party = agreements_of(tx, wave, [row]).get(row.agreement_id)
    return [recipient(one, party) for one in sorted(alike, key=lambda one: one.chain_position)]


def kind_to_send_again(tx: Transaction, row: Notice) -> WaveKind | None:
    """Return what kind of letter a person may send to this party anew, or None while the engine is still at it.

    It is never the same notice once more: it has a number, a draft and a release of its own.
    """
    if row.method is not Method.MAIL or row.state in UNDER_WAY:
        return None
    told = row.agreement_id in tx.ledger.parties(row.incident_id, WRITTEN_TO)
    return WaveKind.FOLLOW_UP if told else WaveKind.INITIAL


def _each(
    tx: Transaction, incident_id: IncidentId, wanted: Wanted, after: Cursor | None
) -> Iterator[tuple[WaveRow, Notice]]:
    parties = _parties(tx, incident_id, wanted.party) if wanted.party else None
    begun = after is None
    for wave in released(tx, incident_id):
        here = after is not None and wave.wave_id == after.wave_id
        begun = begun or here
        if not begun or (wanted.wave is not None and wave.wave_id != wanted.wave):
            continue
        start = after.ordinal if after is not None and here else 0
        for row in _rows(tx, wave, wanted, parties, start):
            yield wave, row


def _rows(
    tx: Transaction, wave: WaveRow, wanted: Wanted, parties: set[AgreementId] | None, start: int
) -> Iterator[Notice]:
    states = [wanted.state] if wanted.state else None
    for first in range(start, wave.rows, PAGE):
        last = min(first + PAGE, wave.rows)
        found = tx.ledger.notices(wave.wave_id, first=first, last=last, states=states)
        yield from (row for row in found if (parties is None or row.agreement_id in parties) and wanted.takes(row))


def _parties(tx: Transaction, incident_id: IncidentId, text: str) -> set[AgreementId]:
    wanted = text.casefold()
    agreements = (pin.agreement for pin in tx.register.pinned(incident_id))
    return {a.agreement_id for a in agreements if wanted in f"{a.party_name}\n{a.reference}".casefold()}


def _with_parties(tx: Transaction, found: list[tuple[WaveRow, Notice]]) -> tuple[Recipient, ...]:
    waves = {wave.wave_id: wave for wave, _ in found}
    parties = {
        key: agreements_of(tx, wave, [row for other, row in found if other.wave_id == key])
        for key, wave in waves.items()
    }
    return tuple(recipient(row, parties[wave.wave_id].get(row.agreement_id)) for wave, row in found)


def _cells(wave: WaveRow, one: Recipient) -> tuple[object, ...]:
    row, party, contact, role = one
    who = (party.party_name, party.reference) if party else ("", row.agreement_id)
    to = (contact.name, contact.email) if contact else ("", "")
    sent = (row.claimed_at, row.settled_at, row.delivered_at)
    return (
        *(row.number, row.wave_id, wave.kind, *who, *to, role, row.channel, row.state, WORDS[row.state]),
        *(row.attempts, *(at.isoformat() if at else "" for at in sent)),
        *("yes" if row.possible_duplicate else "", row.detail or "", row.letter_sha256 or ""),
    )


def _line(cells: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_plain(str(cell)) for cell in cells])
    return out.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
