"""Evidence of a real incident: it holds, anybody can check it, and whatever is done to it is named."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from typer.testing import CliRunner

from tests.ports.told import UNREADABLE, Story, files, seal_again
from tocsin.adapters.evidence import check_evidence, check_letters, write_evidence
from tocsin.adapters.evidence.check_letters import sent_fields, spoken_fields
from tocsin.adapters.evidence.layout import LedgerWave, as_json, as_json_list, ledger_json
from tocsin.adapters.evidence.our_mail import our_mail
from tocsin.adapters.evidence.record import Record
from tocsin.adapters.headers import checked
from tocsin.adapters.outbox import message_bytes
from tocsin.adapters.sendgrid import SendGrid
from tocsin.audit.tree import node_hash
from tocsin.cli import app
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.letter import Letter
from tocsin.domain.values import IncidentId, NoticeId


def load(folder: Path, name: str) -> Any:
    """Return what a JSON file holds."""
    return json.loads((folder / name).read_text())


def store(folder: Path, name: str, value: Any) -> None:
    """Write a JSON file as it was written first."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    (folder / name).write_text(text)


def log_lines(folder: Path) -> list[bytes]:
    """Return the lines of the log, each with its line break."""
    return (folder / "log.jsonl").read_bytes().splitlines(keepends=True)


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the ledger's rows."""
    for wave in load(folder, "ledger.json"):
        yield from wave["rows"]


def found(folder: Path) -> list[tuple[str, int | None, str]]:
    """Return file, entry and words of each finding."""
    return [(finding.file, finding.entry, finding.what) for finding in check_evidence(folder).findings]


def test_it_holds_at_every_step(story: Story) -> None:
    """Evidence written after any act, and of the whole incident, holds: a check never cries wolf."""
    for result in [*story.on_the_way, story.result, check_evidence(story.folder)]:
        assert result.findings == ()
    assert len(story.on_the_way) > 12


def test_only_its_owner_may_read_it(story: Story) -> None:
    """Folders are 0700 and files 0600, whatever the umask."""
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in story.folder.rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
    assert stat.S_IMODE(story.folder.stat().st_mode) == 0o700


def test_the_same_state_gives_the_same_bytes(story: Story, tmp_path: Path) -> None:
    """Writing it twice gives equal files, so that two copies can be compared."""
    write_evidence(story.house.store, story.means, story.incident, tmp_path / "again")

    assert files(tmp_path / "again") == files(story.folder)
    for name in files(story.folder):
        assert (tmp_path / "again" / name).read_bytes() == (story.folder / name).read_bytes(), name


def test_letters_are_the_bytes_that_left(story: Story) -> None:
    """Every mail of the outbox lies in the evidence, byte for byte but for its Date line, and no other does."""
    sent = sorted(path.read_bytes().partition(b"\r\n")[2] for path in story.house.letters())
    kept = sorted(path.read_bytes() for path in (story.folder / "notices").glob("*.eml"))

    assert kept == sent
    # Birch, Cedar's deputy and copy; Dogwood; and the follow-up to all four. Elm was phoned, Cem cannot be written to.
    assert sorted(str(message_from_bytes(mail, policy=SMTP)["To"].addresses[0].addr_spec) for mail in kept) == sorted(
        2 * ["bea@birch.example", "dee@cedar.example", "copy@cedar.example", "dan@dogwood.example"]
    )


def test_the_timeline_tells_everything_once(story: Story) -> None:
    """Every entry of the incident is in the timeline, in the log's order, each act with its person's name."""
    own = [
        json.loads(line) for line in log_lines(story.folder) if json.loads(line).get("incident_id") == story.incident
    ]
    told = load(story.folder, "timeline.json")

    assert [item["entry"] for item in told] == [entry["n"] for entry in own]
    assert {item["who"] for item in told} == {"Asha", "Dara", "Tocsin"}
    assert len([item for item in told if item["act_id"]]) == len(load(story.folder, "acts.json"))
    assert not [item for item in told if "?" in item["what"]], "an entry told without what it holds"


def test_what_people_wrote_cannot_become_markup(story: Story) -> None:
    """A title with markup, and a statement with line breaks, stay one line of words in the Markdown form."""
    text = (story.folder / "timeline.md").read_text()

    assert [line for line in text.splitlines() if line.startswith("#")] == [f"# Incident {story.incident}"]
    assert "<script>" not in text
    assert len([line for line in text.splitlines() if line.startswith("- ")]) == len(
        load(story.folder, "timeline.json")
    )


