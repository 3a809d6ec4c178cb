"""What the store holds of an incident, part by part, as the command line reads it from afar."""

from typing import Annotated, Any

import orjson
from fastapi import Depends

from tocsin.adapters.evidence.layout import TimelineItem
from tocsin.adapters.evidence.questions import Answer, questions
from tocsin.adapters.evidence.record import Record
from tocsin.console.api.routing import After, Limit, Page, Router, page_of
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import hidden
from tocsin.console.reading import states_for
from tocsin.console.shown import all_shown, shown
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import Duty
from tocsin.domain.hold import Hold
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.register import Affected
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId, PersonId, Value
from tocsin.ports import Transaction, WaveRow


class Colleague(Value):
    """Somebody here, as the acts name them."""

    person_id: PersonId
    user: str
    name: str


class Log(Page):
    """A page of the log's entries about one incident."""

    items: tuple[dict[str, Any], ...]


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    lists, sees = Guard(office, Action.LIST), Guard(office, Action.SEE)

    @router.get("/people")
    async def read_people(who: Annotated[Pass, Depends(lists)]) -> list[Colleague]:
        """List the people here, as one names them to hand something over."""
        people = await office.beside(lambda: office.people().all())
        return [Colleague(person_id=one.person_id, user=one.user, name=one.name) for one in people]

    @router.get("/states")
    async def read_states(who: Annotated[Pass, Depends(lists)], open_only: bool = False) -> list[IncidentState]:
        """List how the incidents stand that you may see, newest report first."""
        return await office.read(lambda tx: states_for(tx, who.visitor, open_only=open_only))

    @router.get("/incidents/{incident_id}/state")
    async def read_state(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> IncidentState:
        """Read how an incident stands: what decides which act may come next."""
        return who.incident

    @router.get("/incidents/{incident_id}/facts")
    async def read_facts(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> Facts:
        """Read what is known of an incident."""

        def read(tx: Transaction) -> Facts:
            found = tx.incidents.facts(incident_id)
            if found is None:
                raise hidden()
            return shown(tx, who, found)

        return await office.read(read)

    @router.get("/incidents/{incident_id}/clocks")
    async def read_clocks(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[ClockRow]:
        """List the clocks of an incident, ended ones included, by target."""
        return await office.read(lambda tx: all_shown(tx, who, tx.duties.clocks(incident_id)))

    @router.get("/incidents/{incident_id}/clocks/{clock_id}/duties")
    async def read_clock_duties(
        incident_id: IncidentId, clock_id: str, who: Annotated[Pass, Depends(sees)], open_only: bool = False
    ) -> list[Duty]:
        """List the duties of one clock."""

        def read(tx: Transaction) -> list[Duty]:
            duties = tx.duties.of(incident_id, open_only=open_only)
            return all_shown(tx, who, (duty for duty in duties if duty.clock_id == clock_id))

        return await office.read(read)

    @router.get("/incidents/{incident_id}/holds")
    async def read_holds(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[Hold]:
        """List the orders not to tell, lifted and lapsed ones included."""
        return await office.read(lambda tx: all_shown(tx, who, tx.duties.holds(incident_id)))

    @router.get("/incidents/{incident_id}/pins")
    async def read_pins(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[Affected]:
        """List the agreements that an incident is pinned to."""
        return await office.read(lambda tx: all_shown(tx, who, tx.register.pinned(incident_id)))

    @router.get("/incidents/{incident_id}/wave-rows")
    async def read_wave_rows(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[WaveRow]:
        """List the waves as the ledger has them."""
        return await office.read(lambda tx: tx.ledger.waves(incident_id))

    @router.get("/incidents/{incident_id}/timeline")
    async def read_timeline(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[TimelineItem]:
        """List what happened to an incident, each with its entry of the log."""
        return await office.read(lambda tx: all_shown(tx, who, Record(tx, incident_id).timeline))

    @router.get("/incidents/{incident_id}/questions")
    async def read_questions(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[Answer]:
        """Answer what auditors ask of every incident, each with where in the evidence pack it stands."""
        return await office.read(lambda tx: all_shown(tx, who, questions(Record(tx, incident_id))))

    @router.get("/incidents/{incident_id}/log")
    async def read_log(
        incident_id: IncidentId, who: Annotated[Pass, Depends(sees)], after: After = None, limit: Limit = 50
    ) -> Log:
        """List the entries of the log about an incident, by number."""
        first = int(after) + 1 if after and after.isascii() and after.isdigit() and len(after) < 18 else 0

        def read(tx: Transaction) -> list[dict[str, Any]]:
            entries = zip(tx.log.entries(first, incident_id=incident_id), range(limit + 1), strict=False)
            return [orjson.loads(entry.body) for entry, _ in entries]

        found = await office.read(read)
        return Log(items=tuple(found[:limit]), next=page_of(found, limit, lambda entry: str(entry["n"])))

    return router
