"""The rows of a table of measures, printed as they come, kept beside those of other benchmarks."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


class Rows:
    """Collects measures, each with its target."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    @property
    def hold(self) -> bool:
        """Whether every target is met."""
        return all(row["holds"] for row in self._rows)

    def floor(self, measure: str, value: float, target: float, *, aim: bool = False) -> None:
        """Note a value that should be at least `target`; one that is only aimed at always holds."""
        self._add(measure, round(value, 2), f"{'aim ' if aim else ''}>= {target:g}", holds=aim or value >= target)

    def ceiling(self, measure: str, value: float, target: float) -> None:
        """Note a value that should be at most `target`."""
        self._add(measure, round(value, 2), f"<= {target:g}", holds=value <= target)

    def told(self, measure: str, value: float) -> None:
        """Note a value that has no target."""
        self._add(measure, value, "reported", holds=True)

    def keep(self) -> None:
        """Replace these measures among those that other benchmarks wrote."""
        before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
        new = {row["measure"] for row in self._rows}
        kept = [row for row in before if row["measure"] not in new]
        RESULTS.write_text(json.dumps([*kept, *self._rows], indent=2) + "\n", encoding="utf-8")

    def _add(self, measure: str, value: float, target: str, *, holds: bool) -> None:
        self._rows.append({"measure": measure, "value": value, "target": target, "holds": holds})
        print(f"{measure:<72} {value:>9} {target:>11} {'yes' if holds else 'NO'}", flush=True)
