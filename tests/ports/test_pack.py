"""The pack as one file, and its two verifiers: whatever is done to a pack, both of them name it."""

import base64
import hashlib
import json
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from rfc3161_client import TimestampRequestBuilder
from typer.testing import CliRunner

from tests.ports.authority import timestamp_authority
from tests.ports.pdf_text import text_of
from tests.ports.told import PLAIN, Story, files, seal_again
from tocsin.adapters.evidence import VERIFIER, check_evidence, standalone, write_evidence
from tocsin.adapters.evidence.archive import unpacked, zipped
from tocsin.adapters.evidence.sign import LogSigner, as_pem
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.audit.checkpoint import fingerprint
from tocsin.audit.tree import Frontier
from tocsin.cli import app
from tocsin.domain.errors import Refused


class Verdicts(NamedTuple):
    """The files that each verifier names."""

    full: set[str]
    alone: set[str]


def key_of(story: Story) -> str:
    """Return the fingerprint that the installation publishes."""
    return LogSigner(story.house.keyring).fingerprint


def verdicts(pack: Path, key: str | None = None) -> Verdicts:
    """Ask both verifiers about a pack."""
    faults = [fault for _, found in standalone.verify(pack, key) for fault in found]
    return Verdicts({finding.file for finding in check_evidence(pack, key=key).findings}, {file for file, _ in faults})