def test_an_attachment_keeps_its_bytes_and_loses_its_path(story: Story) -> None:
    """An attached file lies under its digest and a safe name; one that no act named is not there."""
    (kept,) = (story.folder / "attachments").iterdir()

    assert kept.read_bytes() == UNREADABLE
    assert kept.name == f"{hashlib.sha256(UNREADABLE).hexdigest()[:16]}-_memory_image_1.bin"


def test_it_can_be_checked_without_us(story: Story) -> None:
    """Root and digests follow from the files by SHA-256 alone, as README.txt says."""
    leaves = [hashlib.sha256(b"\x00" + line.rstrip(b"\n")).digest() for line in log_lines(story.folder)]
    salt = bytes.fromhex((story.folder / "salt.txt").read_text())
    logged = {
        e["data"]["act"]: e["inputs_digest"] for e in map(json.loads, log_lines(story.folder)) if "act" in e["data"]
    }

    left_out = {one["act_id"]: one["act_sha256"] for one in load(story.folder, "omissions.json")}
    assert load(story.folder, "log-head.json")["root"] == merkle_root(leaves).hex()
    for envelope in load(story.folder, "acts.json"):
        act_id, whole = envelope["act"]["act_id"], hashlib.sha256(rfc8785.dumps(envelope)).hexdigest()
        inner = hashlib.sha256(salt).digest() + bytes.fromhex(left_out.get(act_id, whole))
        assert logged[act_id] == hashlib.sha256(inner).hexdigest()
    for row in rows(story.folder):
        if row["letter"]:
            letter = rfc8785.dumps(load(story.folder, row["letter"]))
            assert row["notice"]["letter_sha256"] == hashlib.sha256(letter).hexdigest()


def merkle_root(leaves: list[bytes]) -> bytes:
    """Return the tree hash as RFC 6962, section 2.1 defines it: split at the largest power of two below the size."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(merkle_root(leaves[:split]), merkle_root(leaves[split:]))


def test_sha256sum_agrees(story: Story) -> None:
    """The ordinary tool reads SHA256SUMS."""
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=story.folder, check=True)


def test_any_flipped_byte_is_named(story: Story, copy: Path) -> None:
    """Whichever file has one byte changed, that file is named."""
    for name in files(copy):
        whole = (copy / name).read_bytes()
        middle = len(whole) // 2
        (copy / name).write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        named = {file for file, _, _ in found(copy)}
        assert name in named or name == "SHA256SUMS", name
        assert named, name
        (copy / name).write_bytes(whole)
    assert found(copy) == []


def flip_in_letter(folder: Path) -> tuple[str, int | None]:
    """Change one word of a letter as sent."""
    path = min((folder / "notices").glob("*.eml"))
    path.write_bytes(path.read_bytes().replace(b"incident", b"occasion", 1))
    return path.relative_to(folder).as_posix(), None


def swap_letters(folder: Path) -> tuple[str, int | None]:
    """Put one approved letter in the place of another."""
    one, other = sorted((folder / "notices").glob("*.letter.json"))[:2]
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)
    return one.relative_to(folder).as_posix(), None


def swap_mails(folder: Path) -> tuple[str, int | None]:
    """Put one mail in the place of another."""
    one, other = sorted((folder / "notices").glob("*.eml"))[:2]
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)
    return other.relative_to(folder).as_posix(), None


def blind_copy(folder: Path) -> tuple[str, int | None]:
    """Add a recipient that nobody approved."""
    path = min((folder / "notices").glob("*.eml"))
    path.write_bytes(b"Bcc: mallory@mallory.example\r\n" + path.read_bytes())
    return path.relative_to(folder).as_posix(), None


def take_letter_out(folder: Path) -> tuple[str, int | None]:
    """Remove a mail."""
    path = min((folder / "notices").glob("*.eml"))
    path.unlink()
    return path.relative_to(folder).as_posix(), None


def add_letter(folder: Path) -> tuple[str, int | None]:
    """Add a mail that was never sent."""
    shutil.copy(min((folder / "notices").glob("*.eml")), folder / "notices" / "N-AAAA-AAAA.eml")
    return "notices/N-AAAA-AAAA.eml", None


def own_entry(folder: Path, kind: str) -> int:
    """Return the number of the incident's first entry of a kind."""
    incident_id = load(folder, "incident.json")["incident_id"]
    entries = map(json.loads, log_lines(folder))
    return next(int(e["n"]) for e in entries if e["kind"] == kind and e.get("incident_id") == incident_id)


