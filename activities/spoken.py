"""What a person reads out, posts or puts into a portal: prepared, reviewed and released as any letter is."""

from tocsin.domain.letter import Letter, Rendered, letter_of
from tocsin.domain.notice import Notice
from tocsin.domain.register import Agreement

Prepared = tuple[Notice, Letter, bytes]


def told_by_hand(
    row: Notice, agreement: Agreement, words: Rendered, sender: tuple[str, str], reply_to: str | None
) -> Prepared:
    """Return a row with the letter that a person delivers to its party; what is prepared is its text."""
    letter = letter_of(row, words, sender, reply_to, (agreement.party_name, ""))
    return row.model_copy(update={"letter_sha256": letter.fingerprint()}), letter, words.text.encode()