@pytest.fixture(scope="module")
def pack(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence as one file."""
    target = tmp_path_factory.mktemp("pack") / "pack.zip"
    assert write_evidence(story.house.store, story.means, story.incident, target).holds
    return target


def test_both_verifiers_find_that_it_holds(story: Story, pack: Path) -> None:
    """An untouched pack holds, as one file and as a folder, with the key compared and without."""
    for target in (pack, story.folder):
        for key in (None, key_of(story)):
            assert verdicts(target, key) == (set(), set())


def test_it_appears_whole_and_for_its_owner_only(story: Story, pack: Path) -> None:
    """The file is 0600, nothing lies beside it, and it is never written over anything."""
    assert stat.S_IMODE(pack.stat().st_mode) == 0o600
    assert [path.name for path in pack.parent.iterdir()] == ["pack.zip"]
    whole = pack.read_bytes()
    with pytest.raises(Refused, match="there already"):
        write_evidence(story.house.store, story.means, story.incident, pack)
    assert pack.read_bytes() == whole


def test_the_same_incident_gives_the_same_file(story: Story, pack: Path, tmp_path: Path) -> None:
    """Written twice it is the same bytes: no time of writing, no order of a disk is in it."""
    write_evidence(story.house.store, story.means, story.incident, tmp_path / "again.zip")

    assert (tmp_path / "again.zip").read_bytes() == pack.read_bytes()


def test_it_holds_what_the_folder_holds(story: Story, pack: Path) -> None:
    """The zip has exactly the files of the folder."""
    with zipfile.ZipFile(pack) as opened:
        assert sorted(opened.namelist()) == files(story.folder)
        assert all(opened.read(name) == (story.folder / name).read_bytes() for name in opened.namelist())


def test_the_law_and_the_agreements_in_force_are_there(story: Story) -> None:
    """Every agreement that duties name is there with its versions, and the law that the incident is pinned to."""
    law = json.loads((story.folder / "law.json").read_text())
    assert "EU-GDPR-33-1" in {policy["id"] for policy in law["policies"]}
    agreements = {one["agreement_id"]: one for one in json.loads((story.folder / "agreements.json").read_text())}
    duties = [record["duty"] for record in json.loads((story.folder / "duties.json").read_text())]

    assert {duty["agreement_id"] for duty in duties if duty["agreement_id"]} <= agreements.keys()
    assert {one["reference"] for one in agreements.values()} >= {"BIRCH-1", "CEDAR-1", "ELM-1", "DOGWOOD-1"}


def test_openssl_checks_the_signature(story: Story, copy: Path) -> None:
    """The commands that README.txt prints work as they stand, and say the published fingerprint."""
    text = (copy / "README.txt").read_text()
    shown, verified = re.findall(r"^ *-? *(openssl pkey.*)$", text, re.MULTILINE)

    said = subprocess.run(shown, shell=True, cwd=copy, capture_output=True, text=True, check=True)  # noqa: S602
    assert said.stdout.split()[0] == key_of(story)
    assert "Verified Successfully" in told(verified, copy)
    (copy / "SHA256SUMS").write_bytes((copy / "SHA256SUMS").read_bytes() + b"\n")
    assert "Verification Failure" in told(verified, copy)


def told(command: str, folder: Path) -> str:
    """Return what a command of the README says."""
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False).stdout  # noqa: S602


def test_the_verifier_needs_nothing_but_python(story: Story, copy: Path, pack: Path, tmp_path: Path) -> None:
    """verify.py runs isolated, without Tocsin or any package, on the folder it lies in and on the zip."""
    assert (copy / "verify.py").read_bytes() == VERIFIER
    lonely = shutil.copy(copy / "verify.py", tmp_path / "verify.py")
    for arguments in ([str(copy / "verify.py")], [str(lonely), str(pack)], [str(lonely), str(copy)]):
        ran = alone([*arguments, "--key", key_of(story)])
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
        assert ran.stdout.count("holds  ") == 11
        assert ran.stdout.rstrip().endswith("Everything holds.")
    assert files(copy) == files(story.folder), "it wrote something"


def alone(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the verifier as an auditor does, with no packages and no environment."""
    command = [sys.executable, "-I", "-S", "-B", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={})


def test_a_flipped_byte_in_any_file_is_named(story: Story, copy: Path) -> None:
    """Whichever file has one byte changed, both verifiers name it; of the digests, one of the two."""
    sealing = {"SHA256SUMS", "SHA256SUMS.sig"}
    for name in files(copy):
        whole = (copy / name).read_bytes()
        middle = len(whole) // 2
        (copy / name).write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        for named in verdicts(copy, key_of(story)):
            assert named & (sealing if name in sealing else {name}), name
        (copy / name).write_bytes(whole)
    assert verdicts(copy, key_of(story)) == (set(), set())


def test_a_flipped_byte_of_the_zip_is_found(story: Story, pack: Path, tmp_path: Path) -> None:
    """A zip with one byte changed, anywhere, never holds in either verifier."""
    whole = pack.read_bytes()
    for at in range(40, len(whole), len(whole) // 60):
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert not alone_holds(damaged, key_of(story)) or content(damaged) == content(pack), at
        assert not full_holds(damaged, key_of(story)) or content(damaged) == content(pack), at


def content(pack: Path) -> dict[str, bytes]:
    """Return a zip's files: some of its bytes, as the time of a file, say nothing."""
    with zipfile.ZipFile(pack) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def alone_holds(pack: Path, key: str | None = None) -> bool:
    """Say whether the verifier without Tocsin finds that a pack holds."""
    try:
        return not [fault for _, found in standalone.verify(pack, key) for fault in found]
    except standalone.NoPackError:
        return False


def full_holds(pack: Path, key: str | None = None) -> bool:
    """Say whether `tocsin verify` finds that a pack holds."""
    try:
        return check_evidence(pack, key=key).holds
    except Refused:
        return False


# -- what somebody may do to a pack, and writes the digests anew; each returns the file that must be named ------------


def removed(folder: Path) -> str:
    """Take a mail out."""
    path = min((folder / "notices").glob("*.eml"))
    path.unlink()
    return path.relative_to(folder).as_posix()


def added(folder: Path) -> str:
    """Add a file."""
    (folder / "notices" / "N-AAAA-AAAA.eml").write_bytes(b"From: mallory@mallory.example\r\n\r\n")
    return "notices/N-AAAA-AAAA.eml"


def cut_tail(folder: Path) -> str:
    """Cut the log's last three entries off."""
    lines = (folder / "log.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "log.jsonl").write_bytes(b"".join(lines[:-3]))
    return "log.jsonl"


def swapped_letters(folder: Path) -> str:
    """Put one approved letter in the place of another."""
    return _swapped(folder, "*.letter.json")


def swapped_mails(folder: Path) -> str:
    """Put one mail in the place of another."""
    return _swapped(folder, "*.eml")


def _swapped(folder: Path, kind: str) -> str:
    one, other = sorted((folder / "notices").glob(kind))[:2]
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)
    return one.relative_to(folder).as_posix()


def edited_entry(folder: Path) -> str:
    """Change when something happened, in the log."""
    lines = (folder / "log.jsonl").read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b'"at":"20', b'"at":"19', 1)
    (folder / "log.jsonl").write_bytes(b"".join(lines))
    return "log.jsonl"


def edited_act(folder: Path) -> str:
    """Let another person have acted."""
    text = (folder / "acts.json").read_text()
    (folder / "acts.json").write_text(text.replace('"Dara"', '"Mallory"'))
    return "acts.json"


def edited_deadline(folder: Path) -> str:
    """Move every deadline by a year."""
    text = (folder / "duties.json").read_text()
    (folder / "duties.json").write_text(re.sub(r'"deadline_at": "\d{4}', '"deadline_at": "2099', text))
    return "duties.json"


def moved_receipt(folder: Path) -> str:
    """Give a receipt to another notice."""
    lines = (folder / "receipts.jsonl").read_text().splitlines()
    one, other = json.loads(lines[0]), json.loads(lines[1])
    assert one["receipt"]["notice_id"] != other["receipt"]["notice_id"]
    one["receipt"]["notice_id"] = other["receipt"]["notice_id"]
    (folder / "receipts.jsonl").write_text("\n".join([json.dumps(one), *lines[1:]]) + "\n")
    return "receipts.jsonl"


def hidden_receipt(folder: Path) -> str:
    """Take a receipt out."""
    lines = (folder / "receipts.jsonl").read_text().splitlines(keepends=True)
    (folder / "receipts.jsonl").write_text("".join(lines[1:]))
    return "receipts.jsonl"


def edited_law(folder: Path) -> str:
    """Let a rule have asked for less."""
    text = (folder / "law.json").read_text()
    (folder / "law.json").write_text(text.replace('"n": 72', '"n": 96', 1))
    return "law.json"


def forged_proof(folder: Path) -> str:
    """Change a hash on the way from an entry to the root."""
    text = (folder / "log-proofs.jsonl").read_text()
    (folder / "log-proofs.jsonl").write_text(re.sub(r'"path":\["..', '"path":["00', text, count=1))
    return "log-proofs.jsonl"


def other_checkpoint(folder: Path) -> str:
    """Put the checkpoint of another log in: another root, and so another signature."""
    key = Ed25519PrivateKey.generate()
    signer = _Forger(key)
    size = json.loads((folder / "log-head.json").read_text())["size"]
    (folder / "checkpoint.txt").write_text(
        signer.checkpoint(Frontier().extended([bytes([n % 7]) * 32 for n in range(size)]))
    )
    return "checkpoint.txt"


def _only(folder: Path, kind: str) -> Path:
    (path,) = (folder / "witness").glob(kind)
    return path


def swapped_receipts(folder: Path) -> str:
    """Give one witness's answer as another's."""
    path = _only(folder, "*.http.txt")
    path.write_bytes(_only(folder, "*.tsr").read_bytes())
    return path.relative_to(folder).as_posix()


def other_timestamp(folder: Path) -> str:
    """Let the timestamp be one of another checkpoint, with its digest beside it."""
    note = b"another checkpoint"
    path = _only(folder, "*.tsr")
    query = TimestampRequestBuilder().data(note).build().as_bytes()
    path.write_bytes(timestamp_authority(folder.parent / "mallory-tsa")(query))
    held = json.loads((folder / "witnesses.json").read_text())
    held[-1]["receipt_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "witnesses.json").write_text(json.dumps(held))
    return path.relative_to(folder).as_posix()


def other_witnessed(folder: Path) -> str:
    """Say that witnesses took the checkpoint of another log."""
    path = _only(folder, "*.checkpoint.txt")
    size = int(path.name.partition(".")[0])
    head = Frontier().extended([bytes([n % 5]) * 32 for n in range(size)])
    path.write_text(_Forger(Ed25519PrivateKey.generate()).checkpoint(head))
    return path.relative_to(folder).as_posix()


def hidden_witness(folder: Path) -> str:
    """Take away what a witness answered."""
    path = _only(folder, "*.tsr")
    path.unlink()
    return path.relative_to(folder).as_posix()


def hidden_words(folder: Path) -> str:
    """Take words out of an act, and say that they were privileged."""
    acts = json.loads((folder / "acts.json").read_text())
    confirm = next(one for one in acts if one["act"]["deed"]["kind"] == "confirm")
    whole = hashlib.sha256(rfc8785.dumps(confirm)).hexdigest()
    confirm["act"]["deed"]["statement"] = "[left out: privileged]"
    (folder / "acts.json").write_text(json.dumps(acts, sort_keys=True, indent=1, ensure_ascii=False) + "\n")
    listed = json.loads((folder / "omissions.json").read_text())
    listed.append(listed[-1] | {"act_id": confirm["act"]["act_id"], "act_sha256": whole, "paragraph_sha256": "0" * 64})
    listed[-1]["marked_in"] = confirm["act"]["act_id"]
    (folder / "omissions.json").write_text(json.dumps(listed))
    return "omissions.json"


class _Forger:
    """Signs as somebody else, under the name of any log."""

    def __init__(self, private: Ed25519PrivateKey, origin: str = "tocsin/log-of-mallory") -> None:
        self.private = private
        self.origin = origin

    def checkpoint(self, head: Frontier) -> str:
        return LogNotary(self.origin, self.private, [self.private.public_key()]).sign(head)


TAMPERING: list[Callable[[Path], str]] = [
    removed, added, cut_tail, swapped_letters, swapped_mails, edited_entry, edited_act, edited_deadline, edited_law,
    moved_receipt, hidden_receipt,
    forged_proof, other_checkpoint, swapped_receipts, other_timestamp, other_witnessed, hidden_witness,
    hidden_words,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
def test_tampering_is_named_by_both(story: Story, copy: Path, tmp_path: Path, tamper: Callable[[Path], str]) -> None:
    """Both verifiers name what was changed, and name it again after the digests were written anew."""
    file = tamper(copy)
    zipped(copy, tmp_path / "first.zip")
    assert all(file in named for named in verdicts(tmp_path / "first.zip", key_of(story)))

    seal_again(copy)
    zipped(copy, tmp_path / "second.zip")
    for named in verdicts(tmp_path / "second.zip", key_of(story)):
        assert "SHA256SUMS.sig" in named
        # What was only added is told from the rest by the signature; the standalone verifier knows no list of files.
        assert file in named or tamper is added


@pytest.mark.parametrize(
    "tamper",
    [
        edited_act,
        swapped_letters,
        cut_tail,
        edited_deadline,
        swapped_mails,
        other_checkpoint,
        other_witnessed,
        hidden_words,
    ],
)
def test_even_who_holds_the_key_is_found(story: Story, copy: Path, tamper: Callable[[Path], str]) -> None:
    """A change is named by both verifiers even if digests and signature were made anew with the true key."""
    file = tamper(copy)
    seal_again(copy)
    (copy / "SHA256SUMS.sig").write_bytes(LogSigner(story.house.keyring).sign((copy / "SHA256SUMS").read_bytes()))

    for named in verdicts(copy, key_of(story)):
        assert file in named
        assert "SHA256SUMS.sig" not in named


def test_a_pack_signed_again_with_another_key_is_named(story: Story, copy: Path) -> None:
    """Whoever signs everything anew, checkpoint included, is found by the published fingerprint, and only by it."""
    private = Ed25519PrivateKey.generate()
    origin = (copy / "checkpoint.txt").read_text().partition("\n")[0]
    (copy / "key.pem").write_bytes(as_pem(private.public_key().public_bytes_raw()))
    head = json.loads((copy / "log-head.json").read_text())
    (copy / "checkpoint.txt").write_text(
        _Forger(private, origin).checkpoint(Frontier(size=head["size"], peaks=head["peaks"]))
    )
    seal_again(copy)
    (copy / "SHA256SUMS.sig").write_bytes(private.sign((copy / "SHA256SUMS").read_bytes()))

    assert verdicts(copy) == (set(), set())
    assert verdicts(copy, key_of(story)) == ({"key.pem"}, {"key.pem"})
    ran = alone([str(copy / "verify.py")])
    assert "The key was not compared: give its published fingerprint with --key." in ran.stdout


def test_a_checkpoint_of_another_installation_is_named(story: Story, copy: Path, tmp_path: Path) -> None:
    """The true root, signed by another installation's log under its own name, is no checkpoint of this log."""
    head = json.loads((copy / "log-head.json").read_text())
    other = LogSigner(FileKeyring.create(tmp_path / "keys"))
    (copy / "checkpoint.txt").write_text(other.checkpoint(Frontier(size=head["size"], peaks=head["peaks"])))
    seal_again(copy)

    for named in verdicts(copy, key_of(story)):
        assert "checkpoint.txt" in named


def test_what_is_privileged_is_left_out_and_listed(story: Story, copy: Path) -> None:
    """No file of the pack has a privileged paragraph, histories and report included; each omission is listed."""
    for name in files(copy):
        whole = (copy / name).read_bytes()
        text = text_of(whole) if name == "report.pdf" else whole.decode(errors="replace")
        opened = "".join(_payloads(json.loads(whole))) if name.startswith("history/") else ""
        assert "Quillfeather" not in text + opened, name
    kinds = {one["act"]["act_id"]: one["act"] for one in json.loads((copy / "acts.json").read_text())}
    listed = json.loads((copy / "omissions.json").read_text())
    assert [(kinds[one["act_id"]]["deed"]["kind"], one["marked_by"]) for one in listed] == [
        ("note", "Asha"),
        ("note", "Dara"),
        ("revise", "Asha"),
    ]
    assert all(one["entry"] is not None for one in listed)
    assert json.loads((copy / "facts.json").read_text())["summary"] == f"{PLAIN}\n\n[left out: privileged]"
    said = " ".join(words for check in check_evidence(copy).checks for words in check.proves)
    assert said.count("left out: a paragraph of act") == 3
    letters = [path.read_text() for path in (copy / "notices").glob("*.letter.json")]
    assert any(PLAIN in letter for letter in letters)
    assert not any("left out" in letter for letter in letters)


def _payloads(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("data"), str):
            yield base64.b64decode(value["data"]).decode(errors="replace")
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        yield from _payloads(one)


@pytest.mark.parametrize("name", ["ledger.json", "duties.json"])
def test_long_lists_have_one_form(story: Story, copy: Path, name: str) -> None:
    """What is read value by value is taken in the one form in which it is written: else two readers may differ."""
    value = json.loads((copy / name).read_text())
    written = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    assert (copy / name).read_text() == written
    for other in (json.dumps(value), written + "[]\n", written.replace("[\n {", "[\n\n {", 1), written[:-3]):
        (copy / name).write_text(other)
        seal_again(copy)
        assert name in verdicts(copy).full
        assert verdicts(copy).alone - {"SHA256SUMS.sig"}


def test_what_witnesses_prove_is_said(story: Story, copy: Path, tmp_path: Path) -> None:
    """Checking says who took which checkpoint, how many of the incident's entries it covers, and how to ask them."""
    said = next(check.proves for check in check_evidence(copy).checks if check.proves)
    entries = len([one for one in json.loads((copy / "timeline.json").read_text()) if one["entry"] is not None])
    assert len(said) == 3
    assert all(f"{entries} of the {entries} entries of this incident" in words for words in said)
    assert "a timestamp authority dated" in said[2]

    verify = re.findall(r"openssl ts -verify -in (\S+) -data (\S+)", said[2])[0]
    command = ["openssl", "ts", "-verify", "-in", verify[0], "-data", verify[1]]
    trusted = ["-CAfile", str(story.folder.parent / "tsa" / "cert.pem")]
    assert b"Verification: OK" in subprocess.run([*command, *trusted], cwd=copy, capture_output=True, check=True).stdout
    assert "nothing here shows that it was not rewritten" in " ".join(
        next(check.proves for check in story.on_the_way[0].checks if check.proves)
    )


# -- what is no pack, or a hostile one --------------------------------------------------------------------------------


def zip_of(target: Path, *entries: tuple[str, bytes]) -> Path:
    """Write a zip of these files, whatever their names."""
    with zipfile.ZipFile(target, "w") as made:
        for name, whole in entries:
            made.writestr(zipfile.ZipInfo(name), whole)
    return target


def refused_by_both(target: Path) -> str:
    """Return the words of `tocsin verify`; both must refuse, and say so in a sentence."""
    with pytest.raises(standalone.NoPackError) as alone_said:
        list(standalone.verify(target))
    with pytest.raises(Refused) as said:
        check_evidence(target)
    assert str(target) in str(said.value)
    assert str(alone_said.value)
    return str(said.value)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "notices/../../evil", "a/b/c", "..\\evil", ".hidden", "n\u00e4me", "x\x00y", "a/"]
)
def test_a_zip_that_would_write_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    """A name that leads out of the folder, hides, or is in another encoding is refused, and nothing is written."""
    hostile = zip_of(tmp_path / "pack.zip", ("incident.json", b"{}"), ("SHA256SUMS", b""))
    patched = hostile.read_bytes().replace(b"SHA256SUMS", (name.encode("latin-1") + b"__________")[:10])
    assert b"SHA256SUMS" not in patched
    hostile.write_bytes(patched)
    if name.endswith("/"):
        hostile.unlink()
        zip_of(hostile, ("incident.json", b"{}"), ("SHA256SUMS/x/", b""))
    refused_by_both(hostile)
    assert [path.name for path in tmp_path.iterdir()] == ["pack.zip"]


def test_a_bomb_is_refused_unopened(tmp_path: Path) -> None:
    """A zip that says, or hides, that it unpacks to more than fits is refused before anything is unpacked."""
    bomb = zip_of(tmp_path / "said.zip", ("incident.json", b"x" * 4096), ("a", b"y"), ("b", b"z"), ("c", b""))
    whole = bytearray(bomb.read_bytes())
    for found in re.finditer(b"PK\x01\x02", bytes(whole)):
        whole[found.start() + 24 : found.start() + 28] = b"\xf0\xff\xff\xff"
    bomb.write_bytes(whole)
    assert "bomb" in refused_by_both(bomb)

    lying = zip_of(tmp_path / "lying.zip", ("incident.json", b"{}"), ("SHA256SUMS", b"x"))
    directory = bytearray(lying.read_bytes())
    second = bytes(directory).rindex(b"PK\x01\x02")
    directory[second + 42 : second + 46] = b"\x00\x00\x00\x00"  # both files begin at the same place
    lying.write_bytes(directory)
    assert "bomb" in refused_by_both(lying)


def test_links_secrets_and_doubles_are_refused(tmp_path: Path) -> None:
    """A zip with a link, an encrypted file, or two files of one name is refused."""
    link = zipfile.ZipInfo("notices")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as made:
        made.writestr("incident.json", b"{}")
        made.writestr(link, b"/etc")
    assert "link" in refused_by_both(tmp_path / "link.zip")

    locked = zip_of(tmp_path / "locked.zip", ("incident.json", b"{}"))
    whole = bytearray(locked.read_bytes())
    for mark, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        whole[bytes(whole).index(mark) + at] |= 1
    locked.write_bytes(whole)
    assert "encrypted" in refused_by_both(locked)

    double = zip_of(tmp_path / "double.zip", ("incident.json", b"{}"), ("Incident.json", b"[]"))
    assert "two files" in refused_by_both(double)


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    """An empty file, noise, a text, another zip, an empty folder and nothing at all are refused with what to name."""
    (tmp_path / "empty.zip").write_bytes(b"")
    (tmp_path / "noise.zip").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "text.zip").write_text("PK but not really")
    zip_of(tmp_path / "other.zip", ("holiday.jpg", b"\xff\xd8"))
    (tmp_path / "folder").mkdir()
    for path in [*tmp_path.iterdir(), tmp_path / "nothing.zip"]:
        refused_by_both(path)