def last_entry(folder: Path, kind: str) -> int:
    """Return the number of the incident's last entry of a kind."""
    incident_id = load(folder, "incident.json")["incident_id"]
    entries = map(json.loads, log_lines(folder))
    return max(int(e["n"]) for e in entries if e["kind"] == kind and e.get("incident_id") == incident_id)


def notice_entry(folder: Path, notice_id: str) -> int:
    """Return the number of a notice's first entry."""
    entries = map(json.loads, log_lines(folder))
    return next(int(e["n"]) for e in entries if e["data"].get("notice") == notice_id)


def remove_entry(folder: Path) -> tuple[str, int | None]:
    """Take an entry out of the log."""
    number = own_entry(folder, "act.hold")
    lines = log_lines(folder)
    (folder / "log.jsonl").write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    return "log.jsonl", number


def change_entry(folder: Path) -> tuple[str, int | None]:
    """Change when something happened, in the log itself."""
    number = own_entry(folder, "act.confirm")
    lines = log_lines(folder)
    lines[number] = lines[number].replace(b'"at":"20', b'"at":"19', 1)
    (folder / "log.jsonl").write_bytes(b"".join(lines))
    return "log.jsonl", number


def reorder_entries(folder: Path) -> tuple[str, int | None]:
    """Let the lifting come before the hold."""
    hold, lift = own_entry(folder, "act.hold"), own_entry(folder, "act.lift")
    lines = log_lines(folder)
    lines[hold], lines[lift] = lines[lift], lines[hold]
    (folder / "log.jsonl").write_bytes(b"".join(lines))
    return "log.jsonl", hold


def cut_tail(folder: Path) -> tuple[str, int | None]:
    """Cut the last three entries off."""
    lines = log_lines(folder)
    (folder / "log.jsonl").write_bytes(b"".join(lines[:-3]))
    return "log.jsonl", len(lines) - 3


def edit_act(folder: Path) -> tuple[str, int | None]:
    """Let Dara have confirmed what Asha confirmed."""
    acts = load(folder, "acts.json")
    confirm = next(envelope["act"] for envelope in acts if envelope["act"]["deed"]["kind"] == "confirm")
    confirm["actor"]["name"] = "Dara"
    store(folder, "acts.json", acts)
    return "acts.json", own_entry(folder, "act.confirm")


def hide_act(folder: Path) -> tuple[str, int | None]:
    """Take the hold's act out."""
    acts = load(folder, "acts.json")
    store(folder, "acts.json", [envelope for envelope in acts if envelope["act"]["deed"]["kind"] != "hold"])
    return "acts.json", own_entry(folder, "act.hold")


def double_act(folder: Path) -> tuple[str, int | None]:
    """Show a forged act before the true one of the same id."""
    acts = load(folder, "acts.json")
    store(folder, "acts.json", [{**acts[0], "act": {**acts[0]["act"], "at": "2026-01-01T00:00:00Z"}}, *acts])
    return "acts.json", None


def add_act(folder: Path) -> tuple[str, int | None]:
    """Add an act that never was."""
    acts = load(folder, "acts.json")
    store(folder, "acts.json", [*acts, {**acts[0], "act": {**acts[0]["act"], "act_id": "act-forged"}}])
    return "acts.json", None


def edit_facts(folder: Path) -> tuple[str, int | None]:
    """Make it smaller than it was."""
    store(folder, "facts.json", load(folder, "facts.json") | {"people_affected": 12})
    return "facts.json", None


def edit_trigger(folder: Path) -> tuple[str, int | None]:
    """Become aware later."""
    incident = load(folder, "incident.json")
    incident["triggers"]["awareness"]["at"] = datetime.now(UTC).isoformat()
    store(folder, "incident.json", incident)
    return "incident.json", None


def pretend_told(folder: Path) -> tuple[str, int | None]:
    """Say that a deputy who was never needed was told."""
    waves = load(folder, "ledger.json")
    row = next(row for wave in waves for row in wave["rows"] if row["notice"]["state"] in {"replaced", "drafted"})
    row["notice"]["state"] = "accepted"
    store(folder, "ledger.json", waves)
    return "ledger.json", None


def edit_digest(folder: Path) -> tuple[str, int | None]:
    """Give a row another letter's digest."""
    waves = load(folder, "ledger.json")
    row = next(row for wave in waves for row in wave["rows"] if row["notice"]["state"] == "accepted")
    row["notice"]["letter_sha256"] = "0" * 64
    store(folder, "ledger.json", waves)
    return "ledger.json", notice_entry(folder, row["notice"]["notice_id"])


