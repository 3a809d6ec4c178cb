"""What mail channels check before words become headers: no line breaks, well-formed addresses and ids."""

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter

# The local part names a file in the outbox, so it is kept to characters that mean nothing to a file system, and the
# whole to what fits on one header line: the stdlib would encode a longer one into something no mailbox recognises.
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9_-][A-Za-z0-9._-]{0,60}@[A-Za-z0-9][A-Za-z0-9.-]*>")
_LONGEST_ID = 76
_BREAKING = {"Cc", "Cs", "Zl", "Zp"}


def checked(letter: Letter) -> Letter:
    """Return the letter with its addresses in the ASCII form that travels.

    Raises:
        Refused: naming the field, if a header value holds a control character or line break, an address is not one,
            or a Message-ID is not of the form `<letters@domain>` in at most 76 characters.
    """
    for field in ("from_name", "to_name", "subject", "notice_number"):
        _refuse_breaks(letter, field)
    _refuse_odd_id(letter, "message_id", letter.message_id)
    for before in (letter.in_reply_to, *letter.references):
        _refuse_odd_id(letter, "in_reply_to", before)
    fields = ("from_address", "to_address", "reply_to")
    return letter.model_copy(update={field: _address_in(letter, field) for field in fields})


def has_breaks(value: str) -> bool:
    """Say whether the value holds a control character, a line or paragraph separator, or half a surrogate pair."""
    return not value.isprintable() and any(unicodedata.category(c) in _BREAKING for c in value)


def _refuse_breaks(letter: Letter, field: str) -> None:
    if has_breaks(getattr(letter, field)):
        raise Refused(
            f"{field} of notice {letter.notice_number!r} holds a line break or control character, which could forge "
            "a header; correct the name or reference in the register"
        )


def _refuse_odd_id(letter: Letter, field: str, value: str | None) -> None:
    if value is not None and (len(value) > _LONGEST_ID or not _MESSAGE_ID.fullmatch(value)):
        raise Refused(
            f"{field} of notice {letter.notice_number} must look like <notice-id@domain>, with letters, digits, "
            f"'.', '_' and '-' only and at most {_LONGEST_ID} characters; check the domain of the sender's address"
        )


def _address_in(letter: Letter, field: str) -> str | None:
    value = getattr(letter, field)
    try:
        return None if value is None else address(value)
    except Refused as error:
        raise Refused(f"{field} of notice {letter.notice_number}: {error}") from None


@lru_cache(maxsize=4096)
def address(value: str) -> str:
    """Return a mail address in the ASCII form that travels, its domain in A-labels.

    Raises:
        Refused: if it is not an address, or can travel only by SMTPUTF8. The message does not repeat it.
    """
    try:
        ascii_form = validate_email(value, check_deliverability=False, globally_deliverable=False).ascii_email
    except EmailNotValidError:
        raise Refused("this is not a mail address; correct it in the register or the settings") from None
    if ascii_form is None:
        raise Refused("the part before the @ is not ASCII, which many servers refuse; give another address")
    return ascii_form
