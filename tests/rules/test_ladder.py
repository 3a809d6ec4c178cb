"""The ladder: whom a page calls and when, and a file of it that is read with every mistake at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from tocsin.adapters.escalation import load_ladder, write_default_ladder
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Severity
from tocsin.domain.ladder import Climb, Ladder, Rung, Step, Who, due

MIN = timedelta(minutes=1)
CHANNELS = ("oncall", "mail")
RUNGS = tuple(Rung(who=who, channels=("mail",)) for who in Who)
LADDER = Ladder(
    rungs=RUNGS,
    climbs=(
        Climb(after={Who.OWNER: 0 * MIN, Who.DEPUTY: 60 * MIN}),
        Climb(share=0.75, after={Who.OWNER: 0 * MIN, Who.DEPUTY: 30 * MIN, Who.EXECUTIVE: 60 * MIN}),
        Climb(share=0.75, severity=("critical", "unknown"), after={Who.OWNER: 0 * MIN, Who.EXECUTIVE: 5 * MIN}),
    ),
)

FILE = """\
[[rung]]
who = "owner"
channels = ["oncall", "mail"]

[[rung]]
who = "executive"
channels = ["mail"]

[[climb]]
after = { owner = "0 min", executive = "1 h" }

[[climb]]
share = 0.75
severity = ["high", "unknown"]
after = { owner = "0 min", executive = "15 min" }

[everyone]
share = 0.8

[silence]
before = "90 min"
"""

WRONG = """\
[[rung]]
who = "ownr"
channels = ["oncal"]

[[rung]]
who = "executive"
channels = []

[[rung]]
who = "deputy"
channels = ["mail"]
phone = "1"

[[climb]]
share = 1.5
severity = ["hihg"]
after = { executive = "0 min", deputy = "5 weeks", approver = "1 h" }

[everyone]
shre = 0.8

[silence]
before = "soon"

[silents]
"""


def called(severity: Severity | None, share: float, *, unreleased: bool = False) -> dict[str, int]:
    """Return the minutes after which each rung is called."""
    steps = LADDER.steps(severity, share, unreleased=unreleased)
    return {step.rung.who: round(step.after / MIN) for step in steps}


def test_severity_and_share_choose_the_climb() -> None:
    """The climb for the largest share that fits holds; an unknown severity is one of its own."""
    assert called(Severity.LOW, 0.5) == {"owner": 0, "deputy": 60}
    assert called(Severity.LOW, 0.75) == {"owner": 0, "deputy": 30, "executive": 60}
    assert called(None, 0.75) == called(Severity.CRITICAL, 1.0) == {"owner": 0, "executive": 5}


def test_no_severity_keeps_a_page_back() -> None:
    """Where no climb fits, the first rung is called all the same."""
    only = LADDER.model_copy(update={"climbs": LADDER.climbs[2:]})
    assert only.steps(Severity.LOW, 1.0, unreleased=False) == (Step(rung=RUNGS[0], after=0 * MIN),)


def test_everyone_near_the_deadline() -> None:
    """In the last tenth everyone is called at once about what is unreleased, and nobody more about what is not."""
    assert called(Severity.LOW, 0.9, unreleased=True) == dict.fromkeys(Who, 0)
    assert called(Severity.LOW, 0.89, unreleased=True) == {"owner": 0, "deputy": 30, "executive": 60}
    assert called(Severity.LOW, 1.0) == {"owner": 0, "deputy": 30, "executive": 60}


@pytest.mark.parametrize(("called", "minutes", "wanted"), [(0, 0, 1), (1, 29, 1), (1, 30, 2), (1, 90, 3), (3, 0, 3)])
def test_rungs_that_are_due(called: int, minutes: int, wanted: int) -> None:
    """A rung is called once its time has passed, those that were slept through with it, and never fewer."""
    assert due(LADDER.steps(Severity.LOW, 0.75, unreleased=False), called, minutes * MIN) == wanted


def test_silence_margin_of_a_short_clock() -> None:
    """The margin before a letter goes by itself is at most a quarter of a clock's time."""
    assert LADDER.silence_margin(72 * 60 * MIN) == 120 * MIN
    assert LADDER.silence_margin(4 * 60 * MIN) == 60 * MIN


