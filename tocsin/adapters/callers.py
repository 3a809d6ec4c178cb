"""The ladder of one installation, with the pagers that its rungs name."""

from collections.abc import Mapping

from tocsin.adapters.pager_chain import PagerChain
from tocsin.domain.ladder import Ladder, Rung
from tocsin.domain.values import IncidentId
from tocsin.ports import Pager


class LadderCallers:
    """Fulfils `ports.Callers` over named pagers."""

    def __init__(
        self,
        ladder: Ladder,
        pagers: Mapping[str, Pager],
        console_url: str | None = None,
        unpaged: Mapping[str, int] | None = None,
    ) -> None:
        """Page over `pagers`, by name; `unpaged` is where somebody counts the pages that one did not take."""
        self.ladder = ladder
        self.names = tuple(pagers)
        self.unpaged = unpaged if unpaged is not None else {}
        self.everyone: Pager = PagerChain([*pagers.values()])
        self._pagers = pagers
        self._console_url = console_url

    def of(self, rung: Rung) -> Pager:
        """Return the rung's channels as one pager: the next is tried at once when one fails."""
        return PagerChain([self._pagers[name] for name in rung.channels])

    def link(self, incident_id: IncidentId) -> str:
        """Return the incident's page in the console; empty where no console is known."""
        return f"{self._console_url}/incidents/{incident_id}" if self._console_url else ""
