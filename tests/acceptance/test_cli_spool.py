"""A report when nobody answers: kept, paged, phoned about, and delivered by itself."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import one
from tests.acceptance.stack import Installation, Server, free_port, wait_for

TITLE = "Birch Clinic's files were copied"


def waiting(installation: Installation) -> list[Path]:
    """Return the reports in the spool."""
    return list((installation.home / "spool").glob("*.report"))


@pytest.mark.timeout(240)
def test_delivered_when_the_engine_is_back(install: Install, tmp_path: Path) -> None:
    """With the engine down a report exits 3, pages and says whom to phone; once it is up it is taken, once."""
    server = Server(tmp_path / "temporal", free_port())
    desk = install(TEMPORAL_ADDRESS=server.address, ON_CALL="Dara Okafor", ON_CALL_PHONE="+49 30 5550 100")
    desk.set_up(one())
    told = desk.tocsin("report", TITLE, "--alert", "SIEM-1", "--occurred-at", "2026-01-02T03:04Z")
    assert told.code == 3
    assert "cannot reach the engine" in told.err
    assert "phone Dara Okafor +49 30 5550 100 now" in told.err
    assert "Traceback" not in told.err
    assert desk.tocsin("report", TITLE, "--alert", "SIEM-1", "--json").json["paged"] is True
    assert len(waiting(desk)) == 2
    assert all(TITLE.encode() not in path.read_bytes() for path in waiting(desk))
    assert len(desk.pages()) == 2
    assert "2 report(s) wait for the engine" in desk.does("next").out
    assert desk.tocsin("confirm", "last").code == 1, "nothing to confirm yet"
    server.start()
    try:
        with desk.working():
            wait_for(lambda: not waiting(desk), 90)
            (incident,) = desk.does("list", "--json").json
            assert incident["title"] == TITLE
            shown = desk.does("show", "last", "--json").json
            assert shown["triggers"]["occurrence"]["at"] == "2026-01-02T03:04:00Z"
            wait_for(lambda: not desk.processes()[1:])  # the worker alone is left: the drainer has ended
    finally:
        server.stop()
    log = (desk.home / "spool" / "drain.log").read_text()
    assert log.count("taken: act-") == 2
    assert "Birch" not in log
    assert "Asha" not in log


@pytest.mark.timeout(120)
def test_an_engine_without_a_worker(installation: Installation) -> None:
    """With the engine up but no worker a report is kept as well, and taken by the first worker that comes."""
    installation.set_up(one())
    with installation.working():
        pass  # it made the namespace, and stopped
    told = installation.tocsin("report", TITLE)
    assert told.code == 3
    assert "no worker answers" in told.err
    with installation.working():
        wait_for(lambda: not waiting(installation), 60)
        assert len(installation.does("list", "--json").json) == 1
