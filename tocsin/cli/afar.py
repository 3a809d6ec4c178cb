"""The same commands from afar: a session over an installation's API, as the person whose token it is."""

import os
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from tocsin.adapters.evidence import Checked, check_evidence
from tocsin.adapters.evidence.layout import TimelineItem
from tocsin.adapters.evidence.questions import Answer
from tocsin.adapters.people import People, Person
from tocsin.cli.register import Changes
from tocsin.cli.session import Session
from tocsin.cli.show import Listed
from tocsin.cli.todo import Todo
from tocsin.cli.views import IncidentView
from tocsin.client import EnvelopeFor
from tocsin.domain.act import Actor, Attach, Envelope, Receipt, Report, Role
from tocsin.domain.errors import Refused
from tocsin.domain.explanation import Explanation
from tocsin.domain.incident import Severity
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.ladder import Ladder
from tocsin.domain.policy_pack import Checks
from tocsin.domain.preview import Previewed, WantedLetter
from tocsin.domain.privilege import Redaction
from tocsin.domain.probing import Answers, Asked
from tocsin.domain.read import Way
from tocsin.domain.readiness import Finding
from tocsin.domain.values import AgreementId, IncidentId, PersonId, Value
from tocsin.ports import Attachment
from tocsin.probing import Seen, Sheet, asked_on
from tocsin.remote.api import Api
from tocsin.remote.log import RemoteLog
from tocsin.remote.reading import RemoteStore, not_from_here

NEW = IncidentId("inc-new")
"""Stands for the incident of a report until the installation has named it."""
WORDS = {"facts", "triggers", "affected", "everyone", "sources", "told_by", "split_from"}
"""What the API takes of a report; it names the alert in the person's own words."""


class Told(Value):
    """What an installation tells; a newer one may tell more."""

    model_config = ConfigDict(extra="ignore")


class Me(Told):
    """Who the token is for."""

    user: str
    person_id: PersonId
    name: str
    roles: frozenset[Role]
    authenticated: str


class Colleague(Told):
    """Somebody there."""

    person_id: PersonId
    user: str
    name: str


class Listing(Told):
    """What a list says of an incident."""

    incident_id: IncidentId
    title: str
    severity: Severity | None


