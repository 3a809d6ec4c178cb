"""A report at a moment when the engine is down."""

import stat
from datetime import UTC, datetime, timedelta

import orjson

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import one
from tests.acceptance.life import quickly
from tests.acceptance.stack import Installation, Server, free_port, wait_for

TITLES = ("Quorbish sign-ins", "Quorbish exports")


def report(installation: Installation, title: str) -> None:
    """Report; it must be kept, paged, and answered with whom to phone."""
    ran = installation.tocsin("report", title, "--alert", title)
    assert ran.code == 3, ran.err
    assert "Traceback" not in ran.err
    assert "phone Dara on +44 20 7946 0202 now" in " ".join(ran.err.split())


def reports_in_log(installation: Installation) -> int:
    """Count the reports that the log knows."""
    bodies = [orjson.loads(line) for line in log_lines(installation)]
    return sum(body["kind"] == "act.report" for body in bodies)


def log_lines(installation: Installation) -> list[str]:
    """Return the log's entries as evidence gives them."""
    folder = installation.home.with_name("evidence")
    quickly(installation, "evidence", "last", "--output", str(folder))
    return (folder / "log.jsonl").read_text().splitlines()


def test_report_is_spooled(install: Install) -> None:
    """It is kept sealed, somebody is paged, and it is delivered by itself, once, as of the instant it was made."""
    port = free_port()
    installation = install(address=f"127.0.0.1:{port}", ON_CALL="Dara on", ON_CALL_PHONE="+44 20 7946 0202")
    installation.set_up(one())
    began_at = datetime.now(UTC)
    for title in TITLES:
        report(installation, title)
    made_by = datetime.now(UTC)
    spool = installation.home / "spool"
    kept = sorted(spool.glob("*.report"))
    assert [0o600, 0o600] == [stat.S_IMODE(file.stat().st_mode) for file in kept]
    assert not [file for file in spool.iterdir() if b"uorbish" in file.read_bytes()]
    assert len(installation.pages()) == 2
    assert len(installation.processes()) == 1, "one process delivers, however many reports wait"
    assert "2 report(s) wait for the engine" in installation.does("next").out
    server = Server(installation.home.with_name("engine"), port)
    server.start()
    try:
        with installation.working():
            wait_for(lambda: not list(spool.glob("*.report")), within=60)
            wait_for(lambda: len(installation.processes()) == 1, within=30)
            assert "nothing waits" in quickly(installation, "spool", "drain").out
        listed = quickly(installation, "list", "--json").json
        assert sorted(TITLES) == sorted(row["title"] for row in listed)
        for row in listed:
            assert began_at <= datetime.fromisoformat(row["reported_at"]) <= made_by + timedelta(seconds=1)
        assert reports_in_log(installation) == 2
    finally:
        server.stop()