def test_a_wrong_encoding_is_a_finding(story: Story, copy: Path) -> None:
    """A pack whose files are in another encoding, or deeply nested, is named file by file; neither verifier fails."""
    for name, whole in (("incident.json", '{"incident_id": "\u00e4"}'.encode("utf-16")), ("acts.json", b"[" * 100_000)):
        before = (copy / name).read_bytes()
        (copy / name).write_bytes(whole)
        for named in verdicts(copy, key_of(story)):
            assert name in named
        (copy / name).write_bytes(before)


def test_an_unpacked_copy_is_gone_afterwards(pack: Path) -> None:
    """What is unpacked for checking is only there meanwhile."""
    with unpacked(pack) as folder:
        assert (folder / "incident.json").exists()
    assert not folder.exists()


def test_the_commands(story: Story, tmp_path: Path) -> None:
    """`evidence -o pack.zip` writes it and says how to check it; the fingerprints are printed; another key fails."""
    target, runner = tmp_path / "pack.zip", CliRunner(env={"TOCSIN_HOME": str(story.house.home)})
    written = runner.invoke(app, ["evidence", story.incident, "-o", str(target)])
    assert written.exit_code == 0, written.output
    assert f"tocsin verify {target} --key {key_of(story)}" in written.stdout

    published = runner.invoke(app, ["evidence", "--fingerprints", "--json"])
    assert json.loads(published.stdout) == {
        "key": key_of(story),
        "verifier": hashlib.sha256(VERIFIER).hexdigest(),
    }
    assert runner.invoke(app, ["verify", str(target), "--key", key_of(story)]).exit_code == 0
    wrong = runner.invoke(app, ["verify", str(target), "--key", "0" * 64])
    assert wrong.exit_code != 0
    assert "key.pem: it is another key" in wrong.stdout
    assert runner.invoke(app, ["evidence"]).exit_code == 2