def read(folder: Path, text: str) -> Ladder:
    """Read a ladder of this text."""
    path = folder / "escalation.toml"
    path.write_text(text, encoding="utf-8")
    return load_ladder(path, CHANNELS)


def test_file_is_read(tmp_path: Path) -> None:
    """Every line of the file is in the ladder."""
    ladder = read(tmp_path, FILE)
    assert [(rung.who, rung.channels) for rung in ladder.rungs] == [("owner", CHANNELS), ("executive", ("mail",))]
    assert ladder.climbs[1] == Climb(
        share=0.75, severity=("high", "unknown"), after={Who.OWNER: 0 * MIN, Who.EXECUTIVE: 15 * MIN}
    )
    assert (ladder.everyone_from, ladder.silence_before) == (0.8, 90 * MIN)


def test_without_a_file_everyone_is_the_first_rung(tmp_path: Path) -> None:
    """Without a file, and with the one that `init` writes, one rung is reached by all channels in their order."""
    alone = load_ladder(tmp_path / "none.toml", CHANNELS)
    assert alone.rungs == (Rung(who=Who.OWNER, channels=CHANNELS),)
    assert write_default_ladder(tmp_path / "escalation.toml")
    assert load_ladder(tmp_path / "escalation.toml", CHANNELS) == alone
    assert not write_default_ladder(tmp_path / "escalation.toml")


def test_the_written_example_is_a_ladder(tmp_path: Path) -> None:
    """What stands as a comment in the first file is a ladder once the # are removed."""
    path = tmp_path / "escalation.toml"
    write_default_ladder(path)
    lines = path.read_text(encoding="utf-8").partition("# [[rung]]")
    text = "".join(line.removeprefix("#").removeprefix(" ") for line in (lines[1] + lines[2]).splitlines(keepends=True))
    assert [climb.share for climb in read(tmp_path, text).climbs] == [0.0, 0.75]


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """A wrong file is refused with all its mistakes, each with its place and what would be right."""
    with pytest.raises(Refused) as caught:
        read(tmp_path, WRONG)
    said = str(caught.value)
    for words in (
        "'silents' is unknown (did you mean silence?)",
        "rung 1: the rung 'ownr' is unknown (did you mean owner?)",
        "rung 1: there is no channel 'oncal' (did you mean oncall?)",
        "rung 2: channels is missing",
        "rung 3: 'phone' is unknown",
        "each rung stands once, in this order: owner, deputy, approver, executive",
        "climb 1: share is 1.5",
        "climb 1: severity: 'hihg' is none of the list",
        "climb 1: after deputy: the period '5 weeks' is unknown",
        "climb 1: after: there is no rung 'approver'",
        "everyone: write [everyone] with one line",
        "silence: the period 'soon' is unknown",
    ):
        assert words in said, said


@pytest.mark.parametrize("after", ['{ owner = "1 h", executive = "2 h" }', '{ owner = "0 min", executive = "0 h" }'])
def test_first_rung_waits_for_nobody(tmp_path: Path, after: str) -> None:
    """The first rung is called at once; two rungs may be called together."""
    text = FILE.replace('{ owner = "0 min", executive = "1 h" }', after)
    if "1 h" in after:
        with pytest.raises(Refused, match='the first rung is called at "0 min"'):
            read(tmp_path, text)
    else:
        assert read(tmp_path, text).climbs[0].after[Who.EXECUTIVE] == 0 * MIN


def test_lists_that_are_none(tmp_path: Path) -> None:
    """A rung with one bracket is named as such."""
    with pytest.raises(Refused, match="with two brackets"):
        read(tmp_path, FILE.replace("[[climb]]", "[climb]", 1).split("[[climb]]")[0])
