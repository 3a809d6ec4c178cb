"""Privilege: what is left out, by whose mark, and that nothing else changes."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.act import Act, Actor, AddNote, Deed, Revise, Role
from tocsin.domain.incident import Facts, Translation
from tocsin.domain.privilege import LEFT_OUT, MARK, Redaction, digest_of, marked, paragraphs
from tocsin.domain.values import ActId, IncidentId, PersonId
from tocsin.domain.word_deeds import LiftPrivilege, Privilege

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
OPEN, SECRET = "The share is closed.", "Counsel holds that we knew."


def act(number: int, deed: Deed, name: str = "Asha") -> Act:
    """Return an act."""
    actor = Actor(person_id=PersonId(f"per-{name}"), name=name, roles=frozenset({Role.APPROVER}))
    return Act(act_id=ActId(f"act-{number}"), incident_id=IncidentId("inc-1"), actor=actor, at=AT, deed=deed)


NOTE = act(1, AddNote(text=f"{OPEN}\n\n{MARK} {SECRET}"))


def test_a_marked_paragraph_is_left_out_and_listed() -> None:
    """Of a note, the paragraph with the mark is left out of whatever says it; who wrote it is who marked it."""
    redaction = Redaction([NOTE])

    assert redaction.model(NOTE).deed == AddNote(text=f"{OPEN}\n\n{LEFT_OUT}")
    (left,) = redaction.of(NOTE)
    assert (left.paragraph_sha256, left.marking.by) == (digest_of(f"{MARK} {SECRET}"), "Asha")
    assert redaction.value({"a": [f"{MARK} {SECRET}", SECRET, 3]}) == {"a": [LEFT_OUT, SECRET, 3]}


def test_a_mark_may_come_later_and_be_lifted() -> None:
    """An act marks by digest what was written before; another lifts it; the last word counts."""
    plain = act(1, AddNote(text=f"{OPEN}\n\n{SECRET}"))
    mark = act(2, Privilege(paragraphs=(digest_of(SECRET),)), "Dara")
    lift = act(3, LiftPrivilege(paragraphs=(digest_of(SECRET),), reason="waived"), "Dara")

    assert Redaction([plain, mark]).model(plain).deed == AddNote(text=f"{OPEN}\n\n{LEFT_OUT}")
    assert Redaction([plain, mark]).of(plain)[0].marking.act_id == "act-2"
    assert Redaction([plain, mark]).of(mark) == []
    assert Redaction([plain, mark, lift]).model(plain) is plain
    assert Redaction([plain, mark, lift, act(4, mark.deed)]).model(plain) is not plain


def test_a_letter_does_not_say_that_something_is_missing() -> None:
    """Facts as letters say them lack the paragraph without a mark; a text that was nothing else is not known."""
    secret = f"{MARK} {SECRET}"
    facts = Facts(title="A share", summary=f"{OPEN}\n\n{secret}", cause=secret, measures=(secret, "x"))
    facts = facts.model_copy(update={"translations": {"de": Translation(summary=secret)}})
    said = act(1, Revise(facts={"summary": facts.summary, "cause": secret}))
    told = Redaction([said]).told(facts)

    assert (told.summary, told.cause, told.measures) == (OPEN, None, ("x",))
    assert told.translations["de"].summary is None
    assert Redaction().told(facts) is facts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=5))
def test_the_mark_is_put_before_each_paragraph_once(words: list[str]) -> None:
    """Marking a text marks each of its paragraphs; marking it again changes nothing, and all of it is left out."""
    text = "\n\n".join(words)
    once = marked(text)

    assert marked(once) == once
    whole = act(1, AddNote(text=once))
    assert set(paragraphs(Redaction([whole]).text(once))) <= {LEFT_OUT}