class RemoteSession(Session):
    """One command's view of an installation that is reached over its API. What the API has not is refused in words."""

    @cached_property
    def api(self) -> Api:
        """The API."""
        if self._user is not None:
            raise Refused("over the API you are who your token is for; leave out --as, or add --direct")
        return Api(self.settings.api_url or "", token_for(self))

    @cached_property
    def me(self) -> Me:
        """Who the token is for."""
        return self.api.get("/me", Me)

    @cached_property
    def user(self) -> str:
        """Who acts."""
        return self.me.user

    @cached_property
    def actor(self) -> Actor:
        """The person who acts, with their roles."""
        return Actor(**self.me.model_dump(exclude={"user"}))

    @cached_property
    def people(self) -> People:
        """Those who may act there. Their addresses and roles stay there: the installation judges who may do what."""
        found = self.api.get("/people", list[Colleague])
        everything = frozenset({Role.RESPONDER, Role.APPROVER})
        people = {one.user: Person(**one.model_dump(), email="", roles=everything) for one in found}
        return People(Path(self.settings.api_url or "", "people"), people)

    @cached_property
    def store(self) -> Any:
        """The facts, by reading."""
        return RemoteStore(self.api)

    @property
    def keyring(self) -> Any:
        """Keys never leave their installation."""
        not_from_here("a key of the installation")

    @property
    def database(self) -> Any:
        """The database is the installation's own."""
        not_from_here("the database")

    @property
    def vault(self) -> Any:
        """Nothing is opened from afar."""
        not_from_here("what is sealed at rest")

    @property
    def spool(self) -> Any:
        """Nothing is kept here: a report that was not taken is told again."""
        phone = " ".join(part for part in (self.settings.on_call, self.settings.on_call_phone) if part)
        raise Refused(f"the API does not answer and nothing was kept: report it again, and phone {phone or 'somebody'}")

    def looks_at(self, incident_id: IncidentId, way: Way) -> None:
        """Leave it to the installation, which writes down each look."""

    def view(self, incident_id: IncidentId, *, events: bool = False) -> IncidentView:
        """Return everything that is shown of an incident."""
        return self.api.get(f"/incidents/{incident_id}", IncidentView)

    def left_out(self, tx: Any, incident_id: IncidentId) -> Redaction:
        """Leave out nothing more: the installation has done it."""
        return Redaction()

    def todos(self) -> list[Todo]:
        """Return what waits for the person."""
        return self.api.get("/next", list[Todo])

    def listed(self, *, only_open: bool) -> list[Listed]:
        """Return the lines of a list."""
        said = {line.incident_id: line for line in self.api.each("/incidents", Listing)}
        states = self.api.get("/states", list[IncidentState], open_only=only_open)
        return [
            Listed.of(state, line.title, line.severity)
            for state in states
            if (line := said.get(state.incident_id)) is not None
        ]

    def explanation(self, state: IncidentState, *, everything: bool = False) -> Explanation:
        """Return who must be told, by when and why."""
        return self.api.get(f"/incidents/{state.incident_id}/explanation", Explanation, all=everything)

    def agreement_ids(self, references: Iterable[str]) -> dict[str, AgreementId]:
        """Return the agreements by their references; one that is not there has an id that nothing has."""
        wanted = list(references)
        if not wanted:
            return {}
        with self.store.reading() as tx:
            known = {one.reference: one.agreement_id for one in tx.register.agreements()}
        return {one: known.get(one, AgreementId("agr-none")) for one in wanted}

    def source_key(self, *alert: str) -> str:
        """Return the words of the alert; the installation makes its key of them."""
        return "/".join(alert)

    def incident_of(self, source_key: str, generation: int) -> IncidentId:
        """Return what stands for an incident that the installation will name."""
        return NEW

    def keep(self, incident_id: IncidentId, file: Attachment) -> None:
        """Hold the file until its act is sent: over the API both go together."""
        self._files = {**getattr(self, "_files", {}), file.sha256: file}

    def send(self, envelope: Envelope) -> Receipt:
        """Send an act; the installation signs it as the token's person's."""
        act = envelope.act
        if isinstance(act.deed, Attach):
            return self._attach(act.incident_id, self._files[act.deed.sha256], act.act_id)
        where = f"/incidents/{act.incident_id}/acts/{act.deed.kind}"
        return self.api.post(where, Receipt, key=act.act_id, json=act.deed.model_dump(mode="json"))

    def report(self, envelope_for: EnvelopeFor) -> Receipt:
        """Report an incident, or join the one of the same alert."""
        act = envelope_for(0, None).act
        assert isinstance(act.deed, Report)
        said = act.deed.model_dump(mode="json", include=WORDS)
        return self.api.post("/incidents", Receipt, key=act.act_id, json={**said, "alert": act.deed.source_key})

    @property
    def log(self) -> Any:
        """What may be asked of the log, asked there."""
        return RemoteLog(self.api)

    def ladder(self) -> Ladder:
        """Return who is called about a clock when nobody answers."""
        return self.api.get("/ladder", Ladder)

    def law_checked(self, folder: Path | None = None) -> Checks:
        """Count the policies there; those of a folder are read here."""
        return self.api.get("/policies/check", Checks) if folder is None else super().law_checked(folder)

    def preview(self, asked: WantedLetter, state: IncidentState | None = None) -> Previewed:
        """Return a letter as the installation would write it."""
        if state is None:
            return self.api.post("/letters/preview", Previewed, json=asked.model_dump(mode="json"))
        said = asked.model_dump(mode="json", exclude={"facts"})
        return self.api.get(f"/incidents/{state.incident_id}/letter-preview", Previewed, **said)

    def timeline(self, incident_id: IncidentId) -> list[TimelineItem]:
        """Return what happened to an incident, in order."""
        return self.api.get(f"/incidents/{incident_id}/timeline", list[TimelineItem])

    def questions(self, incident_id: IncidentId) -> list[Answer]:
        """Return the answers to what auditors ask."""
        return self.api.get(f"/incidents/{incident_id}/questions", list[Answer])

    def publish(self, file: Path, *, dry_run: bool) -> tuple[Changes, list[Finding]]:
        """Publish the agreements of a file, and say what stands in the way of telling each party."""
        form = "toml" if file.suffix.casefold() == ".toml" else "csv"
        params = {"format": form, "dry_run": dry_run}
        changes = self.api.post("/register", Changes, content=file.read_bytes(), params=params)
        return changes, [] if dry_run else self.api.get("/register/findings", list[Finding])

    def probe(self, agreements: Sequence[AgreementId], answer_by: date) -> Receipt:
        """Open a round there; the installation names it."""
        asked = {"agreements": list(agreements), "answer_by": answer_by.isoformat()}
        return self.api.post("/register/rounds", Receipt, json=asked)

    def rounds(self) -> list[Seen]:
        """Return the rounds, newest first."""
        return self.api.get("/register/rounds", list[Seen])

    def round_sheet(self, round_id: IncidentId) -> Sheet | None:
        """Return what came of one round, contact by contact."""
        return self.api.get(f"/register/rounds/{round_id}", Sheet)

    def answers(self) -> Answers:
        """Return what came of asking each address in the rounds, newest first."""
        found: dict[str, dict[IncidentId, Asked]] = {}
        for seen in self.rounds():
            sheet = self.round_sheet(seen.round.round_id)
            for line in sheet.lines if sheet else ():
                found.setdefault(line.address.casefold(), {})[seen.round.round_id] = asked_on(line, seen.round)
        return {address: list(each.values()) for address, each in found.items()}

    def write_pack(self, incident_id: IncidentId, target: Path) -> Checked:
        """Download the evidence, and check it here."""
        if target.suffix != ".zip":
            raise Refused(f"over the API the evidence comes as a .zip; {target} is none")
        self.api.download(f"/incidents/{incident_id}/evidence", target)
        return check_evidence(target)

    def fingerprint(self) -> str | None:
        """Return None: what came with a pack proves nothing of the pack."""
        return None

    def close(self) -> None:
        """Hang up."""
        if "api" in self.__dict__:
            self.api.close()

    def _attach(self, incident_id: IncidentId, file: Attachment, key: str) -> Receipt:
        return self.api.post(
            f"/incidents/{incident_id}/attachments",
            Receipt,
            key=key,
            content=file.content,
            params={"name": file.name},
            headers={"Content-Type": file.media_type},
        )


def token_file(url: str) -> Path:
    """Return where the token for an installation is kept after `tocsin login`."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    name = "".join(one if one.isalnum() else "-" for one in url.partition("://")[2].rstrip("/"))
    return home / "tocsin" / f"{name}.token"


def token_for(work: Session) -> str:
    """Return the token: of the environment, or of `tocsin login`. Raises Refused if there is none."""
    if work.settings.api_token is not None:
        return work.settings.api_token.get_secret_value().strip()
    kept = token_file(work.settings.api_url or "")
    if kept.exists():
        return kept.read_text(encoding="utf-8").strip()
    raise Refused(f"there is no token for {work.settings.api_url}; run `tocsin login`, or set TOCSIN_API_TOKEN_FILE")