def test_the_histories_are_replayed(story: Story, pack: Path, copy: Path, tmp_path: Path) -> None:
    """`verify --replay` decides again what was decided; a history that says otherwise is named; none is refused."""
    runner = CliRunner(env={"TOCSIN_HOME": str(story.house.home)})
    replayed = runner.invoke(app, ["verify", str(pack), "--replay", "--key", key_of(story)])
    assert replayed.exit_code == 0, replayed.output
    assert (
        replayed.stdout.count("the code that is installed decides as was decided then")
        == len(story.means.histories)
        > 5
    )

    edited = copy / "history" / "response-1.json"
    edited.write_text(edited.read_text().replace('"tasks.open', '"tasks.ponder'))
    failed = runner.invoke(app, ["verify", str(copy), "--replay"])
    assert "history/response-1.json: it decides otherwise" in failed.stdout
    shutil.rmtree(copy / "history")
    assert "holds no histories" in str(runner.invoke(app, ["verify", str(copy), "--replay"]).exception)


def test_replaying_needs_the_tree(pack: Path, tmp_path: Path) -> None:
    """Where only the package is installed, --replay says what it needs."""
    code = "import sys; sys.modules['worker'] = None; from tocsin.cli import run; sys.exit(run(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", code, "verify", str(pack), "--replay"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 1
    assert "replaying needs the workflows" in ran.stderr


