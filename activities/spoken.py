"""What a person reads out, posts or puts into a portal: prepared, reviewed and released as any letter is."""

from tocsin.domain.letter import Letter, Rendered
from tocsin.domain.notice import Notice
from tocsin.domain.register import Agreement

Prepared = tuple[Notice, Letter, bytes]


def told_by_hand(
    row: Notice, agreement: Agreement, words: Rendered, sender: tuple[str, str], reply_to: str | None
) -> Prepared:
    """Return a row with the letter that a person delivers to its party; what is prepared is its text."""
    letter = Letter(
        from_name=sender[0],
        from_address=sender[1],
        reply_to=reply_to,
        to_name=agreement.party_name,
        to_address="",
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=words.language,
        message_id=row.message_id,
        notice_number=row.number,
        notice_id=row.notice_id,
    )
    return row.model_copy(update={"letter_sha256": letter.fingerprint()}), letter, words.text.encode()