def hide_row(folder: Path) -> tuple[str, int | None]:
    """Take out a recipient."""
    waves = load(folder, "ledger.json")
    (birch,) = (row for row in waves[0]["rows"] if row["reference"] == "BIRCH-1")
    waves[0]["rows"].remove(birch)
    store(folder, "ledger.json", waves)
    return "ledger.json", notice_entry(folder, birch["notice"]["notice_id"])


def edit_recipient(folder: Path) -> tuple[str, int | None]:
    """Say that another address was written to."""
    waves = load(folder, "ledger.json")
    next(row for wave in waves for row in wave["rows"] if row["letter"])["recipient_address"] = "m@mallory.example"
    store(folder, "ledger.json", waves)
    return "ledger.json", None


def edit_deadline(folder: Path) -> tuple[str, int | None]:
    """Move the deadline that was missed."""
    duties = load(folder, "duties.json")
    duty = next(record["duty"] for record in duties if record["duty"]["late"])
    duty["deadline_at"] = duty["target_at"] = "2099-01-01T00:00:00Z"
    store(folder, "duties.json", duties)
    return "duties.json", None


def not_late(folder: Path) -> tuple[str, int | None]:
    """Say that what was late was not."""
    duties = load(folder, "duties.json")
    next(record["duty"] for record in duties if record["duty"]["late"])["late"] = False
    store(folder, "duties.json", duties)
    return "duties.json", None


def ended_sooner(folder: Path) -> tuple[str, int | None]:
    """Let a duty have ended before its notice left."""
    duties = load(folder, "duties.json")
    duty = next(record["duty"] for record in duties if record["duty"]["late"])
    duty |= {"ended_at": "2026-01-01T00:00:00Z", "late": False}
    store(folder, "duties.json", duties)
    return "duties.json", None


def hide_duty(folder: Path) -> tuple[str, int | None]:
    """Take the late duty out."""
    duties = load(folder, "duties.json")
    store(folder, "duties.json", [record for record in duties if not record["duty"]["late"]])
    return "clocks.json", None


def without_proof(folder: Path) -> tuple[str, int | None]:
    """Discharge a duty by nothing."""
    duties = load(folder, "duties.json")
    next(record["duty"] for record in duties if record["duty"]["proved_by"])["proved_by"] = None
    store(folder, "duties.json", duties)
    return "duties.json", None


def hide_clock(folder: Path) -> tuple[str, int | None]:
    """Take the missed clock out."""
    clocks = load(folder, "clocks.json")
    store(folder, "clocks.json", [row for row in clocks if not row["late"]])
    return "clocks.json", own_entry(folder, "duties.resolved")


def edit_hold(folder: Path) -> tuple[str, int | None]:
    """Let another authority have ordered it."""
    holds = load(folder, "holds.json")
    holds[0]["issuer"] = "Mallory"
    store(folder, "holds.json", holds)
    return "holds.json", None


def edit_task(folder: Path) -> tuple[str, int | None]:
    """Let the phone call have gone another way."""
    tasks = load(folder, "tasks.json")
    next(task for task in tasks if task["state"] == "done")["outcome"] = "nobody answered"
    store(folder, "tasks.json", tasks)
    return "tasks.json", None


def edit_attachment(folder: Path) -> tuple[str, int | None]:
    """Change the attached file."""
    (path,) = (folder / "attachments").iterdir()
    path.write_bytes(b"harmless")
    return path.relative_to(folder).as_posix(), None


def duty_field(name: str, value: Any) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of one field of every contract's duty."""

    def forge(folder: Path) -> tuple[str, int | None]:
        duties = load(folder, "duties.json")
        for record in duties:
            if record["duty"]["agreement_id"]:
                record["duty"][name] = value(record["duty"][name]) if callable(value) else value
        store(folder, "duties.json", duties)
        return "duties.json", last_entry(folder, "duties.resolved")

    forge.__name__ = f"duty_{name}"
    return forge