def test_the_histories_are_in_clear_and_whole(story: Story) -> None:
    """Every payload of every history was opened: nothing sealed is left in them."""
    texts = [path.read_text() for path in sorted((story.folder / "history").iterdir())]

    assert len(texts) > 5
    assert not [
        text for text in texts if "dG9jc2luLWFlczI1Ni" in text or "tocsin-aes256gcm" in text or "key-scope" in text
    ]


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_the_small_ed25519_agrees_with_a_large_one(message: bytes, seed: bytes) -> None:
    """The verifier's own arithmetic takes every true signature and no other."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)

    assert standalone.signature_holds(public, message, signature)
    assert not standalone.signature_holds(public, message + b"x", signature)
    assert not standalone.signature_holds(public, message, signature[:32] + bytes(32))
    assert not standalone.signature_holds(public, message, signature[:-1])
    assert standalone.public_key(as_pem(public)) == public
    assert standalone.fingerprint_of(public) == fingerprint(public)


@given(st.binary(min_size=64, max_size=64), st.binary(min_size=32, max_size=32))
def test_the_small_ed25519_refuses_noise(signature: bytes, public: bytes) -> None:
    """Bytes that are no key or no signature are refused, as the large one refuses them, and nothing fails."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, b"")
    except Exception:  # noqa: BLE001 - a wrong key and a wrong signature are the same here
        assert not standalone.signature_holds(public, b"", signature)


WORDS = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(JSON)
def test_the_small_canonical_json_agrees(value: object) -> None:
    """The verifier's own canonical JSON is RFC 8785's, as the library writes it."""
    assert standalone.canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
