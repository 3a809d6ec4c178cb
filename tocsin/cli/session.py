"""What one command works with: settings, keys, store and engine, each opened when it is first needed."""

import asyncio
import getpass
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.exc import SQLAlchemyError

from tocsin import probing, settings
from tocsin.adapters.channels import open_callers, open_channel, open_pager
from tocsin.adapters.codec import data_converter
from tocsin.adapters.evidence import Checked, Means, write_evidence
from tocsin.adapters.evidence.keep import workflow_ids
from tocsin.adapters.evidence.layout import TimelineItem
from tocsin.adapters.evidence.questions import Answer, questions
from tocsin.adapters.evidence.record import Record
from tocsin.adapters.evidence.sign import LogSigner
from tocsin.adapters.keyring import FileKeyring, engine_public
from tocsin.adapters.keyrings import open_keyring
from tocsin.adapters.log_answers import LogAnswers
from tocsin.adapters.people import People
from tocsin.adapters.privileged import left_out_for
from tocsin.adapters.spool import Spool
from tocsin.adapters.sql import SqlStore, create_engine_for, open_store
from tocsin.adapters.temporal_histories import TemporalHistories
from tocsin.adapters.tracing import traced_entries
from tocsin.adapters.vault import Vault
from tocsin.cli.stopping import stoppable
from tocsin.cli.views import IncidentView, read_incident
from tocsin.client import Engine, EnvelopeFor, connected
from tocsin.domain.act import UNVERIFIED_LOCAL, Act, Actor, Deed, Envelope, Receipt
from tocsin.domain.alert import incident_of_alert
from tocsin.domain.errors import Broken, Deferred, TocsinError
from tocsin.domain.explanation import Explanation
from tocsin.domain.fit import fit
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.ladder import Ladder
from tocsin.domain.policy_pack import Checks, checks_of
from tocsin.domain.preview import Previewed, WantedLetter
from tocsin.domain.privilege import Redaction
from tocsin.domain.probe_deed import Probe, round_id_of
from tocsin.domain.probing import Answers
from tocsin.domain.read import Reading, Way
from tocsin.domain.readiness import Finding
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import ActId, AgreementId, IncidentId, PersonId, derived_id, opaque_id
from tocsin.noting import note
from tocsin.policies import load_policies
from tocsin.ports import Attachment, Nudge, Pager, Store, Transaction
from tocsin.wire import wave_workflow

if TYPE_CHECKING:
    from tocsin.cli.register import Changes
    from tocsin.cli.show import Listed
    from tocsin.cli.todo import Todo

EXPIRES_AFTER = timedelta(minutes=10)
"""How long an envelope is good for: long enough for a slow line, too short to be kept and used later."""


class Place(Protocol):
    """An installation as it is read: what `Session` and the console's office have in common."""

    @property
    def home(self) -> Path: ...  # noqa: D102
    @property
    def store(self) -> Store: ...  # noqa: D102
    @property
    def now(self) -> Callable[[], datetime]: ...  # noqa: D102
    @property
    def settings(self) -> settings.Settings: ...  # noqa: D102


