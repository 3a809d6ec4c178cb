"""The engine's histories without what is privileged: their payloads are JSON, and hold what people wrote."""

import base64
import json
from typing import Any

from tocsin.domain.privilege import Redaction


def redacted_history(history: bytes, redaction: Redaction) -> bytes:
    """Return a history in which every payload says that a privileged paragraph was left out, where there was one.

    What decides about the order of events is no text that people wrote: it replays as before.
    """
    whole = json.loads(history)
    return (json.dumps(_without(whole, redaction), indent=1) + "\n").encode()


def _without(value: Any, redaction: Redaction) -> Any:
    if isinstance(value, list):
        return [_without(one, redaction) for one in value]
    if not isinstance(value, dict):
        return redaction.value(value)
    if isinstance(data := value.get("data"), str) and "metadata" in value:
        return value | {"data": _payload(data, redaction)}
    return {name: _without(one, redaction) for name, one in value.items()}


def _payload(data: str, redaction: Redaction) -> str:
    try:
        said = json.loads(base64.b64decode(data))
    except ValueError:
        return data
    without = redaction.value(said)
    return data if without == said else base64.b64encode(json.dumps(without).encode()).decode()
