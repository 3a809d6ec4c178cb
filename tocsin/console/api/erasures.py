"""Erasing incidents after their retention: what is due, who asked, who confirmed. A worker then destroys it."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from pydantic import Field

from tocsin import erasing
from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import Denied
from tocsin.domain.act import Envelope
from tocsin.domain.erasure import Erasure, due_at
from tocsin.domain.erasure_deeds import AskErasure, ConfirmErasure
from tocsin.domain.rights import Action
from tocsin.domain.values import ActId, IncidentId, Instant, Value
from tocsin.ports import Transaction


class Due(Value):
    """An incident that is past its retention."""

    incident_id: IncidentId
    due_at: Instant


class Erasures(Value):
    """What is due, and what was asked for, confirmed or done."""

    due: tuple[Due, ...]
    erasures: tuple[Erasure, ...]


class Asked(Value):
    """Why an incident is to be erased. No names."""

    reason: str = Field(min_length=1, max_length=1000)


class Confirmed(Value):
    """The request that is confirmed, by the id of its act."""

    request: ActId


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    lists, erases = Guard(office, Action.READ_ERASURES), Guard(office, Action.ERASE)
    kept_for = office.settings.kept_for

    @router.get("/erasures")
    async def read_all(who: Annotated[Pass, Depends(lists)]) -> Erasures:
        """List the incidents that are past their retention, and every erasure."""

        def read(tx: Transaction) -> Erasures:
            due = [(key, tx.erasures.changed_at(key)) for key in tx.erasures.due(office.now() - kept_for)]
            found = tuple(Due(incident_id=key, due_at=due_at(at, kept_for)) for key, at in due if at is not None)
            return Erasures(due=found, erasures=tuple(tx.erasures.all()))

        return await office.read(read)

    @router.get("/incidents/{incident_id}/erasure")
    async def read_one(incident_id: IncidentId, who: Annotated[Pass, Depends(erases)]) -> Erasure:
        """Read who asked for an incident's erasure, who confirmed it, and what became of each copy."""
        found = await office.read(lambda tx: tx.erasures.of(incident_id))
        if found is None:
            raise Denied(409, "nobody has asked for it")
        return found

    @router.post("/incidents/{incident_id}/erasure")
    async def ask(incident_id: IncidentId, said: Asked, who: Annotated[Pass, Depends(erases)]) -> Erasure:
        """Ask that an incident be erased. It is refused before its day, while a hold stands or a duty is open."""
        deed = AskErasure(reason=said.reason)
        return await _done(erasing.ask, office.envelope(who.visitor, deed, incident_id, who.act_id))

    @router.post("/incidents/{incident_id}/erasure/confirm")
    async def confirm(incident_id: IncidentId, said: Confirmed, who: Annotated[Pass, Depends(erases)]) -> Erasure:
        """Confirm it, as a second person. A worker destroys what is held at its next sweep; there is no way back."""
        deed = ConfirmErasure(request=said.request)
        return await _done(erasing.confirm, office.envelope(who.visitor, deed, incident_id, who.act_id))

    async def _done(step: Callable[..., Erasure], envelope: Envelope) -> Erasure:
        return await office.beside(
            lambda: step(office.store, office.door, office.sealer, envelope, office.now(), kept_for)
        )

    return router
