"""Tocsin's own figures: what the store holds, as Prometheus reads it, and what dashboard and rules make of it."""

import json
import re
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import temporalio.bridge
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.stack import free_port
from tests.architecture.source import ROOT
from tests.ports.story import AT, OTHER_INCIDENT, clock, entry, notice, state, wave, written
from tests.ports.test_receipts import heard
from tocsin.adapters.figures import KEPT_SECONDS, StoreFigures, figures_shown
from tocsin.adapters.sql import SqlStore, create_engine_for
from tocsin.domain.breaker import ChannelState
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Status
from tocsin.domain.notice import NoticeState
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.values import ClockId, WaveId
from tocsin.ports import SWEPT, CheckpointRow
from tocsin.receiving import take
from tocsin.settings import Settings

S = NoticeState
MINUTE = timedelta(minutes=1)
NOW = AT + timedelta(hours=71)
DASHBOARD = (ROOT / "deploy" / "grafana" / "tocsin.json").read_text()
RULES = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text()


@pytest.fixture
def busy(store: SqlStore) -> SqlStore:
    """A store with an open incident in full swing, and one that is over and counts no more."""
    rows = [
        notice(0, state=S.ACCEPTED).model_copy(update={"reports": True, "settled_at": NOW - 9 * MINUTE}),
        notice(1, state=S.IN_DOUBT).model_copy(update={"settled_at": NOW - 5 * MINUTE}),
        notice(2, state=S.RELEASED).model_copy(update={"channel": "smtp"}),
    ]
    over = notice(3, state=S.IN_DOUBT, wave_id=WaveId("wav-over"))
    over = over.model_copy(update={"incident_id": OTHER_INCIDENT, "settled_at": AT})
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_state(state(incident_id=OTHER_INCIDENT, status=Status.CLOSED), AT)
        tx.duties.put_clock(clock())
        tx.duties.put_clock(clock(ClockId("clk-missed"), due=NOW - MINUTE))
        tx.ledger.put_wave(wave(rows=3, released=True))
        tx.ledger.plan([*rows, over])
        tx.ledger.put_letters(written(row) for row in rows)
        tx.log.append([entry("a"), entry("b")])
        tx.beats.put(SWEPT, NOW - 4 * MINUTE)
        tx.channels.put([ChannelState(name="smtp", stopped_at=AT, reason="no account")])
    parked = heard(ReceiptKind.DEFERRED, None).model_copy(update={"at": NOW - 3 * MINUTE})
    take(store, [parked], NOW - MINUTE)
    return store


def shown(url: str, now: datetime = NOW, **unpaged: int) -> dict[str, float]:
    """Return the figures of a store as Prometheus reads them: `name{labels}` and value."""
    engine, registry = create_engine_for(url), CollectorRegistry()
    registry.register(StoreFigures(engine, unpaged, lambda: now, unread={"sendgrid": 3}))
    text = generate_latest(registry).decode()
    engine.dispose()
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {
        f"{one.name}{{{','.join(f'{key}={said}' for key, said in sorted(one.labels.items()))}}}": one.value
        for one in samples
    }


def test_the_store_in_figures(busy: SqlStore, store_url: str) -> None:
    """Each figure is the store's: open incidents only, ages from now, and the margin of the clock that was missed."""
    assert shown(store_url, first=2) == {
        "tocsin_store_readable{}": 1,
        "tocsin_pager_failures_total{pager=first}": 2,
        "tocsin_suppressions_unread_total{channel=sendgrid}": 3,
        "tocsin_incidents_open{}": 1,
        "tocsin_clocks{state=ended}": 0,
        "tocsin_clocks{state=running}": 2,
        "tocsin_clocks_overdue{}": 1,
        "tocsin_notices{channel=outbox,state=accepted}": 1,
        "tocsin_notices{channel=outbox,state=in_doubt}": 1,
        "tocsin_notices{channel=smtp,state=released}": 1,
        "tocsin_notices_in_doubt{}": 1,
        "tocsin_log_entries{}": 3,
        "tocsin_log_unsigned_entries{}": 3,
        "tocsin_channel_stopped{channel=smtp}": 1,
        "tocsin_clock_margin_seconds{}": -60,
        "tocsin_doubt_age_seconds{}": 300,
        "tocsin_receipts_waiting_seconds{}": 540,
        "tocsin_receipts_lag_seconds{}": 120,
        "tocsin_log_head_age_seconds{}": 180,
        "tocsin_sweep_age_seconds{}": 240,
    }


def test_what_has_never_been_has_no_age(store: SqlStore, store_url: str) -> None:
    """In a new store nothing is counted in seconds: no alert can take a zero for good news."""
    assert [name for name in shown(store_url) if "seconds" in name] == []


def test_a_store_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """Without a store the scrape answers, and says that there is nothing to read."""
    counted = {"tocsin_suppressions_unread_total{channel=sendgrid}": 3}
    assert shown(f"sqlite:///{tmp_path / 'none' / 'store.sqlite'}") == {"tocsin_store_readable{}": 0} | counted


def test_scrapes_close_together_ask_the_store_once(store: SqlStore, store_url: str) -> None:
    """Within five seconds the figures are those of the scrape before; after that they are new."""
    engine, clocked = create_engine_for(store_url), [0.0]
    figures = StoreFigures(engine, {}, lambda: NOW, lambda: clocked[0])
    before = figures._figures()
    with store.writing() as tx:
        tx.log.append([entry("a")])
    clocked[0] = KEPT_SECONDS - 0.1
    assert figures._figures() is before
    clocked[0] = KEPT_SECONDS
    after = figures._figures()
    engine.dispose()
    assert after is not None
    assert after.log_size == 1


def test_a_worker_shows_them(store: SqlStore, store_url: str) -> None:
    """They are served where the setting says, and no longer once the worker has ended; a taken port is refused."""
    settings = Settings(store_url=store_url, figures_address=f"127.0.0.1:{free_port()}")
    with figures_shown(settings, {}, {}):
        with urllib.request.urlopen(f"http://{settings.figures_address}/metrics", timeout=5) as answer:
            assert b"tocsin_store_readable 1.0" in answer.read()
        with pytest.raises(Refused, match="set TOCSIN_FIGURES_ADDRESS"), figures_shown(settings, {}, {}):
            pass
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://{settings.figures_address}/metrics", timeout=5)


def test_dashboard_and_rules_name_what_is_shown(busy: SqlStore, store_url: str) -> None:
    """Each metric of the Grafana dashboard and of the alert rules is one that a worker shows, ours or the SDK's."""
    with busy.writing() as tx:
        tx.checkpoints.add(CheckpointRow(at=AT, head=tx.log.head(), note="signed"))
    ours = {name.partition("{")[0] for name in shown(store_url, first=1)}
    expressions = [target["expr"] for panel in json.loads(DASHBOARD)["panels"] for target in panel["targets"]]
    named = set(re.findall(r"\b(?:tocsin|temporal)_[a-z_]+", " ".join(expressions))) | set(
        re.findall(r"\b(?:tocsin|temporal)_[a-z_]+", RULES)
    )
    assert {name for name in named if name.startswith("tocsin_")} == ours
    (library,) = Path(temporalio.bridge.__file__).parent.glob("*.so")
    known = library.read_bytes()
    sdk = {re.sub("_(sum|count|bucket)$", "", name) for name in named if name.startswith("temporal_")}
    assert len(sdk) > 3
    assert [name for name in sdk if name.removeprefix("temporal_").encode() not in known] == []
