"""How long a large register takes: importing it, and resolving one incident against all of it.

`python -m benchmarks.register [AGREEMENTS]` prints a table and writes `benchmarks/results.json`. Seconds are those of
the processor, so that a busy machine does not count; each is also given as a ratio to plain work beside it, done in
the same process.
"""

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.register_csv import stream_register
from tocsin.adapters.sql import create_engine_for, migrate, open_store
from tocsin.adapters.vault import Vault
from tocsin.domain.audience import Audience, select
from tocsin.domain.duty import resolve
from tocsin.domain.governing import may_be_owed
from tocsin.domain.incident import Trigger, TriggerFact
from tocsin.domain.register import Affected
from tocsin.domain.values import IncidentId

AGREEMENTS = 50_000
IMPORT_CEILING, RESOLVE_CEILING = 20.0, 2.0
"""Seconds."""
SMALLER = 4
"""How many times smaller the register is that growth is measured from."""
RESULTS = Path(__file__).parent / "results.json"
NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
COLUMNS = ["agreement", "party", "notify", "services", "regions", "contact", "deputies"]


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measured(int(sys.argv[2]))))
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else AGREEMENTS
    small, large = _child(count // SMALLER), _child(count)
    rows = list(compared(count, small, large))
    for row in rows:
        print(f"{row['measure']:<64} {row['value']:>9} {row['target']:>10} {'yes' if row['holds'] else 'NO'}")
    _keep(rows)
    return 0 if all(row["holds"] for row in rows) else 1


def compared(count: int, small: dict[str, float], large: dict[str, float]) -> Iterable[dict[str, Any]]:
    """Yield each measure with its target."""
    name = f"register of {count:,}"
    yield _row(f"{name}: import, seconds", large["import"], IMPORT_CEILING)
    yield _row(f"{name}: import / parsing its CSV and writing it as JSON", large["import"] / large["plain"], 60)
    yield _row(f"{name}: resolve one incident, seconds", large["resolve"], RESOLVE_CEILING)
    yield _row(f"{name}: resolve / reading its rows as JSON", large["resolve"] / large["json"], 20)
    yield _row(f"{name}: choose an audience, seconds", large["select"], RESOLVE_CEILING)
    yield _row(f"{name}: {2 * count:,} duties of everybody, seconds", large["duties"], 20)
    for part in ("import", "resolve"):
        grown = large[part] / small[part] / SMALLER
        yield _row(f"{name}: {part}, growth of time / growth of register", grown, 1.5)
    kept = (large["peak"] - small["peak"]) / (count - count // SMALLER) * 1024
    yield _row(f"{name}: import and resolve, memory per further agreement, bytes", kept, 1500)


def measured(count: int) -> dict[str, float]:
    """Return seconds and the peak of memory (KiB) for a register of so many agreements, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        file = _write(home / "register.csv", count)
        plain = _timed(lambda: _plainly(file, home / "plain.jsonl"))
        rows = _timed(lambda: _as_json(home / "plain.jsonl"))
        keyring = FileKeyring.create(home / "keys")
        url = f"sqlite:///{home / 'store.sqlite'}"
        migrate(url)
        engine = create_engine_for(url)
        store = open_store(url, Vault(engine, keyring))

        def import_() -> None:
            with store.writing() as tx:
                tx.register.publish(stream_register(file, keyring.id_key()), NOW)

        def resolve_() -> None:
            # As the engine does at a report: one pass over the register pins those who fit, and their duties follow.
            with store.reading() as tx:
                fit = (one for one in tx.register.agreements() if "service-7" in one.services and may_be_owed(one, NOW))
                pins = [Affected(agreement=one, revision=1) for one in fit]
            assert len(resolve(IncidentId("inc-1"), triggers, pins)) == 2 * len(pins) == count // 50

        def select_() -> None:
            wanted = Audience(services=("service-7",), regions=("EU",))
            with store.reading() as tx:
                assert select(wanted, tx.register.agreements(), NOW).agreements

        triggers = {t: TriggerFact(at=NOW) for t in (Trigger.DISCOVERY, Trigger.CONFIRMATION)}
        seconds = {"plain": plain, "json": rows, "import": _timed(import_), "resolve": _timed(resolve_)}
        seconds["select"] = _timed(select_)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with store.reading() as tx:
            everybody = [Affected(agreement=one, revision=1) for one in tx.register.agreements()]
        seconds["duties"] = _timed(lambda: resolve(IncidentId("inc-1"), triggers, everybody))
        store.close()
        engine.dispose()
    return seconds | {"peak": float(peak)}


def _write(path: Path, count: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for n in range(count):
            host = f"party-{n}.example"
            notify = "promptly from discovery; 72h from confirmation"
            contacts = (f"Privacy desk <privacy@{host}>", f"Deputy <deputy@{host}>")
            writer.writerow(
                [f"A-{n}", f"Party {n}", notify, f"service-{n % 100}", ("EU", "UK")[n // 100 % 2], *contacts]
            )
    return path


def _plainly(file: Path, out: Path) -> None:
    with file.open(newline="", encoding="utf-8") as rows, out.open("w", encoding="utf-8") as lines:
        for row in csv.DictReader(rows):
            lines.write(json.dumps(row) + "\n")


def _as_json(file: Path) -> None:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            json.loads(line)


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _child(count: int) -> dict[str, float]:
    """Measure in a process of its own: the peak of memory is a process's, and never falls."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.register", "--child", str(count)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def _row(measure: str, value: float, target: float) -> dict[str, Any]:
    return {"measure": measure, "value": round(value, 2), "target": f"<= {target:g}", "holds": value <= target}


def _keep(rows: list[dict[str, Any]]) -> None:
    """Replace these measures among those that other benchmarks wrote."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    new = {row["measure"] for row in rows}
    kept = [row for row in before if row["measure"] not in new]
    RESULTS.write_text(json.dumps([*kept, *rows], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
