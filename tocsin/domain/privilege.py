"""Privilege: paragraphs that only those who work on the incident read. Pure.

A paragraph is what stands between empty lines of a text that a person wrote. It is privileged if it begins with the
mark, or if an act marked it later, by its digest; until an approver's act lifts that. What is privileged is left out of
everything else by this one rule, wherever the paragraph stands; what was sent in a letter was told, and stays told.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import BaseModel

from tocsin.domain.act import Act
from tocsin.domain.incident import Facts, Translation
from tocsin.domain.values import ActId, Instant, Value
from tocsin.domain.word_deeds import LiftPrivilege, Privilege

M = TypeVar("M", bound=BaseModel)
MARK = "[privileged]"
_FREE_TEXT = tuple(Translation.model_fields)
LEFT_OUT = "[left out: privileged]"
_BETWEEN = re.compile(r"(\n[ \t]*\n\s*)")


class Marking(Value):
    """By which act a paragraph became privileged; it is the act that wrote it, if that marked it itself."""

    act_id: ActId
    by: str
    at: Instant


class Marked(Value):
    """A privileged paragraph of an act: its digest, and who marked it."""

    act_id: ActId
    paragraph_sha256: str
    marking: Marking


class Redaction:
    """What is privileged after these acts, in their order."""

    def __init__(self, acts: Iterable[Act] = ()) -> None:
        self.markings: dict[str, Marking] = {}
        for act in acts:
            match act.deed:
                case Privilege(paragraphs=digests):
                    self._mark(act, digests)
                case LiftPrivilege(paragraphs=digests):
                    for digest in digests:
                        self.markings.pop(digest, None)
                case deed:
                    marked = (one for one in paragraphs_of(deed.model_dump(mode="json")) if one.startswith(MARK))
                    self._mark(act, map(digest_of, marked))

    def __bool__(self) -> bool:
        """Say whether anything is privileged."""
        return bool(self.markings)

    def of(self, act: Act) -> list[Marked]:
        """Return the privileged paragraphs of an act."""
        if not self.markings or isinstance(act.deed, Privilege | LiftPrivilege):
            return []
        digests = dict.fromkeys(map(digest_of, paragraphs_of(act.deed.model_dump(mode="json"))))
        found = ((digest, self.markings.get(digest)) for digest in digests)
        return [Marked(act_id=act.act_id, paragraph_sha256=key, marking=one) for key, one in found if one is not None]

    def text(self, text: str) -> str:
        """Return a text with a mark in the place of each privileged paragraph."""
        pieces = _BETWEEN.split(text)
        return "".join(LEFT_OUT if digest_of(piece) in self.markings else piece for piece in pieces)

    def told(self, facts: Facts) -> Facts:
        """Return facts as a letter may say them: what is privileged is as if nobody had written it."""
        if not self.markings:
            return facts
        shown = {name: self._kept(getattr(facts, name)) for name in _FREE_TEXT}
        translated = {
            language: one.model_copy(update={name: self._kept(getattr(one, name)) for name in Translation.model_fields})
            for language, one in facts.translations.items()
        }
        return facts.model_copy(update={**shown, "translations": translated})

    def _kept(self, said: Any) -> Any:
        if isinstance(said, tuple):
            return tuple(one for one in said if digest_of(one) not in self.markings)
        if not isinstance(said, str):
            return said
        kept = [one for one in paragraphs(said) if digest_of(one) not in self.markings]
        return said if len(kept) == len(paragraphs(said)) else "\n\n".join(kept) or None

    def value(self, value: Any) -> Any:
        """Return a JSON value without privileged paragraphs, wherever in it they stand."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return {name: self.value(one) for name, one in value.items()}
        return value

    def model(self, model: M) -> M:
        """Return a value without privileged paragraphs; itself, if it has none."""
        if not self.markings:
            return model
        whole = model.model_dump(mode="json")
        without = self.value(whole)
        return model if without == whole else type(model).model_validate(without)

    def _mark(self, act: Act, digests: Iterable[str]) -> None:
        marking = Marking(act_id=act.act_id, by=act.actor.name, at=act.at)
        for digest in digests:
            self.markings.setdefault(digest, marking)


def marked(text: str) -> str:
    """Return a text of which every paragraph is privileged."""
    pieces = _BETWEEN.split(text.strip())
    between = (index % 2 or not piece or piece.startswith(MARK) for index, piece in enumerate(pieces))
    return "".join(piece if keep else f"{MARK} {piece}" for keep, piece in zip(between, pieces, strict=True))


def digest_of(paragraph: str) -> str:
    """Return what a paragraph is known by: SHA-256 of it without space around it, in hex."""
    return sha256(paragraph.strip().encode()).hexdigest()


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text."""
    return [one.strip() for one in _BETWEEN.split(text)[::2] if one.strip()]


def paragraphs_of(value: Any) -> Iterator[str]:
    """Yield the paragraphs of all texts in a JSON value."""
    if isinstance(value, str):
        yield from paragraphs(value)
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from paragraphs_of(one)
