"""What calls a person although no workflow does."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.domain.clock import ClockRow, ClockSpec, Mark, covered_by
from tocsin.domain.incident import Trigger
from tocsin.domain.values import ClockId, IncidentId
from tocsin.domain.watching import AGAIN_AFTER, SWEEP_SILENT_FOR, UNWARNED_FOR, Log, Seen, alarms, to_send

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOG = Log(size=7, root="aa", newest_at=NOW - MINUTE)


def clock(half_at: datetime, *sent: Mark, open_duties: int = 3) -> ClockRow:
    """Return a clock of 72 h that is half through at `half_at`."""
    spec = ClockSpec(
        clock_id=ClockId("clk-1"),
        incident_id=IncidentId("inc-1"),
        rule_id="contract:72h-from-confirmation",
        title="72 h from confirmation",
        trigger=Trigger.CONFIRMATION,
        trigger_at=half_at - timedelta(hours=36),
        deadline_at=half_at + timedelta(hours=36),
        target_at=half_at + timedelta(hours=36),
    )
    return ClockRow(spec=spec, sent=sent, open_duties=open_duties, total_duties=3)


def seen(**change: Any) -> Seen:
    """Return a look at which all was well, with something changed."""
    well = {"at": NOW, "swept_at": NOW - MINUTE, "changed_at": NOW - MINUTE, "log": LOG, "pollers": 1}
    return Seen(**{**well, **change})


def keys(look: Seen) -> list[str]:
    """Return what the alarms of a look are about."""
    return [alarm.key.partition(":")[0] for alarm in alarms(look)]


def test_all_is_well() -> None:
    """A look at which everything is as it should be calls nobody."""
    assert keys(seen(clocks=(clock(NOW + MINUTE), clock(NOW - timedelta(hours=12), *covered_by(Mark.HALF))))) == []


def test_clock_that_did_not_warn() -> None:
    """A clock whose mark fell due and was not sent calls a person after the grace, and not a second before."""
    late = clock(NOW - UNWARNED_FOR)
    assert keys(seen(clocks=(late,))) == ["clock"]
    assert keys(seen(clocks=(late,), at=NOW - timedelta(seconds=1))) == []


def test_overdue_and_unwarned_says_how_long() -> None:
    """A clock past its deadline with nobody warned is named with its incident, its count and how late it is."""
    (alarm,) = alarms(seen(clocks=(clock(NOW - timedelta(hours=38)),)))
    assert "2 h overdue" in alarm.subject
    assert "inc-1" in alarm.subject
    assert "Open: 3 of 3 duties" in alarm.text


def test_clock_without_open_duties() -> None:
    """A clock with nothing left open is about to end; its marks are nobody's business."""
    assert keys(seen(clocks=(clock(NOW - timedelta(hours=40), open_duties=0),))) == []


def test_machines_that_disagree_on_the_time() -> None:
    """A sweep that comes from more than five minutes ahead calls a person: one of two clocks is wrong."""
    assert keys(seen(swept_at=NOW + 5 * MINUTE)) == []
    assert keys(seen(swept_at=NOW + 6 * MINUTE)) == ["time"]


def test_silent_sweep() -> None:
    """A sweep that has not reported for a quarter of an hour, or never has, calls a person."""
    assert keys(seen(swept_at=NOW - SWEEP_SILENT_FOR)) == []
    assert keys(seen(swept_at=NOW - SWEEP_SILENT_FOR - MINUTE)) == ["sweep"]
    assert keys(seen(swept_at=None)) == ["sweep"]


def test_engine_and_worker() -> None:
    """Temporal that does not answer, and a queue without a poller, each call a person; not knowing is no alarm."""
    assert keys(seen(engine="127.0.0.1:7233 gives no answer.", pollers=None)) == ["engine"]
    assert keys(seen(pollers=0)) == ["worker"]
    assert keys(seen(pollers=None)) == []


def test_store_and_disk() -> None:
    """A store that cannot be read, and a disk that is nearly full, come before everything else."""
    assert keys(seen(store="locked", log=None, changed_at=None, swept_at=None)) == ["store"]
    assert keys(seen(disk="Only 3 MiB are free.", swept_at=None)) == ["disk", "sweep"]


def test_log_that_does_not_move() -> None:
    """An incident that changed without an entry means that the log was bypassed or stopped."""
    assert keys(seen(changed_at=NOW, log=Log(size=7, root="aa", newest_at=NOW - 2 * MINUTE))) == ["log-behind"]
    assert keys(seen(log=Log(size=0, root="aa"))) == ["log-behind"]


def test_log_that_was_cut_or_rewritten() -> None:
    """A log shorter than before, or whose beginning no longer gives the root of before, calls a person."""
    assert keys(seen(before=Log(size=9, root="bb"), before_holds=False)) == ["log-cut"]
    assert keys(seen(before=Log(size=7, root="bb"), before_holds=False)) == ["log-cut"]
    assert keys(seen(before=Log(size=5, root="cc"))) == []


def test_standing_alarm_is_repeated_hourly() -> None:
    """An alarm that stands is told once an hour, another one at once."""
    (alarm,) = alarms(seen(pollers=0))
    assert to_send([alarm], {alarm.key: NOW}, NOW + AGAIN_AFTER - MINUTE) == []
    assert to_send([alarm], {alarm.key: NOW}, NOW + AGAIN_AFTER) == [alarm]
    assert to_send([alarm], {"sweep": NOW}, NOW) == [alarm]
