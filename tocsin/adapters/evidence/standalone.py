"""Checks an evidence pack with nothing but Python: `python3 verify.py [PACK] [--key FINGERPRINT]`.

PACK is a pack.zip, or the folder that it was unpacked to; without it, the folder that this file lies in. It changes
nothing, and ends with 0 only if everything holds. A forged pack may come with a forged verifier: compare this file's
SHA-256 and the key's fingerprint with those that were published, or take this file from there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
import sys
import zipfile
import zlib
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import IO, Any, Callable, Iterator  # noqa: UP035 - for older Pythons, too

MOST_FILES, MOST_BYTES = 250_000, 8 * 1024**3
"""What a pack may hold; whatever is larger is taken for a bomb."""
INSIDE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)?[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""The names that files may have: nothing above the pack, nothing hidden, at most one folder deep."""
SUMS, SIGNATURE, KEY = "SHA256SUMS", "SHA256SUMS.sig", "key.pem"
LOG, HEAD, PROOFS, CHECKPOINT = "log.jsonl", "log-head.json", "log-proofs.jsonl", "checkpoint.txt"
ACTS, DUTIES, LEDGER, SALT, INCIDENT = "acts.json", "duties.json", "ledger.json", "salt.txt", "incident.json"
OMISSIONS, LEFT_OUT = "omissions.json", "[left out: privileged]"
LAW, RECEIPTS, WITNESSES = "law.json", "receipts.jsonl", "witnesses.json"
DUTY_END = {"state", "ended_at", "proof", "proved_by", "late"}
"""What is said of a duty's end is not part of the digest that the log has of it."""
DATED = ("sha512", "sha256")
"""What a timestamp may name a checkpoint by; whose seal it bears, `openssl ts -verify` says."""
SHOWN = 20
SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in its usual form (RFC 8410)."""
UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)

Fault = tuple[str, str]
"""The file, and what does not hold."""


class NoPackError(Exception):
    """What was given is no pack, or none that may be opened."""


class Pack:
    """The files of a pack by name, read from its folder or straight out of the zip: nothing is unpacked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip = None if path.is_dir() else opened(path)
        self.names = set(self.zip.namelist()) if self.zip else set(_files(path))
        if not {SUMS, INCIDENT} & self.names:
            raise NoPackError(f"{path} holds no evidence: it has neither {SUMS} nor {INCIDENT}")

    def open(self, name: str) -> IO[bytes]:
        """Open a file. Raises OSError if the pack has none of that name."""
        if name not in self.names or not INSIDE.fullmatch(name):
            raise FileNotFoundError("there is no such file in the pack")
        return self.zip.open(name) if self.zip else (self.path / name).open("rb")

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        with self.open(name) as file:
            return file.read()

    def json(self, name: str) -> Any:
        """Return what a JSON file holds."""
        return json.loads(self.read(name))

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield a file's lines without their line breaks."""
        with self.open(name) as file:
            for line in file:
                yield line[:-1] if line.endswith(b"\n") else line

    def sha256(self, name: str) -> str:
        """Return a file's SHA-256, read in pieces."""
        whole = hashlib.sha256()
        with self.open(name) as file:
            for piece in iter(lambda: file.read(1 << 16), b""):
                whole.update(piece)
        return whole.hexdigest()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the log's entries of this incident."""
        incident_id = self.json(INCIDENT)["incident_id"]
        found = (json.loads(line) for line in self.lines(LOG) if incident_id.encode() in line)
        return (entry for entry in found if entry.get("incident_id") == incident_id)

    def listed(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a list one by one, in the only form in which a pack is written: it may be very long."""
        lines = self.lines(name)
        more = _next(lines, b"[", b"[]") == b"["
        while more:
            _next(lines, b" {")
            value, more = _object(lines, b" ")
            yield value
            if not more:
                _next(lines, b"]")
        _next(lines, None)

    def waves(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ("row", row) for each row of a wave, then ("wave", wave)."""
        lines = self.lines(LEDGER)
        more = _next(lines, b"[", b"[]") == b"["
        empty = not more
        while more:
            _next(lines, b" {")
            rows = _next(lines, b'  "rows": [', b'  "rows": [],') == b'  "rows": ['
            while rows:
                _next(lines, b"   {")
                value, rows = _object(lines, b"   ")
                yield "row", value
                if not rows:
                    _next(lines, b"  ],")
            _next(lines, b'  "wave": {')
            yield "wave", _object(lines, b"  ")[0]
            more = _next(lines, b" },", b" }") == b" },"
        _next(lines, None if empty else b"]")
        _next(lines, None)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the ledger's rows."""
        return (value for kind, value in self.waves() if kind == "row")


def _next(lines: Iterator[bytes], *expected: bytes | None) -> bytes | None:
    line = next(lines, None)
    if line not in expected:
        raise ValueError(f"{(line or b'its end')[:60]!r} stands where it does not belong")
    return line


def _object(lines: Iterator[bytes], margin: bytes) -> tuple[dict[str, Any], bool]:
    pieces = [b"{"]
    for line in lines:
        if line in (margin + b"}", margin + b"},"):
            return json.loads(b"\n".join([*pieces, b"}"])), line.endswith(b",")
        pieces.append(line)
    raise ValueError("it ends in the middle of an object")


def opened(path: Path) -> zipfile.ZipFile:
    """Open a zip that anybody may have made. Raises NoPackError if it is none, or a hostile one."""
    try:
        pack = zipfile.ZipFile(path)
        refuse_hostile(pack.infolist())
    except (NoPackError, OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise NoPackError(f"{path} is no evidence pack: {error}") from None
    return pack


def refuse_hostile(infos: list[zipfile.ZipInfo]) -> None:
    """Raise NoPackError for a zip that would write elsewhere, fill the disk, or be read as two different things."""
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
        raise NoPackError(f"it unpacks to more than {MOST_FILES} files or {MOST_BYTES} bytes: a zip bomb")
    ends, seen = 0, set()
    for info in sorted(infos, key=lambda info: info.header_offset):
        name = info.filename
        if not INSIDE.fullmatch(name) or name != info.orig_filename:
            raise NoPackError(f"its file {name!r} has no name of a pack's file: it may be written elsewhere")
        if name.casefold() in seen:
            raise NoPackError(f"it has two files of the name {name}")
        if info.flag_bits & 1 or stat.S_ISLNK(info.external_attr >> 16):
            raise NoPackError(f"its file {name} is encrypted, or a link: a pack has no such thing")
        if info.header_offset < ends:
            raise NoPackError(f"its file {name} lies over another one: a zip bomb")
        ends = info.header_offset + info.compress_size
        seen.add(name.casefold())


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


# -- the checks: each yields what does not hold -----------------------------------------------------------------------


def sums_match(pack: Pack) -> Iterator[Fault]:
    """Compare every file with SHA256SUMS."""
    listed = {}
    for line in pack.read(SUMS).decode().splitlines():
        digest, _, name = line.partition("  ")
        listed[name or line] = digest
    for name, digest in listed.items():
        try:
            if pack.sha256(name) != digest:
                yield name, "its bytes are not those that SHA256SUMS has the digest of"
        except UNREADABLE as error:
            yield name, f"it cannot be read: {error}"
    for name in sorted(pack.names - set(listed) - {SUMS, SIGNATURE}):
        yield name, "SHA256SUMS does not know it: it was added later"


def signed_by(fingerprint: str | None) -> Callable[[Pack], Iterator[Fault]]:
    """Return the check of the signature over SHA256SUMS, by the key of that fingerprint if one is given."""

    def check(pack: Pack) -> Iterator[Fault]:
        key = public_key(pack.read(KEY))
        if fingerprint is not None and fingerprint_of(key) != fingerprint.lower():
            yield KEY, f"it is another key, {fingerprint_of(key)}: the pack was signed again by somebody else"
        if not signature_holds(key, pack.read(SUMS), pack.read(SIGNATURE)):
            yield SIGNATURE, "it is no signature of SHA256SUMS by the key in key.pem"

    return check


def log_gives_root(pack: Pack) -> Iterator[Fault]:
    """Compute the log's root from its entries (RFC 6962, section 2.1)."""
    head = pack.json(HEAD)
    number = -1
    for number, line in enumerate(pack.lines(LOG)):
        if json.loads(line).get("n") != number:
            yield LOG, f"entry {number} is missing, or another one stands in its place"
            return
    if number + 1 != head["size"]:
        yield LOG, f"it has {number + 1} entries and had {head['size']}: the tail was cut or added to"
    elif root_of(pack, head["size"]) != head["root"]:
        yield LOG, "its entries do not give the root that log-head.json has: one of them was changed"


def checkpoint_is_ours(pack: Pack) -> Iterator[Fault]:
    """Check the signed note, and that the log in this pack had that root at that size."""
    text, _, signatures = pack.read(CHECKPOINT).decode().partition("\n\n")
    _, size, root = text.split("\n")[:3]
    key, signed = public_key(pack.read(KEY)), False
    for line in signatures.splitlines():
        _, signer, blob = line.split(" ", 2)
        raw = base64.b64decode(blob)
        if raw[:4] == hashlib.sha256(signer.encode() + b"\n\x01" + key).digest()[:4]:
            signed = signature_holds(key, text.encode() + b"\n", raw[4:])
    if not signed:
        yield CHECKPOINT, "the key in key.pem has not signed it: it was changed, or is the checkpoint of another log"
    if root_of(pack, int(size)) != base64.b64decode(root).hex():
        yield CHECKPOINT, f"the log did not have this root at {size} entries: it is the checkpoint of another log"


def entries_are_included(pack: Pack) -> Iterator[Fault]:
    """Follow the proof of each entry of this incident to the checkpoint's root (RFC 6962, section 2.1.1)."""
    _, size, root = pack.read(CHECKPOINT).decode().split("\n")[:3]
    proofs = map(json.loads, pack.lines(PROOFS))
    proof, incident_id = next(proofs, None), pack.json(INCIDENT)["incident_id"]
    for number, line in enumerate(pack.lines(LOG)):
        if incident_id.encode() not in line or json.loads(line).get("incident_id") != incident_id:
            continue
        while proof and proof["number"] < number:
            yield PROOFS, f"it proves entry {proof['number']}, which is not one of this incident: it was taken out"
            proof = next(proofs, None)
        path = []
        if proof and proof["number"] == number:
            path, proof = [bytes.fromhex(digest) for digest in proof["path"]], next(proofs, None)
        if included(leaf(line), number, int(size), path) != base64.b64decode(root):
            yield PROOFS, f"the proof of log entry {number} is missing, or does not lead to the checkpoint's root"
    if proof:
        yield PROOFS, f"it proves entry {proof['number']}, which is not one of this incident: it was taken out"


def witnesses_agree(pack: Pack) -> Iterator[Fault]:
    """Compare each checkpoint that a witness took with this log, and each answer with its checkpoint."""
    for handed in pack.json(WITNESSES) if WITNESSES in pack.names else ():
        name, receipt = handed["checkpoint"], handed["receipt"]
        note, answer = _read(pack.read, name) or b"", (_read(pack.read, receipt) or b"") if receipt else b""
        _, size, root = [*note.decode().split("\n"), "", "", ""][:3]
        if size != str(handed["size"]) or root_of(pack, int(size)) != base64.b64decode(root).hex():
            yield name, f"the log did not have this root at {handed['size']} entries: it is of another log, or gone"
        if receipt and hashlib.sha256(answer).hexdigest() != handed["receipt_sha256"]:
            yield receipt, f"it is not what the witness {handed['witness']} answered"
        if handed["witness"] == "tsa" and not any(hashlib.new(kind, note).digest() in answer for kind in DATED):
            yield receipt or WITNESSES, "the timestamp is of something else than this checkpoint"


def acts_in_log(pack: Pack) -> Iterator[Fault]:
    """Compare each act with the digest in its log entry, both ways."""
    inner = hashlib.sha256(bytes.fromhex(pack.read(SALT).decode())).digest()
    logged = {e["data"]["act"]: e for e in pack.entries() if e["kind"].startswith("act.")}
    privileged, yielded = _left_out(pack, logged)
    yield from yielded
    for envelope in pack.json(ACTS):
        act = envelope["act"]
        entry = logged.pop(act["act_id"], None)
        whole = hashlib.sha256(canonical(envelope)).digest()
        if act["act_id"] in privileged and LEFT_OUT in json.dumps(act):
            whole = bytes.fromhex(privileged[act["act_id"]])
        digest = hashlib.sha256(inner + whole).hexdigest()
        if entry is None:
            yield ACTS, f"act {act['act_id']} ({act['deed']['kind']}) is not in the log: it was added"
        elif entry.get("inputs_digest") != digest:
            yield ACTS, f"act {act['act_id']} ({act['deed']['kind']}) is not the one in log entry {entry['n']}"
    for act_id, entry in logged.items():
        yield ACTS, f"act {act_id} is in log entry {entry['n']} and not here: it was taken out"


def _left_out(pack: Pack, logged: dict[str, Any]) -> tuple[dict[str, str], list[Fault]]:
    """Return the SHA-256 of each whole act that an act of the log marked as privileged, and what nobody marked."""
    faults, marked = [], {}
    deeds = [envelope["act"]["deed"] for envelope in pack.json(ACTS)]
    later = {digest for deed in deeds if deed["kind"] == "privilege" for digest in deed["paragraphs"]}
    for one in pack.json(OMISSIONS) if OMISSIONS in pack.names else ():
        itself = logged.get(one["marked_in"], {"data": {}})["data"].get("privileged")
        if itself or one["paragraph_sha256"] in later:
            marked[one["act_id"]] = one["act_sha256"]
        else:
            faults.append((OMISSIONS, f"nobody marked a paragraph of act {one['act_id']}: its words were taken out"))
    return marked, faults


def letters_as_approved(pack: Pack) -> Iterator[Fault]:
    """Compare each letter with the digest under which it was approved, and the bytes that left with their notice."""
    logged: dict[str, str] = {}
    several = set()
    for data in (entry["data"] for entry in pack.entries() if entry["kind"].startswith("notice.")):
        if logged.setdefault(data["notice"], data["letter"]) != data["letter"]:
            several.add(data["notice"])
    for row in pack.rows():
        notice, number = row["notice"], row["notice"]["number"]
        letter = notice["letter_sha256"] or ""
        if logged.get(notice["notice_id"], letter) != letter or notice["notice_id"] in several:
            yield LEDGER, f"notice {number} has another letter than the log recorded"
        if row["letter"] is None:
            continue
        if hashlib.sha256(canonical(_read(pack.json, row["letter"]))).hexdigest() != notice["letter_sha256"]:
            yield row["letter"], f"it is not there, or not the letter that was approved as notice {number}"
        if (row["as_sent"], notice["contact_id"], notice["state"]) == (None, None, "told_by_hand"):
            continue  # A person read it out, posted it or put it into a portal: no channel was given anything.
        if addressed(row["as_sent"], _read(pack.read, row["as_sent"]) or b"{}") != (number, row["recipient_address"]):
            yield row["as_sent"], f"it is not there, not what left as notice {number}, or went to somebody else"


def _read(reading: Callable[[str], Any], name: str) -> Any:
    try:
        return reading(name)
    except UNREADABLE:
        return None


def receipts_in_log(pack: Pack) -> Iterator[Fault]:
    """Compare each receipt with its log entry, both ways, and with the notices that are here."""
    receipts = (entry for entry in pack.entries() if entry["kind"].startswith("receipt."))
    logged = {one["data"]["receipt"]: (one["kind"], one["data"].get("notice"), one["n"]) for one in receipts}
    notices = {row["notice"]["notice_id"] for row in pack.rows()}
    for line in pack.lines(RECEIPTS):
        receipt = json.loads(line)["receipt"]
        said = logged.pop(receipt["receipt_id"], ("", "", 0))[:2]
        if said != ("receipt." + receipt["kind"], receipt["notice_id"]) or receipt["notice_id"] not in notices:
            yield RECEIPTS, f"receipt {receipt['receipt_id']} stands by another notice than in the log, or was added"
    for receipt_id, (kind, _, number) in logged.items():
        if kind != "receipt.assigned":
            yield RECEIPTS, f"receipt {receipt_id} is in log entry {number} and not here: it was taken out"


def releases_bind(pack: Pack) -> Iterator[Fault]:
    """Compare each wave's digest with its letters, and with what a second person released."""
    acts = [envelope["act"] for envelope in pack.json(ACTS) if envelope["act"]["deed"]["kind"] == "release"]
    fields = ("notice_id", "agreement_id", "contact_id", "role", "chain_position", "letter_sha256")
    whole = hashlib.sha256()
    for kind, value in pack.waves():
        if kind == "row":  # they stand by ordinal: in another order they give another digest
            whole.update(("|".join(str(value["notice"][field]) for field in fields) + "\n").encode())
            continue
        wave, letters, whole = value, whole, hashlib.sha256()
        if wave["digest"] and wave["digest"] != letters.hexdigest():
            yield LEDGER, f"the letters of wave {wave['wave_id']} are not those of its digest"
        for act in acts:
            approved = {one["wave_id"]: one["digest"] for one in (act["deed"], *act["deed"].get("also", ()))}
            if wave["wave_id"] not in approved:
                continue
            if approved[wave["wave_id"]] != wave["digest"]:
                yield LEDGER, f"wave {wave['wave_id']} is not what {act['actor']['name']} released"
            if act["actor"]["person_id"] == wave["drafter"]:
                yield ACTS, f"wave {wave['wave_id']} was released by whoever drafted it"


def duties_as_resolved(pack: Pack) -> Iterator[Fault]:
    """Compare duties, deadlines and the law with the digests that the log recorded when they were resolved."""
    resolved = [entry["data"] for entry in pack.entries() if entry["kind"] == "duties.resolved"]
    digest, law = (resolved[-1].get("digest"), resolved[-1].get("law")) if resolved else (None, None)
    whole = hashlib.sha256()
    for duty in _by_id(pack):
        whole.update(canonical({name: value for name, value in duty.items() if name not in DUTY_END}) + b"\n")
    if digest and digest != whole.hexdigest():
        yield DUTIES, "they are not the duties, deadlines and computations that the log recorded"
    if law and law != hashlib.sha256(canonical(pack.json(LAW))).hexdigest():
        yield LAW, "it is not the law that the duties were computed by"


def _by_id(pack: Pack) -> Iterator[dict[str, Any]]:
    """Yield the duties by id, as they stand; those of packs of before they did need to fit in memory."""
    ids = [record["duty"]["duty_id"] for record in pack.listed(DUTIES)]
    if ids == sorted(ids):
        return (record["duty"] for record in pack.listed(DUTIES))
    return iter(sorted((record["duty"] for record in pack.listed(DUTIES)), key=lambda duty: duty["duty_id"]))


# -- arithmetic -----------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """Return canonical JSON (RFC 8785), for values without fractions, which a pack does not have."""
    return json.dumps(_in_order(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    return [_in_order(part) for part in value] if isinstance(value, list) else value


def leaf(entry: bytes) -> bytes:
    """Return an entry's leaf hash."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(pack: Pack, size: int) -> str:
    """Return the root over the log's first `size` entries in hex, or nothing if it has fewer."""
    peaks: list[tuple[int, bytes]] = []
    count = 0
    for line in pack.lines(LOG):
        if count == size:
            break
        width, top = 1, leaf(line)
        while peaks and peaks[-1][0] == width:
            top, width = node(peaks.pop()[1], top), width * 2
        peaks.append((width, top))
        count += 1
    if count != size or not peaks:
        return ""
    top = peaks.pop()[1]
    while peaks:
        top = node(peaks.pop()[1], top)
    return top.hex()


def included(entry: bytes, number: int, size: int, path: list[bytes]) -> bytes | None:
    """Return the root to which an inclusion proof leads, None if it is too long or too short (RFC 9162, 2.1.3.2)."""
    at, last, top = number, size - 1, entry
    for step in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            top = node(step, top)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            top = node(top, step)
        at, last = at >> 1, last >> 1
    return top if last == 0 else None


def addressed(name: str, sent: bytes) -> tuple[Any, Any]:
    """Return the notice's number and the one recipient that a mail, or a request to SendGrid, names."""
    try:
        if name.endswith(".eml"):
            mail: Any = BytesHeaderParser(policy=policy.SMTP).parsebytes(sent)
            return mail["X-Tocsin-Notice"], ",".join(one.addr_spec for one in mail["To"].addresses)
        request = json.loads(sent)
        groups = [group.get(kind, ()) for group in request["personalizations"] for kind in ("to", "cc", "bcc")]
        return request["headers"]["X-Tocsin-Notice"], ",".join(one["email"] for group in groups for one in group)
    except UNREADABLE:
        return None, None


# -- Ed25519 (RFC 8032, section 5.1.7) -------------------------------------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def public_key(pem: bytes) -> bytes:
    """Return the 32 bytes of an Ed25519 key in PEM."""
    der = base64.b64decode(b"".join(line for line in pem.splitlines() if not line.startswith(b"-")))
    if len(der) != len(SPKI) + 32 or not der.startswith(SPKI):
        raise ValueError("it is no Ed25519 key")
    return der[len(SPKI) :]


def fingerprint_of(key: bytes) -> str:
    """Return what is published of a key: the SHA-256 of its 32 bytes, in hex."""
    return hashlib.sha256(key).hexdigest()


def signature_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether an Ed25519 signature is the key's over this message."""
    public, nonce = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or public is None or nonce is None or scalar >= Q:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    base = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert base is not None
    left, right = _times(scalar, base), _plus(nonce, _times(hashed, public))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P


def _point(packed: bytes) -> Point | None:
    y = int.from_bytes(packed, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


def _plus(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar:
        result = _plus(result, point) if scalar & 1 else result
        point, scalar = _plus(point, point), scalar >> 1
    return result


# -- saying it ------------------------------------------------------------------------------------------------------


def checks(key: str | None) -> list[tuple[str, Callable[[Pack], Iterator[Fault]]]]:
    """Return every check with what it says when it holds."""
    whose = "the key of the given fingerprint" if key else "the key in key.pem, whose fingerprint you must compare"
    return [
        ("every file is as it was written, none is missing, none was added (SHA256SUMS)", sums_match),
        (f"SHA256SUMS is signed by {whose}", signed_by(key)),
        ("the entries of the log give its root", log_gives_root),
        ("the checkpoint is signed by that key, and is one of this log", checkpoint_is_ours),
        ("every entry of this incident is proved to be in the log of the checkpoint", entries_are_included),
        ("what witnesses outside were handed is of this log, and what they answered is of that", witnesses_agree),
        ("every act is in the log word for word, and every act in the log is here", acts_in_log),
        ("every letter is the one that was approved, and what left went to its one recipient", letters_as_approved),
        ("every receipt is in the log, for its own notice, and every receipt in the log is here", receipts_in_log),
        ("every wave holds exactly the letters that a second person released", releases_bind),
        ("duties, deadlines, their computation and the law are those that the log recorded", duties_as_resolved),
    ]


def verify(path: Path, key: str | None = None) -> Iterator[tuple[str, list[Fault]]]:
    """Yield each check with what speaks against it; an empty list says that it holds. Raises NoPackError."""
    pack = Pack(path)
    for title, check in checks(key):
        faults: list[Fault] = []
        try:
            faults.extend(check(pack))
        except UNREADABLE as error:
            faults.append(("the pack", f"a file of it is missing or not of its form: {type(error).__name__}: {error}"))
        yield title, faults


def main(arguments: list[str]) -> int:
    """Check, print in plain words, and return 0 if all holds, 1 if not, 2 if there is no pack."""
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 2
    key = arguments.pop(arguments.index("--key") + 1) if "--key" in arguments[:-1] else None
    paths = [Path(argument) for argument in arguments if argument != "--key"] or [Path(__file__).resolve().parent]
    failed = 0
    try:
        for title, faults in verify(paths[0], key):
            failed += bool(faults)
            print(f"{'FAILS' if faults else 'holds'}  {title}")
            for file, what in faults[:SHOWN]:
                print(f"       {file}: {what}")
            if len(faults) > SHOWN:
                print(f"       and {len(faults) - SHOWN} more")
    except NoPackError as error:
        print(error)
        return 2
    print(f"\n{failed} checks FAIL: this is not what was written." if failed else "\nEverything holds.")
    if key is None:
        print("The key was not compared: give its published fingerprint with --key.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