def duty_record(name: str, value: str) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of whom a duty is owed to."""

    def forge(folder: Path) -> tuple[str, int | None]:
        duties = load(folder, "duties.json")
        next(record for record in duties if record["party"])[name] = value
        store(folder, "duties.json", duties)
        return "duties.json", None

    forge.__name__ = f"duty_record_{name}"
    return forge


def duty_proof(folder: Path) -> tuple[str, int | None]:
    """Let a duty have been discharged by more than the log says."""
    duties = load(folder, "duties.json")
    duty = next(record["duty"] for record in duties if record["duty"]["proved_by"])
    duty["proof"] = duty["proof"].replace("accepted", "acknowledged").replace("told_by_hand", "acknowledged")
    store(folder, "duties.json", duties)
    return "duties.json", None


def decided_otherwise(folder: Path) -> tuple[str, int | None]:
    """Let the report have been dismissed."""
    duties = load(folder, "duties.json")
    next(r["duty"] for r in duties if r["duty"]["rule_id"] == "internal:decide")["proof"] = "decided by Mallory"
    store(folder, "duties.json", duties)
    return "duties.json", None


def row_field(name: str, value: Any) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of one field of the ledger's rows whose letters left."""

    def forge(folder: Path) -> tuple[str, int | None]:
        waves = load(folder, "ledger.json")
        for row in (row for wave in waves for row in wave["rows"] if row["letter"]):
            (row["notice"] if name in row["notice"] else row)[name] = value
        store(folder, "ledger.json", waves)
        entry = None
        if name == "settled_at":
            entry = last_entry(folder, "notice.accepted")
        return "ledger.json", entry

    forge.__name__ = f"row_{name}"
    return forge


def wave_field(name: str, value: Any, kind: str | None = None) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of one field of the ledger's first wave; the finding names the first entry of `kind`."""

    def forge(folder: Path) -> tuple[str, int | None]:
        waves = load(folder, "ledger.json")
        waves[0]["wave"][name] = value
        store(folder, "ledger.json", waves)
        return "ledger.json", own_entry(folder, kind) if kind else None

    forge.__name__ = f"wave_{name}"
    return forge


def incident_wave(name: str, value: Any) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of one field of a wave that the incident remembers."""

    def forge(folder: Path) -> tuple[str, int | None]:
        incident = load(folder, "incident.json")
        for wave in incident["waves"].values():
            wave[name] = value
        store(folder, "incident.json", incident)
        return "incident.json", None

    forge.__name__ = f"incident_wave_{name}"
    return forge


def audience_unknown(folder: Path) -> tuple[str, int | None]:
    """Let nobody have known who is affected."""
    store(folder, "incident.json", load(folder, "incident.json") | {"audience_known": False})
    return "incident.json", None


def clock_field(name: str, value: Any) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of one field of every clock, and of how it ended."""

    def forge(folder: Path) -> tuple[str, int | None]:
        clocks = load(folder, "clocks.json")
        for row in clocks:
            (row["spec"] if name in row["spec"] else row)[name] = value
        store(folder, "clocks.json", clocks)
        return "clocks.json", None

    forge.__name__ = f"clock_{name}"
    return forge


def hold_field(name: str) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of one instant of the hold."""

    def forge(folder: Path) -> tuple[str, int | None]:
        holds = load(folder, "holds.json")
        holds[0][name] = "2026-01-01T00:00:00Z"
        store(folder, "holds.json", holds)
        return "holds.json", None

    forge.__name__ = f"hold_{name}"
    return forge


def task_field(name: str, value: str) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of the task by which a notice was delivered."""

    def forge(folder: Path) -> tuple[str, int | None]:
        tasks = load(folder, "tasks.json")
        next(task for task in tasks if task["notice_id"])[name] = value
        store(folder, "tasks.json", tasks)
        return "tasks.json", None

    forge.__name__ = f"task_{name}"
    return forge


def timeline_field(name: str, value: Any) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of one field of the timeline's item of the confirmation."""

    def forge(folder: Path) -> tuple[str, int | None]:
        items = load(folder, "timeline.json")
        next(item for item in items if item["kind"] == "act.confirm")[name] = value
        store(folder, "timeline.json", items)
        return "timeline.json", own_entry(folder, "act.confirm")

    forge.__name__ = f"timeline_{name}"
    return forge


def words(name: str, old: str, new: str) -> Callable[[Path], tuple[str, int | None]]:
    """Return the forgery of a file of words, as `sed` does it."""

    def forge(folder: Path) -> tuple[str, int | None]:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
        return name, None

    forge.__name__ = f"words_of_{name}"
    return forge


def add_file(folder: Path) -> tuple[str, int | None]:
    """Lay a file beside the others."""
    (folder / "statement.txt").write_text("Mallory was told in time.")
    return "statement.txt", None


def drop_timeline_item(folder: Path) -> tuple[str, int | None]:
    """Leave the hold out of the timeline."""
    items = load(folder, "timeline.json")
    store(folder, "timeline.json", [item for item in items if item["kind"] != "act.hold"])
    return "timeline.json", own_entry(folder, "act.hold")


