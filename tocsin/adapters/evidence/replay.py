"""Replaying a pack's histories: whether the code that is installed would have decided as it was decided then."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverterWithEncodedAttributes
from temporalio.worker import Replayer

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.archive import unpacked
from tocsin.adapters.evidence.listed import Unreadable
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Check, Checked, Finding
from tocsin.domain.errors import Refused

_IN_CLEAR = replace(
    pydantic_data_converter, payload_codec=None, failure_converter_class=DefaultFailureConverterWithEncodedAttributes
)


async def replayed(target: Path, workflows: Sequence[type]) -> Checked:
    """Replay every history of a pack against these workflows. It says nothing of the rest: check the pack first.

    Raises:
        Refused: if there is no such pack, or no history in it.
    """
    with unpacked(target) as folder, Pack(folder) as pack:
        names = sorted(name for name in pack.names() if name.startswith(f"{layout.HISTORY}/"))
        if not names:
            raise Refused(f"{target} holds no histories: the engine could not be asked when it was written")
        replayer = Replayer(workflows=workflows, data_converter=_IN_CLEAR)
        checks = tuple([await _replay(pack, name, replayer) for name in names])
        return Checked(incident_id=pack.incident.incident_id, size=pack.head.size, root=pack.head.root, checks=checks)


async def _replay(pack: Pack, name: str, replayer: Replayer) -> Check:
    title = f"{name}: the code that is installed decides as was decided then"
    try:
        kept = json.loads(pack.read(name))
        history = WorkflowHistory.from_json(kept["workflowId"], {"events": kept["events"]})
    except Unreadable as unreadable:
        return Check(title=title, findings=(unreadable.finding,))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"it is no history that can be read ({type(error).__name__})"
        return Check(title=title, findings=(Finding(file=name, what=what),))
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    failure = result.replay_failure
    if failure is None:
        return Check(title=title)
    return Check(title=title, findings=(Finding(file=name, what=f"it decides otherwise: {_first_line(failure)}"),))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
