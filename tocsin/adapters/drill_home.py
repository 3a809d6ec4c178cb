"""A drill's home: a file in it says how its time runs, and that nothing of it leaves this machine.

`tocsin drill` writes the file into a new folder, and nothing else does. Whatever works in such a home (worker, console,
commands) takes its settings from the file and not from the environment, so that neither a real channel nor a real
store or namespace can be named by accident; and no setting makes another home run at a drill's speed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tocsin.domain.errors import Refused
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import Instant, Value

FILE = "drill.json"
PREFIX = "drill-"
"""How the namespace of every drill begins, so that none is mistaken for another one's."""
SWEEP_SECONDS = 5
"""Of the wall: a sweep in each second of a drill would leave the machine to nothing else."""

_KEPT = ("home", "user", "logging", "logging_level", "console_address")
"""What the environment may still say: who acts, how loudly, and where the console of the drill listens."""


class DrillHome(Value):
    """What the file says."""

    origin: Instant
    speed: float
    address: str
    """Where the drill's own Temporal listens."""
    namespace: str
    sink: str
    """Where its letters and pages end: a stand-in for SendGrid on this machine."""
    console_address: str
    """Where its console listens, if people act."""
    pagers: tuple[str, ...] = ()
    """The names of real pagers that a person asked for."""

    @property
    def tempo(self) -> Tempo:
        """How its time runs."""
        return Tempo(origin=self.origin, speed=self.speed, drill=True)


def begin(home: Path, **said: Any) -> DrillHome:
    """Make a home a drill's, whose time begins now; return what its file says."""
    drill = DrillHome(origin=datetime.now(UTC), **said)
    (home / FILE).write_text(drill.model_dump_json(indent=2), encoding="utf-8")
    return drill


def read_drill(home: Path) -> DrillHome | None:
    """Return what makes a home a drill's; None for any other home.

    Raises:
        Refused: if the file cannot be read: such a home is neither a drill's nor a real one.
    """
    path = home / FILE
    if not path.exists():
        return None
    try:
        found = DrillHome.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise Refused(f"{path} says that this home is a drill's and cannot be read; name another home") from error
    if not found.namespace.startswith(PREFIX):
        raise Refused(f"{path} names the namespace {found.namespace!r}, which is no drill's; name another home")
    return found


def drill_settings(home: Path, drill: DrillHome, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a drill's home; of what the environment has `said` only what leads nowhere is kept."""
    kept = {name: value for name, value in said.items() if name in _KEPT}
    own = {
        "home": home,
        "temporal_address": drill.address,
        "temporal_namespace": drill.namespace,
        "channel": "sendgrid",
        "sendgrid_api_key": "SG.drill",
        "sendgrid_base_url": drill.sink,
        "sender_name": "DRILL, nothing has happened",
        "pages_to": "on-call@drill.example",
        "sweep_every_seconds": SWEEP_SECONDS,
        "pager_urls": _asked_for(drill.pagers, said.get("pager_urls")),
    }
    return {"console_address": drill.console_address} | kept | own


def _asked_for(names: tuple[str, ...], urls: Any) -> str | None:
    words = urls.get_secret_value().split() if urls is not None else []
    return " ".join(word for word in words if word.partition("=")[0] in names) or None
