"""Letters: the typed facts a letter is rendered from, and the rendered letter as it is reviewed and sent."""

import re

from pydantic import Field

from tocsin.domain.errors import Broken
from tocsin.domain.incident import Facts
from tocsin.domain.notice import Notice, WaveKind
from tocsin.domain.said import Said
from tocsin.domain.values import IncidentId, Instant, NoticeId, Value, derived_id


class PeriodOwed(Value):
    """One promise that the letter answers, for its "why you receive this"."""

    title: str
    trigger: str
    trigger_at: Instant
    deadline_at: Instant | None


class LetterFacts(Value):
    """Everything a letter may say, about one party only."""

    wave_kind: WaveKind
    language: str
    time_zone: str
    """The recipient's IANA zone; instants are shown in it and in UTC."""
    sender_name: str
    party_name: str
    contact_name: str
    agreement_reference: str
    notice_number: str
    previous_number: str | None
    facts: Facts
    measures_taken: tuple[str, ...]
    """Measures named in the facts, then the titles of finished mitigation tasks."""
    occurred_at: Instant | None
    discovered_at: Instant | None
    confirmed_at: Instant | None
    drafted_at: Instant
    periods: tuple[PeriodOwed, ...]
    contact_point: str
    by_deputy: bool = False
    is_copy: bool = False
    is_minimal: bool = False
    """Whether it goes because nobody has released a fuller one in time."""
    acknowledge_url: str | None = None
    """The recipient's own link to confirm receipt; at review it still holds the placeholder of its secret part."""
    verify_url: str | None = None
    """A public page that says whether a notice number is genuine, and nothing more."""
    before: Said | None = None
    """What the notice before, to this very contact, said."""
    public: bool = False
    """For the notice page, which anybody may read: it names no party, contact, agreement or deadline."""

    @property
    def said(self) -> Said:
        """What this letter says."""
        return Said(
            facts=self.facts,
            measures=self.measures_taken,
            occurred_at=self.occurred_at,
            discovered_at=self.discovered_at,
            confirmed_at=self.confirmed_at,
        )


class ProbeFacts(Value):
    """Everything that a letter of a round says: which address is asked, and until when. It tells of no incident."""

    language: str
    time_zone: str
    sender_name: str
    parties: tuple[str, ...]
    """Whose contact the address is."""
    contact_name: str
    number: str
    opened_at: Instant
    answer_by: Instant
    """The last minute in which an answer is in time."""
    contact_point: str
    confirm_url: str
    verify_url: str


class Rendered(Value):
    """A letter's words in one language. `language` is the one it came out in, which may not be the one asked for."""

    subject: str
    text: str
    html: str
    language: str


class Letter(Value):
    """A rendered letter, exactly as a person reviews it and as the channel is given it."""

    from_name: str
    from_address: str
    reply_to: str | None
    to_name: str
    to_address: str
    subject: str
    text: str
    html: str
    language: str
    message_id: str
    in_reply_to: str | None = None
    # Left out while empty, so that a letter from before there was a chain keeps its digest.
    references: tuple[str, ...] = Field(default=(), exclude_if=lambda references: not references)
    """The Message-IDs of all notices before to this very contact, oldest first, where there are several."""
    notice_number: str
    notice_id: NoticeId
    posted_as: WaveKind | None = Field(default=None, exclude_if=lambda kind: kind is None)
    """For the notice page: what it is in relation to the notices before it; `to_address` is the page."""

    @property
    def thread(self) -> str | None:
        """The header `References`: every notice before, so that mail programs keep them together."""
        return " ".join(self.references) or self.in_reply_to


def letter_of(
    row: Notice, words: Rendered, sender: tuple[str, str], reply_to: str | None, to: tuple[str, str]
) -> Letter:
    """Return the letter of a row with these words; `sender` and `to` are names with their addresses."""
    return Letter(
        from_name=sender[0],
        from_address=sender[1],
        reply_to=reply_to,
        to_name=to[0],
        to_address=to[1],
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=words.language,
        message_id=row.message_id,
        notice_number=row.number,
        notice_id=row.notice_id,
    )


def page_of(incident_id: IncidentId) -> str:
    """Return what tells the public notices of one incident from those of others, and says nothing else."""
    return derived_id("page", incident_id)


TOKEN_PLACEHOLDER = "TOKENxIsxPutxHerexWhenxThisxLetterxIsxSentx"  # noqa: S105 - stands for one, and is none
"""Stands for the secret part of the recipient's link in every letter that is reviewed, stored or shown as evidence."""

_IN_MAIL = re.compile("(?:=\r?\n)?".join(TOKEN_PLACEHOLDER).encode())
_BREAK = re.compile(rb"=\r?\n")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def is_token(word: str) -> bool:
    """Say whether a word has the shape of a token: as long as its placeholder, and made of characters of links."""
    return _TOKEN.fullmatch(word) is not None


def holds_placeholder(prepared: bytes) -> bool:
    """Say whether prepared bytes hold the place of a token."""
    return _IN_MAIL.search(prepared) is not None


def with_token(prepared: bytes, token: str) -> bytes:
    """Return the bytes with the token in its place, character by character: every length and line stays as it was.

    A mail's line may break within the placeholder (quoted-printable: `=` and a line end); the break stays where it is.
    """
    if not is_token(token):
        raise Broken("a token must be 43 characters of a link")
    filled = prepared.replace(TOKEN_PLACEHOLDER.encode(), token.encode())
    return _IN_MAIL.sub(lambda found: _filled(found[0], token), filled) if _BREAK.search(filled) else filled


def _filled(place: bytes, token: str) -> bytes:
    parts, left = re.split(rb"(=\r?\n)", place), token.encode()
    filled = b""
    for part in parts:
        if part.startswith(b"="):
            filled += part
        else:
            filled, left = filled + left[: len(part)], left[len(part) :]
    return filled
