"""What the engine did, in sentences that a reader understands without knowing how it is built."""

import pytest
from pydantic import JsonValue

from tests.ports.story import AT, CLOCK, INCIDENT
from tocsin.adapters.evidence.names import Names, Written
from tocsin.adapters.evidence.sentences import deed_sentence, engine_sentence
from tocsin.audit.entry import EntryDraft
from tocsin.domain.act import Revise

NAMES = Names(people={}, parties={}, clocks={CLOCK: "72 h"}, written=Written(), tasks={})


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        ("clock.warned", {"mark": "50 %"}, "A person was paged: 50 % of the time of the clock “72 h” had passed."),
        ("clock.warned", {"mark": "due"}, "A person was paged: all of the time of the clock “72 h” had passed."),
        ("clock.ended", {"outcome": "not_owed"}, "The clock “72 h” ended: not owed."),
        (
            "ladder.called",
            {"who": "deputy", "share": 90},
            "The deputy was called about the clock “72 h”: 90 % of its time had passed.",
        ),
        (
            "ladder.called",
            {"who": "owner", "share": 100, "everyone": True},
            "The owner was called, at once with everybody on the ladder.",
        ),
        (
            "ladder.called",
            {"who": "owner", "share": 100, "clock": None},
            "The owner was called, at once with everybody on the ladder.",
        ),
        ("tasks.promised", {"tasks": ["t-1", "t-2"]}, "2 task(s) were set for what the letters promise to tell later."),
    ],
)
def test_what_the_engine_did(kind: str, data: dict[str, JsonValue], sentence: str) -> None:
    """A warning says how much time had passed, a call who was called and why, a promise what it came to."""
    entry = EntryDraft(
        key="k", at=AT, kind=kind, incident_id=INCIDENT, actor="engine", data={"clock": CLOCK, "mark": "?"} | data
    )
    assert engine_sentence(entry, NAMES) == sentence


def test_what_is_known_is_named_in_words() -> None:
    """A revision names the facts that it changed as words, not as fields."""
    said = deed_sentence(Revise(facts={"people_affected": 12, "cause": "a stolen key"}), NAMES)
    assert said == "changed what is known: cause, people affected"
