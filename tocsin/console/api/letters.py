"""Letters before anybody gets them, as `tocsin letter preview` shows them."""

from typing import Annotated

from fastapi import Depends, Query

from tocsin.cli.previewing import previewed
from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.domain.notice import WaveKind
from tocsin.domain.preview import Previewed, WantedLetter
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId

Language = Annotated[str | None, Query(max_length=20, description="Default: the agreement's.")]
To = Annotated[str | None, Query(max_length=400, description="Your reference of the agreement, or the party's name.")]


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    sees, reads = Guard(office, Action.SEE), Guard(office, Action.READ_REGISTER)

    @router.get("/incidents/{incident_id}/letter-preview")
    async def of_incident(
        incident_id: IncidentId,
        who: Annotated[Pass, Depends(sees)],
        kind: WaveKind = WaveKind.INITIAL,
        language: Language = None,
        to: To = None,
    ) -> Previewed:
        """Read a letter about an incident: the one of the newest draft, or else as it would be written now."""
        asked = WantedLetter(kind=kind, language=language, to=to)
        return await office.beside(lambda: previewed(office, asked, who.incident))

    @router.post("/letters/preview")
    async def of_facts(asked: WantedLetter, who: Annotated[Pass, Depends(reads)]) -> Previewed:
        """Read the letter that these facts would make. Nothing is kept."""
        return await office.beside(lambda: previewed(office, asked))

    return router