def link_out(folder: Path) -> tuple[str, int | None]:
    """Let a file be a link to somewhere else."""
    path = min((folder / "notices").glob("*.eml"))
    shutil.move(path, folder.parent / "elsewhere.eml")
    path.symlink_to(folder.parent / "elsewhere.eml")
    return path.relative_to(folder).as_posix(), None


def misshape(folder: Path) -> tuple[str, int | None]:
    """Make a file unreadable as what it is."""
    (folder / "ledger.json").write_text('[{"wave": 1}]')
    return "ledger.json", None


TAMPERING = [
    flip_in_letter, swap_letters, swap_mails, blind_copy, take_letter_out, add_letter,
    remove_entry, change_entry, reorder_entries, cut_tail,
    edit_act, hide_act, double_act, add_act, edit_facts, edit_trigger,
    pretend_told, edit_digest, hide_row, edit_recipient,
    edit_deadline, not_late, ended_sooner, hide_duty, without_proof, hide_clock,
    edit_hold, edit_task, edit_attachment, drop_timeline_item, link_out, misshape,
    duty_field("agreement_id", "agr-mallory"), duty_field("party_id", "pty-mallory"),
    duty_field("trigger_at", "2026-01-01T00:00:00Z"), duty_field("rule_id", "contract:never"),
    duty_field("citation", "nothing"), duty_field("because", "nothing"),
    duty_field("computation", lambda whole: whole | {"steps": ["by hand"]}),
    duty_field("computation", lambda whole: whole | {"inputs": {}}),
    duty_record("party", "Mallory"), duty_record("reference", "MALLORY-1"), duty_proof, decided_otherwise,
    row_field("party", "Mallory"), row_field("reference", "MALLORY-1"), row_field("settled_at", "2026-01-01T00:00:00Z"),
    row_field("message_id", "<ntc-x@mallory.example>"), row_field("number", "N-AAAA-AAAA"),
    row_field("duty_ids", ["dty-x"]), hold_field("lifted_at"), hold_field("placed_at"),
    wave_field("released_at", "2026-01-01T00:00:00Z"), wave_field("drafted_at", "2026-01-01T00:00:00Z", "act.draft"),
    wave_field("drafter", "mallory", "act.draft"), wave_field("stopped", True), wave_field("rows", 1),
    wave_field("ended_at", "2026-01-01T00:00:00Z", "wave.ended"), wave_field("kind", "final", "act.draft"),
    wave_field("previous", "wav-x"),
    incident_wave("drafter", "mallory"), incident_wave("digest", "0" * 64), incident_wave("released", False),
    incident_wave("stopped", True), incident_wave("rows", 1), audience_unknown,
    clock_field("title", "Mallory"), clock_field("trigger_at", "2026-01-01T00:00:00Z"),
    clock_field("ended_at", "2026-01-01T00:00:00Z"), clock_field("outcome", "withdrawn"),
    task_field("title", "Nothing"), task_field("owner", "mallory"),
    timeline_field("what", "confirmed nothing"), timeline_field("authenticated", "a passkey"),
    timeline_field("inputs", {}), timeline_field("who", "Mallory"),
    words("timeline.md", "Asha", "Mallory"), words("verification.txt", "holds", "fails"),
    words("README.txt", "not advice", "advice"), add_file,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
def test_tampering_is_named(copy: Path, tamper: Callable[[Path], tuple[str, int | None]]) -> None:
    """The digests show a change; and whoever writes them anew is found all the same, by file and log entry."""
    file, entry = tamper(copy)
    assert check_evidence(copy).checks[0].findings

    seal_again(copy)
    assert (file, entry) in [(named, number) for named, number, _ in found(copy)]


def test_another_version_compares_all_but_words(copy: Path) -> None:
    """A pack that another version wrote holds, and says so; what is no matter of words is compared all the same."""
    text, count = re.subn(
        r"^Written by .*$", "Written by Tocsin 0.0.1.", (copy / "README.txt").read_text(), flags=re.MULTILINE
    )
    assert count == 1
    (copy / "README.txt").write_text(text)
    items = load(copy, "timeline.json")
    items[0]["what"] = "told in other words"
    store(copy, "timeline.json", items)
    seal_again(copy)
    assert {file for file, _, _ in found(copy)} == {"SHA256SUMS.sig"}
    said = [words for check in check_evidence(copy).checks for words in check.proves]
    assert sum("another version of Tocsin wrote this pack" in words for words in said) == 2

    items[1]["at"] = "2026-01-01T00:00:00Z"
    store(copy, "timeline.json", items)
    (copy / "README.txt").write_text(text.replace("entries, root ", "entries, root f"))
    seal_again(copy)
    assert {file for file, _, _ in found(copy)} == {"SHA256SUMS.sig", "timeline.json", "README.txt"}


def test_a_rewritten_log_does_not_go_on_from_a_noted_head(story: Story, copy: Path) -> None:
    """A head noted earlier holds against the grown log, and shows a cut tail even if the head was written anew."""
    earlier = story.on_the_way[3]
    assert check_evidence(copy, (earlier.size, earlier.root)).holds
    assert check_evidence(copy, (earlier.size, "0" * 64)).findings[0].file == "log.jsonl"

    whole = check_evidence(copy)
    shutil.rmtree(copy)
    shutil.copytree(story.folder.parent / "on-the-way" / "03", copy)
    (finding,) = check_evidence(copy, (whole.size, whole.root)).findings
    assert (finding.file, finding.entry) == ("log.jsonl", earlier.size)


def test_a_request_to_sendgrid_is_checked_as_a_mail_is(copy: Path) -> None:
    """The body that SendGrid was given must say what the letter says, to its recipient and nobody else."""
    waves = load(copy, "ledger.json")
    row = next(row for wave in waves for row in wave["rows"] if row["as_sent"])
    letter = Letter.model_validate(load(copy, row["letter"]))
    (copy / row["as_sent"]).unlink()
    row["as_sent"] = row["as_sent"].replace(".eml", ".json")
    store(copy, "ledger.json", waves)
    body = json.loads(SendGrid(SecretStr("SG.key"), "https://api.sendgrid.com").prepare(letter))
    assert named_after(copy, row["as_sent"], body) == []

    body["personalizations"][0]["bcc"] = [{"email": "mallory@mallory.example"}]
    assert named_after(copy, row["as_sent"], body) == [row["as_sent"]]
    del body["personalizations"][0]["bcc"]
    body["content"][0]["value"] += " Nothing happened."
    assert named_after(copy, row["as_sent"], body) == [row["as_sent"]]
    assert named_after(copy, row["as_sent"], ["no request"]) == [row["as_sent"]]


def named_after(folder: Path, name: str, body: Any) -> list[str]:
    """Return the files that are named once this is what was sent."""
    (folder / name).write_text(json.dumps(body))
    seal_again(folder)
    return [file for file, _, _ in found(folder) if file != "SHA256SUMS.sig"]


NAMES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=80)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


