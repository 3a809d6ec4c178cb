"""What an evidence pack says of itself."""

import hashlib
from pathlib import Path

from tocsin import __version__
from tocsin.adapters.evidence.layout import LogHead

_CODE = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))
WRITER = f"Written by Tocsin {__version__}, evidence {_CODE.hexdigest()[:12]}."
"""What a pack says of the version that wrote it: another one words timeline and README otherwise."""

_TEXT = """\
EVIDENCE OF INCIDENT {incident_id}
{writer}

This pack holds personal data: names and addresses of the people who were written to, the letters to them, and
the words of those who acted. Keep it as you keep the incident itself.

WHAT LIES WHERE
  report.pdf                   all this on paper, made for reading; long tables are cut short
  timeline.md, timeline.json   what happened, in order: when, who, what, on which inputs, under which log entry
  incident.json, facts.json    where the incident stands, when each trigger happened, and what is known of it
  duties.json                  what was owed to whom since when and until when, each step of how the deadline came
                               about, the clause, how the duty ended, whether late, and what proves it
  clocks.json                  the clocks that counted towards those deadlines, and the warnings that were sent
  ledger.json                  every letter that was planned: to whom, its state, attempts, message id and digest
  notices/*.letter.json        each letter as it was reviewed and released
  notices/*.eml, *.json        the bytes that the channel was handed: an .eml (it got its Date line as it left), or the
                               body of a request to SendGrid; deputies who were not needed have none
  agreements.json              the agreements that it was resolved against, with every version of them and its dates
  law.json                     every policy of the law that the incident is pinned to, word for word; the log's
                               `duties.resolved` entries have its digest (`law`)
  receipts.jsonl               what channels and recipients said of each notice, with the bytes as they came, in base64
  acts.json                    what people did, in the envelopes that were recorded
  omissions.json               paragraphs that were left out as privileged: of which act and log entry, who marked them
                               when, and digests; nothing of them stands in any other file
  tasks.json, holds.json       work that was set and done; orders not to tell
  history/                     what Temporal, the engine, kept of each workflow, in clear: `tocsin verify --replay`
                               decides all of it again. None if the engine could not be asked
  attachments/                 the files that people attached, under the start of their SHA-256
  log.jsonl                    the whole append-only log, one entry a line; of other incidents it holds ids only
  log-leaves.txt               the leaf hash of each entry
  log-head.json                size and root of the log ({size} entries, root {root})
  checkpoint.txt               that head as a note signed with the key of the log (C2SP signed-note, tlog-checkpoint)
  witnesses.json, witness/     which witness outside took which checkpoint of the log, the checkpoint, and what it
                               answered: a timestamp (.tsr, RFC 3161), a cosignature or nothing
  log-proofs.jsonl             for each entry of this incident, the hashes that lead from it to the checkpoint's root
  salt.txt                     opens the log's digests of this incident's acts, and of no other incident's
  verification.txt             how the checks came out when this pack was written
  SHA256SUMS, SHA256SUMS.sig   the digest of every other file, and the signature over these digests (Ed25519)
  key.pem                      the public key that made the signature and signed the checkpoint
  verify.py                    checks all this with nothing but Python

HOW TO CHECK IT
  First the key and the verifier: whoever forges a pack forges these two with it. The organisation publishes both
  digests (it prints them with `tocsin evidence --fingerprints`); get them from there, not from here, and compare:
    openssl pkey -pubin -in key.pem -outform DER | tail -c 32 | sha256sum
    sha256sum verify.py
  Then, on any machine with Python 3.9 or later, without network:
    python3 verify.py . --key FINGERPRINT
  With Tocsin, and in full (also the pack as one .zip):
    tocsin verify PACK --key FINGERPRINT     with --head SIZE:ROOT also against a head of the log noted elsewhere
  By other means:
  - openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
  - sha256sum --check SHA256SUMS
  - openssl ts -verify -in witness/SIZE.tsa.tsr -data witness/SIZE.checkpoint.txt -CAfile AUTHORITY.pem
    shows when the authority, whose certificate you have from there, saw the checkpoint of SIZE entries.
  - Each line of log.jsonl, without its line break, is one entry. Its leaf hash is SHA-256 over a zero byte and the
    line; the root is the Merkle tree hash of the leaves (RFC 6962, section 2.1).
  - An act's entry has kind `act.*` and names the act. Its inputs_digest is SHA-256 over SHA-256(salt) followed by
    SHA-256(envelope), the envelope being the element of acts.json as canonical JSON (RFC 8785).
  - Of an act with a paragraph left out, omissions.json has SHA-256(envelope) (`act_sha256`): it gives the log's digest
    in the same way, and the rest of that act is vouched for by SHA256SUMS only.
  - A letter's digest (letter_sha256 in ledger.json, `letter` in the log's notice entries) is SHA-256 over its
    .letter.json as canonical JSON. The digest of a wave binds all its letters, contacts and places in the chain;
    the releasing act and the log's `wave.drafted` entry both name it.
  - The duties' digest (`digest` in the log's last `duties.resolved` entry of this incident) is SHA-256 over every
    `duty` in duties.json as canonical JSON, in the order of duty_id, each followed by a line break, and each without
    how it ended: state, ended_at, proof, proved_by, late.

WHAT IT SHOWS
  That acts, letters, ledger, duties and log in this pack agree with each other, and that no entry of the log was
  changed, removed or put in another order since its root was what log-head.json says; and, to whoever has compared
  the key, that this installation wrote the pack and nobody changed a byte of it since.

WHAT THE LOG COVERS, AND WHAT ONLY SHA256SUMS DOES
  Whoever changes what the log covers is found even if they write SHA256SUMS anew and sign it with this key; what
  SHA256SUMS alone covers shows a change by anybody who does not hold the key.
  - The log, by digests and entries: every act, word for word; status, triggers, facts, holds and waves, which follow
    from acts; what each duty is, since when, until when and why, and what ended it; targets and ends of the clocks;
    digest, attempts, state and instant of every notice that left, and with the digest every word of its letter, its
    recipient and its numbers; attachments. Evidence of incidents resolved before the log had the duties' digest
    lacks that one cover.
  - The letters: names of parties and references of agreements, where a letter to the party left.
  - Written again from the others and compared: timeline.md, timeline.json, verification.txt and this file. A version
    of Tocsin other than the one that wrote them says so: it compares all of timeline.json but its sentences, and of
    this file incident, size and root.
  - SHA256SUMS only: report.pdf, agreements.json and history/; names of parties, and recipients, that no letter went
    to; in the ledger provider_id, claimed_at, detail and channel, and which open duties a notice was meant to answer;
    the marks that a clock sent; title and owner of a task that a playbook set and no act changed, and due time and
    dependencies of every task; in incident.json the sequence, blocking_tasks and reasons_owed.

WHAT IT DOES NOT SHOW
  - That the log was not rewritten as a whole or cut short before this pack was written. For that, compare size
    and root with a head that was kept elsewhere at the time, or with what a witness in witnesses.json still holds.
  - Who typed an act that is marked `unverified local`: nobody but the machine's own login vouches for it. The
    signatures of other acts are kept here and are checked against the doors' public keys, which are not.
  - That a notice was read. `accepted` says that the channel took it, `delivered` that the recipient's server did.
  - That the clock of the machines was right: no third party has stamped these instants, but for the
    checkpoints with a timestamp: what these cover was written before it.
  - What the law or a contract asks for. It is a record, not advice.
"""


DRILL = "DRILL: this is the record of a rehearsal. Nothing of it happened, and nobody outside was told.\n\n"


def readme(incident_id: str, head: LogHead, *, drill: bool = False) -> str:
    """Return the README of an incident's evidence."""
    return DRILL * drill + _TEXT.format(incident_id=incident_id, size=head.size, root=head.root, writer=WRITER)


def tells(text: str, incident_id: str, head: LogHead) -> bool:
    """Say whether a README, whoever wrote it, names this incident and this head of the log."""
    named = f"EVIDENCE OF INCIDENT {incident_id}\n", f"({head.size} entries, root {head.root})"
    return all(one in text for one in named)
