"""The law as it ships: every rule is there, each may start a clock exactly if it is known well enough, and why not."""

from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.policy import Kind, Mark, Policy
from tocsin.policies import load_policies

TODAY = date(2026, 11, 21)
PACK = load_policies()

_EUROPE = """
EU-GDPR-33-1 EU-GDPR-33-2 EU-GDPR-33-4 EU-GDPR-33-5 EU-GDPR-34-1 EU-GDPR-34-3C
EU-LED-30-1 EU-LED-30-6 EU-LED-31 EU-LED-31-PUBLIC
EU-EPRIV-4-3 EU-EPRIV-4-3-IND EU-EPRIV-4-4 EU-611-N1 EU-611-N2
EU-NIS2-EW EU-NIS2-IN EU-NIS2-IN-TSP EU-NIS2-IR EU-NIS2-FR EU-NIS2-PR EU-NIS2-PR-FINAL EU-NIS2-RCPT EU-NIS2-THREAT
EU-DORA-INIT EU-DORA-INIT-LATE EU-DORA-INTER EU-DORA-FINAL EU-DORA-DELAY EU-DORA-CLIENT EU-DORA-THREAT
EU-CRA-V-EW EU-CRA-V-N EU-CRA-V-F EU-CRA-I-EW EU-CRA-I-N EU-CRA-I-F EU-CRA-USERS
EU-EIDAS-QTSP EU-EIDAS-TSP EU-MDR-87 EU-MDR-87-10D EU-MDR-87-2D
UK-GDPR-33-1 UK-GDPR-33-2 UK-GDPR-33-5 UK-GDPR-34-1 UK-GDPR-34-3C UK-PECR-5A UK-PECR-5A-REG UK-NIS-2018
CH-FADP-24 CH-FADP-24-PROC CH-ISA-74 CH-ISA-74-14D
"""
EUROPE = _EUROPE.split()
"""The rules of the EU, the United Kingdom and Switzerland that may start a clock today."""

INACTIVE = {
    "EU-AIACT-73": "was not verified",
    "EU-AIACT-73-2D": "was not verified",
    "EU-AIACT-73-10D": "was not verified",
    "UK-CSRB": "A bill",
    "UK-CSRB-72H": "A bill",
}
"""Those that may not, and a word of why."""

_PENDING = """
AU-SOCI-12H AU-SOCI-72H AU-APRA-234 SG-MAS-1H SG-MAS-14D SG-CSA-2H NZ-PA-2020 ID-PDP-72H VN-PDP-91 ZA-POPIA-22
NG-DPA-72H SA-PDPL-72H CL-21663 CL-21719 CN-PIPL-57 KR-NETWORK-24H US-FCC-7BD US-NCUA-72H US-TSA-24H
EU-2018-1725-34 EU-2018-1725-35 CA-AB-PIPA
EU-OMNIBUS-GDPR-33-1 US-CIRCIA-FINAL IN-DPDP-RULE-7 KR-PIPA-2026 JP-APPI-NEXT
"""
PENDING = _PENDING.split()
"""What is known from memory only, and what is not law yet."""

SECONDARY = ("EU-611-", "EU-MDR-", "UK-GDPR-", "UK-NIS-", "CH-FADP-")
"""The rules of these instruments were read in secondary sources alone."""