@settings(deadline=None)
@given(NAMES, NAMES, WORDS, WORDS)
def test_an_untouched_mail_never_seems_touched(name: str, subject: str, text: str, html: str) -> None:
    """Whatever the words of a letter, encoding it as a mail and reading it back finds no difference."""
    letter = checked(a_letter(name, subject, text, html))

    assert sent_fields(message_bytes(letter), is_mail=True) == spoken_fields(letter, is_mail=True)


PLAIN = ("Beth Birch", "Notice N-1 under agreement BIRCH-17", "Dear Beth, déjà vu = 1\n", "<p>Dear Beth</p>")
TOUCHED = {
    "a blind copy": (b"\r\nSubject:", b"\r\nBcc: mallory@mallory.example\r\nSubject:"),
    "a header that stands twice": (b"\r\nSubject:", b"\r\nTo: Mallory <mallory@mallory.example>\r\nSubject:"),
    "a second recipient": (b"<privacy@birch.example>", b"<privacy@birch.example>, Mallory <m@mallory.example>"),
    "an encoded subject": (b"Subject: Notice", b"Subject: =?utf-8?q?Not_a?= Notice"),
    "another word": (b"Dear Beth,", b"Dear Carl,"),
    "a preamble": (b"\r\n\r\n--=_", b"\r\n\r\nRead this first.\r\n--=_"),
    "another encoding": (b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: 7bit"),
    "a file in the place of the text": (b"Content-Type: text/plain", b"Content-Type: application/pdf"),
}


def test_the_quick_reading_of_a_mail_says_what_the_parser_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail of our own form, and each way to touch it, reads the same whether Python's parser reads it or we do."""
    letter = checked(a_letter(*PLAIN))
    ours = message_bytes(letter)
    mails = [ours, *(ours.replace(old, new, 1) for old, new in TOUCHED.values())]
    assert our_mail(ours) is not None
    assert len(set(mails)) == len(TOUCHED) + 1
    quickly = [sent_fields(mail, is_mail=True) for mail in mails]
    monkeypatch.setattr(check_letters, "our_mail", lambda sent: None)

    assert quickly == [sent_fields(mail, is_mail=True) for mail in mails]
    assert quickly[0] == spoken_fields(letter, is_mail=True)
    for name, fields in zip(TOUCHED, quickly[1:], strict=True):
        assert fields != spoken_fields(letter, is_mail=True), name


def test_a_list_that_is_written_value_by_value_is_the_same_json(story: Story) -> None:
    """Streaming gives the very bytes of writing at once, for no value, one, and waves with and without rows."""
    with story.house.store.reading() as tx:
        record = Record(tx, story.incident)
        whole = [LedgerWave(wave=held.wave, rows=tuple(held.rows)) for held in record.ledger]
        told = list(record.duties)
    bare = [held.model_copy(update={"rows": ()}) for held in whole]
    for ledger in ([], whole, bare):
        assert b"".join(ledger_json(ledger)) == as_json(ledger)
    for duties in ([], told[:1], told):
        assert b"".join(as_json_list(duties)) == as_json(duties)


def a_letter(name: str, subject: str, text: str, html: str) -> Letter:
    """Return a letter of these words."""
    return Letter(
        from_name="Incident desk",
        from_address="desk@processor.example",
        reply_to=None,
        to_name=name,
        to_address="privacy@birch.example",
        subject=subject,
        text=text,
        html=html,
        language="en",
        message_id="<ntc-1@processor.example>",
        in_reply_to="<ntc-0@processor.example>",
        notice_number="N-1",
        notice_id=NoticeId("ntc-1"),
    )


def test_evidence_is_never_mixed_with_anything(story: Story, tmp_path: Path) -> None:
    """A target that is not empty, a file or a link is refused with the fix, and stays as it is."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for target in (tmp_path / "taken", tmp_path / "taken" / "mine.txt", tmp_path / "link"):
        with pytest.raises(Refused, match="-o"):
            write_evidence(story.house.store, story.means, story.incident, target)

    assert files(tmp_path) == ["taken/mine.txt"]


def test_an_empty_folder_is_taken(story: Story, tmp_path: Path) -> None:
    """A folder that is there and empty becomes the evidence."""
    (tmp_path / "empty").mkdir()

    assert write_evidence(story.house.store, story.means, story.incident, tmp_path / "empty").holds
    assert check_evidence(tmp_path / "empty").holds


class Forgetful:
    """A sealer whose key of the incident is gone."""

    def salt(self, incident_id: IncidentId) -> bytes:
        """Raise Broken."""
        raise Broken(f"the key of incident {incident_id} was destroyed")


def test_a_failure_leaves_nothing(story: Story, tmp_path: Path) -> None:
    """When something fails on the way, neither the folder nor a part of it is left behind."""
    sealer: Any = Forgetful()
    with pytest.raises(Broken, match="destroyed"):
        write_evidence(story.house.store, story.means._replace(sealer=sealer), story.incident, tmp_path / "evidence")
    with pytest.raises(Refused, match="there is no incident inc-none"):
        write_evidence(story.house.store, story.means, IncidentId("inc-none"), tmp_path / "evidence")

    assert list(tmp_path.iterdir()) == []


def test_the_commands(story: Story, tmp_path: Path) -> None:
    """`evidence` writes the folder; `verify` needs nothing but the folder, and fails naming what does not hold."""
    folder, runner = tmp_path / "evidence", CliRunner(env={"TOCSIN_HOME": str(story.house.home)})
    written = runner.invoke(app, ["evidence", story.incident, "-o", str(folder)])
    assert "no histories: cannot reach the engine" in written.output
    there = [name for name in files(story.folder) if not name.startswith("history/")]
    assert (written.exit_code, files(folder)) == (0, there), written.output
    head = f"{story.result.size}:{story.result.root}"
    verified = runner.invoke(app, ["verify", str(folder), "--head", head, "--json"])
    assert json.loads(verified.stdout)["holds"] is True
    assert runner.invoke(app, ["verify", str(folder), "--head", "12"]).exit_code == 2

    flip_in_letter(folder)
    command = [sys.executable, "-m", "tocsin.cli", "verify", str(folder)]
    failed = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False)
    assert failed.returncode == 1
    assert "does not hold: notices/N-" in failed.stderr
    assert "FAILS  every file is as it was written" in failed.stdout