class Session:
    """One command's view of the installation, as the person who acts."""

    def __init__(self, user: str | None = None) -> None:
        self._user = user

    @cached_property
    def settings(self) -> settings.Settings:
        """The environment."""
        return settings.load()

    @property
    def home(self) -> Path:
        """Where everything lies."""
        return self.settings.home

    @cached_property
    def user(self) -> str:
        """Who acts: `--as`, TOCSIN_USER, or the login name."""
        return self._user or self.settings.user or getpass.getuser()

    @cached_property
    def keyring(self) -> FileKeyring:
        """The keys."""
        return open_keyring(self.settings)

    @cached_property
    def people(self) -> People:
        """Those who may act."""
        return People.load(self.home / "people.toml", self.keyring.id_key())

    @cached_property
    def actor(self) -> Actor:
        """The person who acts, with their roles."""
        return self.people.actor(self.user)

    @cached_property
    def database(self) -> SqlEngine:
        """The database that holds the wrapped incident keys."""
        return create_engine_for(self.settings.database_url)

    @cached_property
    def vault(self) -> Vault:
        """Encryption at rest."""
        return Vault(self.database, self.keyring)

    @cached_property
    def store(self) -> SqlStore:
        """The facts. Commands read them here; only `attach` and the register write, and never an incident's state."""
        return open_store(self.settings.database_url, self.vault, traced_entries(self.settings))

    @cached_property
    def means(self) -> Means:
        """What evidence packs are made with."""
        return Means(self.vault, LogSigner(self.keyring))

    @property
    def log(self) -> LogAnswers:
        """What may be asked of the log."""
        return LogAnswers(self.store, LogSigner(self.keyring))

    def ladder(self) -> Ladder:
        """Return who is called about a clock when nobody answers. Raises Refused, naming what is wrong in the file."""
        return open_callers(open_channel(self.settings, "pages"), self.settings).ladder

    def law_checked(self, folder: Path | None = None) -> Checks:
        """Count the policies of the installation, or of a folder here. Raises Refused, naming every mistake."""
        return checks_of(load_policies(folder or self.home / "policies"), self.now().date())

    def preview(self, asked: WantedLetter, state: IncidentState | None = None) -> Previewed:
        """Return a letter of an incident, or of the facts that are given, before anybody gets it."""
        from tocsin.cli.previewing import previewed  # noqa: PLC0415 - it imports this file

        return previewed(self, asked, state)

    def histories(self, incident_id: IncidentId) -> dict[str, bytes]:
        """Return what Temporal keeps of an incident, in clear. Raises Unreachable if it does not answer."""
        chosen, known = self.settings, workflow_ids(self.store, incident_id)

        async def asking() -> dict[str, bytes]:
            converter = data_converter(self.vault, chosen.temporal_namespace)
            client = await connected(chosen, converter)
            return await TemporalHistories(client).of(incident_id, known)

        return asyncio.run(asking())

    @cached_property
    def spool(self) -> Spool:
        """Reports that wait for the engine."""
        away = self.settings.keyring is not None
        public = self.keyring.engine_public() if away else engine_public(self.home / "keys")
        return Spool(self.home / "spool", public)

    def now(self) -> datetime:
        """Return the instant, in UTC: in a drill's home, the scenario's."""
        return self._tempo.scenario(self.wall())

    def wall(self) -> datetime:
        """Return the instant on the wall, for what is real in a drill as well: invitations and sessions of people."""
        return datetime.now(UTC)

    def looks_at(self, incident_id: IncidentId, way: Way) -> None:
        """Write down that the user looks at an incident: one entry of the log for each hour.

        A store that cannot be written keeps nobody from reading at 3 a.m.; that the look is in no log is said.
        """
        person_id = PersonId(opaque_id("per", self.keyring.id_key(), self.user))
        said = {"incident_id": incident_id, "person_id": person_id, "authenticated": UNVERIFIED_LOCAL}
        try:
            note(self.store, Reading.model_validate({**said, "way": way, "at": self.now()}))
        except Deferred as error:
            print(f"this look is not in the log: {error}", file=sys.stderr)

    def view(self, incident_id: IncidentId, *, events: bool = False) -> IncidentView:
        """Return everything that is shown of an incident that exists."""
        with self.store.reading() as tx:
            return self.left_out(tx, incident_id).model(read_incident(tx, incident_id, self.now(), events=events))

    def left_out(self, tx: Transaction, incident_id: IncidentId) -> Redaction:
        """Return what is left out for who acts, taken for a member of the team: nobody else is known here."""
        return left_out_for(tx, incident_id, self.actor.roles, on_team=True)

    def agreement_ids(self, references: Iterable[str]) -> dict[str, AgreementId]:
        """Return the ids that agreements have, or would have, by the user's own references."""
        key = self.keyring.id_key()
        return {reference: AgreementId(opaque_id("agr", key, reference)) for reference in references}

    def source_key(self, *alert: str) -> str:
        """Return the opaque key of an alert: the same words give the same incident."""
        return opaque_id("src", self.keyring.id_key(), *alert)

    def incident_of(self, source_key: str, generation: int) -> IncidentId:
        """Return the id of the n-th incident (from 0) of an alert."""
        return incident_of_alert(self.keyring.id_key(), source_key, generation)

    def keep(self, incident_id: IncidentId, file: Attachment) -> None:
        """Store a file sealed under the incident's key; the act that names it comes after."""
        with self.store.writing() as tx:
            tx.incidents.attach(incident_id, file)

    def timeline(self, incident_id: IncidentId) -> list[TimelineItem]:
        """Return what happened to an incident, in order."""
        with self.store.reading() as tx:
            return list(Record(tx, incident_id).timeline)

    def questions(self, incident_id: IncidentId) -> list[Answer]:
        """Return the answers to what auditors ask of every incident."""
        with self.store.reading() as tx:
            return questions(Record(tx, incident_id))

    def todos(self) -> list["Todo"]:
        """Return what waits for the person who acts, most urgent first."""
        from tocsin.cli.show import waiting  # noqa: PLC0415 - commands import this file

        return waiting(self)

    def listed(self, *, only_open: bool) -> list["Listed"]:
        """Return the incidents, newest report first, each in a line."""
        from tocsin.cli.show import listed  # noqa: PLC0415 - commands import this file

        return listed(self, only_open=only_open)

    def explanation(self, state: IncidentState, *, everything: bool = False) -> Explanation:
        """Return who must be told, by when and why."""
        from tocsin.cli.explain import of_incident, policies  # noqa: PLC0415 - commands import this file

        return of_incident(self, policies(self), state, everything=everything)

    def publish(self, file: Path, *, dry_run: bool) -> tuple["Changes", list[Finding]]:
        """Publish the agreements of a file, and say what stands in the way of telling each party."""
        from tocsin.cli.register import published  # noqa: PLC0415 - commands import this file

        return published(self, file, dry_run=dry_run)

    def probe(self, agreements: Sequence[AgreementId], answer_by: date) -> Receipt:
        """Open a round: have the contacts of these agreements asked, or (none) those of the whole register."""
        deed = Probe(answer_by=answer_by, agreements=tuple(sorted(set(agreements))))
        return self.do(deed, round_id_of(self.keyring.id_key(), self.now().date(), deed.agreements))

    def rounds(self) -> list[probing.Seen]:
        """Return the rounds, newest first."""
        with self.store.reading() as tx:
            return probing.seen(tx, self.now())

    def round_sheet(self, round_id: IncidentId) -> probing.Sheet | None:
        """Return what came of one round, contact by contact, or None."""
        with self.store.reading() as tx:
            return probing.sheet(tx, round_id, self.now())

    def answers(self) -> Answers:
        """Return what came of asking each address in the rounds."""
        with self.store.reading() as tx:
            return probing.answers(tx, self.now())

    def write_pack(self, incident_id: IncidentId, target: Path) -> Checked:
        """Write an incident's evidence, and check it; without histories, said, if the engine does not answer."""
        try:
            means = self.means._replace(histories=self.histories(incident_id))
        except Deferred as error:
            print(f"the evidence holds no histories: {error}", file=sys.stderr)
            means = self.means._replace(histories={})
        checked = write_evidence(self.store, means, incident_id, target)
        # Afterwards: a pack holds what was there before it was asked for.
        self.looks_at(incident_id, Way.EVIDENCE)
        return checked

    def fingerprint(self) -> str | None:
        """Return the fingerprint of the key that signs packs, where it can be had by another way than the pack."""
        return LogSigner(self.keyring).fingerprint

    def new_act_id(self) -> ActId:
        """Return an id for an act; doing the same again is another act."""
        return ActId(derived_id("act", secrets.token_hex(16)))

    def envelope(self, deed: Deed, incident_id: IncidentId, act_id: ActId | None = None) -> Envelope:
        """Wrap a deed as done here and now, unsigned: nobody vouches for who typed it."""
        at = self.now()
        act = Act(act_id=act_id or self.new_act_id(), incident_id=incident_id, actor=self.actor, at=at, deed=deed)
        return Envelope(act=fit(act), expires_at=at + EXPIRES_AFTER * self._tempo.speed)

    def do(self, deed: Deed, incident_id: IncidentId) -> Receipt:
        """Do it, through the engine."""
        return self.send(self.envelope(deed, incident_id))

    def send(self, envelope: Envelope) -> Receipt:
        """Send an act that is wrapped already."""

        async def acting() -> Receipt:
            return await (await self._connect()).act(envelope)

        return self._run(acting, envelope.act)

    def report(self, envelope_for: EnvelopeFor) -> Receipt:
        """Report an incident, or join the one of the same alert."""

        async def reporting() -> Receipt:
            return await (await self._connect()).report(envelope_for)

        return self._run(reporting, envelope_for(0, None).act)

    def nudge(self, nudges: Sequence[Nudge]) -> None:
        """Have waves look again. Raises Deferred if the engine does not answer: the store remembers which are left."""

        async def nudging() -> None:
            engine = await self._connect()
            for nudge in nudges:
                with self.store.reading() as tx:
                    wave = tx.ledger.wave(nudge.wave_id)
                    sequence = tx.last_sequence(wave_workflow(nudge.incident_id, nudge.wave_id))
                await engine.nudge(nudge.incident_id, nudge.wave_id, wave.rows if wave else 0, sequence)
                with self.store.writing() as tx:
                    tx.receipts.nudged(nudge, self.now())

        asyncio.run(nudging())

    @cached_property
    def _tempo(self) -> Tempo:
        return self.settings.tempo

    @cached_property
    def pager(self) -> Pager:
        """Calls a person directly, for when the engine that should do it does not answer."""
        return open_pager(open_channel(self.settings, "pages"), self.settings)

    def close(self) -> None:
        """Let go of the database."""
        for name in ("store", "database"):
            if name in self.__dict__:
                (self.store.close if name == "store" else self.database.dispose)()

    def _run(self, asking: Callable[[], Awaitable[Receipt]], act: Act) -> Receipt:
        try:
            return asyncio.run(stoppable(asking))
        except Broken as error:
            raise Broken(f"{error}\n{self._what_stands(act)}; the worker's log says what to mend") from error

    def _what_stands(self, act: Act) -> str:
        try:
            with self.store.reading() as tx:
                recorded = tx.incidents.act(act.act_id)
        except (TocsinError, SQLAlchemyError):
            return "It may have been done all the same: look with `tocsin list` before you do it again"
        if recorded is None:
            return "Nothing was changed: do it again once that is mended"
        incident_id = recorded.act.incident_id
        return f"It is recorded, so do not do it again; what follows from it may be missing: tocsin show {incident_id}"

    async def _connect(self) -> Engine:
        chosen = self.settings
        converter = data_converter(self.vault, chosen.temporal_namespace)
        return await Engine.connect(chosen, converter)


def session_for(user: str | None, *, direct: bool) -> Session:
    """Return the session of a command: over the API of an installation elsewhere, or on this one itself."""
    if direct or not settings.elsewhere():
        return Session(user)
    from tocsin.cli.afar import RemoteSession  # noqa: PLC0415 - it imports this file

    return RemoteSession(user)


def session(ctx: typer.Context) -> Session:
    """Return the session of the running command."""
    found = ctx.find_object(Session)
    return found if found is not None else Session()