def refused(folder: Path, **files: str) -> list[str]:
    """Return what the pack is refused with when these files are added to it."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        load_policies(folder)
    return str(caught.value).splitlines()[1:]


def row(**changed: str) -> str:
    """Return a `[[policy]]` that is right but for what is changed; None leaves a key out."""
    keys = {
        "id": '"XX-1"',
        "title": '"Tell the authority"',
        "owed_by": '"controller"',
        "owed_to": '["supervisory_authority"]',
        "to": '"the authority"',
        "trigger": '"awareness"',
        "period": '{ n = 72, unit = "hours" }',
        "rule": '"elapsed"',
        "applies": '{ fact = "incident.personal_data", is = true }',
        "citation": '"art. 1"',
        "in_force": "{ seen_on = 2026-11-21 }",
        "status": '{ period = ["TEXT"], trigger = ["TEXT"], in_force = ["TEXT"] }',
    }
    return "[[policy]]\n" + "".join(f"{key} = {value}\n" for key, value in (keys | changed).items() if value)


def pack(*rows: str) -> str:
    """Return a file of these rows."""
    return 'instrument = "An act"\nsources = ["its text"]\n' + "".join(rows)


@pytest.mark.parametrize("policy_id", EUROPE)
def test_enabled(policy_id: str) -> None:
    """Each rule that was read, and that is law, may start a clock."""
    assert PACK.policy(policy_id).why_inactive(TODAY) is None
    assert policy_id in {policy.id for policy in PACK.in_force(TODAY)}


@pytest.mark.parametrize(("policy_id", "why"), [*INACTIVE.items(), *((key, "") for key in PENDING)])
def test_inactive(policy_id: str, why: str) -> None:
    """Each rule that was not read, or is not law, is listed with the reason and can start no clock on any day."""
    policy = PACK.policy(policy_id)
    assert why in (policy.why_inactive() or "")
    assert not policy.enabled(TODAY)
    assert not policy.enabled(date(2099, 1, 1))
    assert policy_id in {inactive.id for inactive, reason in PACK.inactive(TODAY) if reason}


def test_nothing_else_of_europe() -> None:
    """The lists above are all there is: a rule that is added or lost shows here."""
    ids = {policy.id for policy in PACK.policies if policy.id.startswith(("EU-", "UK-", "CH-"))}
    assert {*EUROPE, *INACTIVE, *(key for key in PENDING if key.startswith("EU-"))} == ids


@pytest.mark.parametrize("policy", [pytest.param(one, id=f"{one.id} {one.version}") for one in PACK.policies])
def test_only_what_is_known_starts_a_clock(policy: Policy) -> None:
    """A rule that may start a clock has marks on all that decides, none from memory; every other says why not."""
    marks = policy.status.deciding().values()
    if policy.why_inactive() is None:
        assert all(marks)
        assert not any(Mark.MEMORY in field for field in marks)
        assert policy.in_force.known
        assert policy.kind is not Kind.HOLD
        assert all(exception.mark is not Mark.MEMORY for exception in policy.unless)
    else:
        assert policy.inactive_because


def test_letters_exist() -> None:
    """Every letter that a policy names is there to be rendered."""
    letters = {policy.letter for policy in PACK.policies if policy.letter}
    assert letters
    assert all((files("tocsin") / "letters" / letter).is_dir() for letter in letters)


@pytest.mark.parametrize("policy_id", EUROPE)
def test_counsel_check(policy_id: str) -> None:
    """What was read in secondary sources alone is marked for counsel, and only that."""
    assert policy_id.startswith(SECONDARY) is PACK.policy(policy_id).counsel_check


@pytest.mark.parametrize(
    ("first", "follow_up"),
    [
        ("EU-GDPR-33-1", "EU-GDPR-33-4"),
        ("EU-611-N1", "EU-611-N2"),
        ("EU-NIS2-IN", "EU-NIS2-FR"),
        ("EU-NIS2-IN-TSP", "EU-NIS2-FR"),
        ("EU-DORA-INIT", "EU-DORA-INTER"),
        ("EU-DORA-INIT-LATE", "EU-DORA-INTER"),
        ("EU-DORA-INTER", "EU-DORA-FINAL"),
        ("EU-CRA-I-N", "EU-CRA-I-F"),
    ],
)
def test_follow_ups_run_from_submission(first: str, follow_up: str) -> None:
    """A report that the law anchors on the one before runs from its submission, not from awareness."""
    assert first in PACK.anchors(follow_up)
    assert Trigger.PRIOR_REPORT_SUBMITTED is PACK.policy(follow_up).trigger


@pytest.mark.parametrize(
    ("policy_id", "day", "period"),
    [
        ("UK-PECR-5A", date(2025, 8, 19), "24 hours"),
        ("UK-PECR-5A", date(2025, 8, 20), "72 hours"),
        ("UK-PECR-5A", TODAY, "72 hours"),
    ],
)
def test_old_versions_stay(policy_id: str, day: date, period: str) -> None:
    """The version in force on the day governs; exactly one does."""
    (governing,) = [policy for policy in PACK.in_force(day) if policy.id == policy_id]
    assert period == governing.period_words == PACK.policy(policy_id, day).period_words


@pytest.mark.parametrize(
    ("policy_id", "first_day"),
    [("EU-CRA-V-EW", date(2026, 9, 11)), ("CH-ISA-74", date(2025, 4, 1))],
)
def test_not_before_its_first_day(policy_id: str, first_day: date) -> None:
    """A rule whose first day is known starts no clock on the day before."""
    day_before = first_day - timedelta(days=1)
    policy = PACK.policy(policy_id)
    assert policy.enabled(first_day)
    assert policy.why_inactive(day_before) == f"not in force on {day_before}"


def test_unknown_policy() -> None:
    """Asking for a policy that is not there names the one that was probably meant."""
    with pytest.raises(Refused, match=r"there is no policy 'eu-gdpr-331'.*did you mean EU-GDPR-33-1"):
        PACK.policy("eu-gdpr-331")


def test_digest_is_of_what_the_law_says(tmp_path: Path) -> None:
    """The same law has the same digest; another rule, or another word in one, has another."""
    assert PACK.digest == load_policies(tmp_path / "none").digest
    digests = {PACK.digest}
    for words in ("one", "another"):
        (tmp_path / "xx.toml").write_text(pack(row(title=f'"{words}"')), encoding="utf-8")
        digests.add(load_policies(tmp_path).digest)
    assert len(digests) == 3


def test_own_policies_and_facts_are_added(tmp_path: Path) -> None:
    """A folder of one's own adds rules, with facts of their own, to those that ship."""
    fact = '[[fact]]\nkey = "org.club"\ntype = "bool"\nwho = "org"\nquestion = "Are you a club?"\n'
    (tmp_path / "facts.toml").write_text(fact, encoding="utf-8")
    (tmp_path / "xx.toml").write_text(pack(row(applies='{ fact = "org.club", is = true }')), encoding="utf-8")
    assert "XX-1" in {policy.id for policy in load_policies(tmp_path).in_force(TODAY)}


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """Mistakes of all kinds, in several files, are named in one refusal, each with file, policy, field and fix."""
    mistakes = refused(
        tmp_path,
        broken="[[policy]\n",
        empty='instrument = "An act"\ncolour = "red"\n',
        facts='[[fact]]\nkey = "org.roles"\ntype = "bool"\nwho = "org"\nquestion = "Which ones?"\n',
        xx=pack(
            row(id='"lower-1"', titel='"x"', trigger='"awarenes"', applies='{ fact = "incident.personal", is = true }'),
            row(id='"XX-2"', title="", period='{ n = "72", unit = "hours" }', citation='" "'),
            row(id='"XX-3"', rule='"eu_days_1182"', follow_ups='["XX-9"]', status="{}"),
            row(id='"XX-4"', inactive_because='"I would rather not"', trigger=""),
            row(id='"XX-5"', period=""),
            row(id='"XX-6"', trigger='"prior_report_submitted"', rule='"us_sec_business_days"'),
            row(id='"XX-6"', status='{ period = ["MEMORY"], trigger = ["TEXT"], in_force = ["TEXT"] }'),
            row(
                id='"XX-7"',
                applies='{ fact = "org.serves", is = true }',
                in_force="{ from = 2026-02-02, until = 2026-02-02 }",
            ),
            row(
                id='"XX-8"',
                unless='[{ when = { fact = "incident.x", is = 1 }, words = "w", citation = "c", mark = "MEMORY" }]',
            ),
        ),
    )
    for expected in (
        "broken.toml: it is not TOML:",
        "empty.toml: the key 'colour' is unknown; known: instrument, sources, policy",
        "empty.toml: there is no [[policy]]; add at least one",
        "facts.toml: org.roles: the fact is there already; remove one",
        "xx.toml: lower-1: id: String should match pattern",
        "xx.toml: lower-1: titel: the key 'titel' is unknown (did you mean title?)",
        "xx.toml: lower-1: trigger: 'awarenes' is unknown; write",
        "xx.toml: lower-1: applies: there is no fact 'incident.personal'",
        "xx.toml: XX-2: title: it is missing; add it",
        "xx.toml: XX-2: period.n: Input should be a valid integer; found '72'",
        "xx.toml: XX-2: citation: String should match pattern",
        "xx.toml: XX-3: rule eu_days_1182 cannot count hours; use one of: elapsed, eu_hours",
        "xx.toml: XX-3: inactive_because is missing: its period is not known;",
        "xx.toml: XX-3: follow_ups: there is no policy 'XX-9'",
        "xx.toml: XX-4: inactive_because is given, but status and in_force allow clocks",
        "xx.toml: XX-4: a period with a number needs a trigger; name it",
        "xx.toml: XX-5: period and rule come together",
        "xx.toml: XX-6: rule us_sec_business_days cannot count hours",
        "xx.toml: XX-6: calendar is missing: rule us_sec_business_days needs one",
        "xx.toml: XX-6: it runs from a prior report, but no policy names it in `follow_ups`",
        "xx.toml: XX-6: version '1' is there already",
        "xx.toml: XX-6: inactive_because is missing: its period is known from memory",
        "xx.toml: XX-7: applies: org.serves is of type list, which `is` cannot compare; use `has` or `has_any`",
        "xx.toml: XX-7: in_force ends before it starts",
        "xx.toml: XX-8: the exception 'c' is known from memory; make it a note",
        "xx.toml: XX-8: unless: there is no fact 'incident.x'",
    ):
        assert any(expected in mistake for mistake in mistakes), expected


def test_a_slip_hides_no_other(tmp_path: Path) -> None:
    """A wrong field does not hide what else does not fit together in the same policy."""
    text = pack(row(title="5", rule='"eu_months_1182"', applies='{ fact = "org.role", has = "controller" }'))
    mistakes = "\n".join(refused(tmp_path, xx=text))
    for expected in ("title: Input should be a valid string", "cannot count hours", "did you mean org.roles?"):
        assert expected in mistakes


def test_no_false_alarm_for_a_policy_that_is_wrong_itself(tmp_path: Path) -> None:
    """Naming a policy that is there, but wrong, is no second mistake."""
    second = row(id='"XX-2"', trigger='"prior_report_submitted"', title="5")
    (mistake,) = refused(tmp_path, xx=pack(row(follow_ups='["XX-2"]'), second))
    assert "XX-2: title" in mistake


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that cannot be read is named, not skipped: a rule that silently vanished would be worse."""
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(Refused, match=r"folder.toml: cannot read it"):
        load_policies(tmp_path)
