"""The store by reading, over the API: the part of `ports.Transaction` that commands read, as far as the person may see.

Nothing here writes. What the API does not give is said, with where to do it instead.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, cast

from tocsin.domain.act import Envelope
from tocsin.domain.breaker import ChannelState
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Refused
from tocsin.domain.hold import Hold
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.letter import Letter
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.receipt import Receipt
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.task import Task
from tocsin.domain.values import AgreementId, ClockId, IncidentId, NoticeId, WaveId
from tocsin.ports import Transaction, WaveRow
from tocsin.remote.api import Api


def not_from_here(what: str) -> NoReturn:
    """Raise Refused: this works on the installation itself only."""
    raise Refused(f"{what} is not there over the API; do it on the installation's own machine, or with --direct")


class _Part:
    """A part of the transaction; what it does not have is refused in words."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __getattr__(self, name: str) -> NoReturn:
        not_from_here(f"what this command needs ({name.replace('_', ' ')})")


class _Incidents(_Part):
    def all(self, *, open_only: bool = False) -> list[IncidentState]:
        return self._api.get("/states", list[IncidentState], open_only=open_only)

    def state(self, incident_id: IncidentId) -> IncidentState | None:
        return self._api.get(f"/incidents/{incident_id}/state", IncidentState)

    def facts(self, incident_id: IncidentId) -> Facts | None:
        return self._api.get(f"/incidents/{incident_id}/facts", Facts)

    def acts(self, incident_id: IncidentId) -> list[Envelope]:
        return self._api.get(f"/incidents/{incident_id}/acts", list[Envelope])


class _Duties(_Part):
    def of(self, incident_id: IncidentId, *, clock_id: ClockId | None = None, open_only: bool = False) -> list[Duty]:
        where = f"/incidents/{incident_id}/" + (f"clocks/{clock_id}/duties" if clock_id else "duties")
        return self._api.get(where, list[Duty], open_only=open_only)

    def clocks(self, incident_id: IncidentId) -> list[ClockRow]:
        return self._api.get(f"/incidents/{incident_id}/clocks", list[ClockRow])

    def holds(self, incident_id: IncidentId) -> list[Hold]:
        return self._api.get(f"/incidents/{incident_id}/holds", list[Hold])


class _Ledger(_Part):
    """Waves and notices are named by the API below their incident: it is looked up for those asked for without."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._of_wave: dict[WaveId, IncidentId] = {}
        self._of_notice: dict[NoticeId, IncidentId] = {}

    def waves(self, incident_id: IncidentId) -> list[WaveRow]:
        rows = self._api.get(f"/incidents/{incident_id}/wave-rows", list[WaveRow])
        self._of_wave |= {row.wave_id: incident_id for row in rows}
        return rows

    def wave(self, wave_id: WaveId) -> WaveRow | None:
        incident_id = self._incident(wave_id)
        return next((row for row in self.waves(incident_id) if row.wave_id == wave_id), None) if incident_id else None

    def notices(
        self,
        wave_id: WaveId,
        *,
        first: int = 0,
        last: int | None = None,
        states: Iterable[NoticeState] | None = None,
        agreements: Iterable[AgreementId] | None = None,
    ) -> list[Notice]:
        wanted, among = set(states) if states else None, set(agreements) if agreements is not None else None
        incident_id = self._incident(wave_id)
        if incident_id is None:
            return []
        rows = self._api.each(f"/incidents/{incident_id}/waves/{wave_id}/notices", Notice)
        found = [row for row in rows if row.ordinal >= first and (last is None or row.ordinal < last)]
        self._of_notice |= {row.notice_id: incident_id for row in found}
        return [
            row
            for row in found
            if (wanted is None or row.state in wanted) and (among is None or row.agreement_id in among)
        ]

    def of(self, incident_id: IncidentId, *, beside_mail: bool = False) -> list[Notice]:
        if beside_mail:
            not_from_here("a list of what goes by other methods")
        return [row for wave in self.waves(incident_id) for row in self.notices(wave.wave_id)]

    def notice(self, notice_id: NoticeId) -> Notice | None:
        incident_id = self._incident_of(notice_id)
        rows = self.of(incident_id) if incident_id else []
        return next((row for row in rows if row.notice_id == notice_id), None)

    def letter(self, notice_id: NoticeId) -> Letter | None:
        incident_id = self._incident_of(notice_id)
        return self._api.get(f"/incidents/{incident_id}/notices/{notice_id}/letter", Letter)

    def _incident(self, wave_id: WaveId) -> IncidentId | None:
        if wave_id not in self._of_wave:
            states = self._api.get("/states", list[IncidentState])
            self._of_wave |= {key: state.incident_id for state in states for key in state.waves}
        return self._of_wave.get(wave_id)

    def _incident_of(self, notice_id: NoticeId) -> IncidentId | None:
        if notice_id not in self._of_notice:
            for state in self._api.get("/states", list[IncidentState]):
                self.of(state.incident_id)
        return self._of_notice.get(notice_id)


class _Tasks(_Part):
    def of(self, incident_id: IncidentId) -> list[Task]:
        return self._api.get(f"/incidents/{incident_id}/tasks", list[Task])


class _Register(_Part):
    def agreements(self, revision: int | None = None) -> Iterator[Agreement]:
        if revision is not None:
            not_from_here("an older register")
        return self._api.each("/register", Agreement)

    def agreement(self, agreement_id: AgreementId, revision: int | None = None) -> Agreement | None:
        if revision is not None:
            not_from_here("an older register")
        try:
            return self._api.get(f"/register/{agreement_id}", Agreement)
        except Refused:
            return None

    def pinned(self, incident_id: IncidentId, only: Iterable[AgreementId] | None = None) -> list[Affected]:
        pins = self._api.get(f"/incidents/{incident_id}/pins", list[Affected])
        wanted = set(only) if only is not None else None
        return [pin for pin in pins if wanted is None or pin.agreement.agreement_id in wanted]


class _Receipts(_Part):
    def parked(self) -> list[Receipt]:
        return self._api.get("/receipts/parked", list[Receipt])


class _Channels(_Part):
    def all(self) -> list[ChannelState]:
        return self._api.get("/channels", list[ChannelState])


class _Erasures(_Part):
    """The installation itself gives nothing of what is erased, or being erased."""

    def of(self, incident_id: IncidentId) -> None:
        return None

    def sealed_off(self) -> set[IncidentId]:
        return set()


class _Reading:
    def __init__(self, api: Api) -> None:
        self.incidents, self.duties, self.ledger = _Incidents(api), _Duties(api), _Ledger(api)
        self.tasks, self.register, self.receipts = _Tasks(api), _Register(api), _Receipts(api)
        self.channels, self.erasures = _Channels(api), _Erasures(api)

    def __getattr__(self, name: str) -> NoReturn:
        not_from_here(f"what this command reads ({name.replace('_', ' ')})")


class RemoteStore:
    """The store of an installation that is reached by its API: it is read, never written."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Read through the API. Each part is read when it is asked for: this is no snapshot."""
        yield cast(Transaction, _Reading(self._api))

    def __getattr__(self, name: str) -> Any:
        """Refuse everything else that a store does."""
        not_from_here(f"{name} of the store")
