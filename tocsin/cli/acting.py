"""What every command that acts does last: send the deed, and print what came of it."""

from tocsin.cli import pages
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session
from tocsin.domain.act import Deed, Receipt
from tocsin.domain.clock import ClockState
from tocsin.domain.values import IncidentId

MOVES_CLOCKS = {"confirm", "revise", "affected_add", "lift", "reopen", "duty_end", "told", "absorb"} | {
    "recompute",
    "decide",
}
DONE = {
    "note": "noted; ",
    "assess": "scored, which moves no clock; ",
    "privilege": "left out of packs and reports from now on; ",
    "lift_privilege": "no longer left out; ",
    "attach": "attached, sealed; ",
    "handover": "handed over; ",
    "send_back": "sent back to whoever drafted them; ",
    "hold_confirm": "confirmed: it stands until it is lifted; ",
    "recall": "recalled: nothing of it leaves; ",
    "glass_review": "reviewed; ",
    "stop": "nothing more of it leaves; ",
    "resume": "sending goes on; ",
}


def act(work: Session, deed: Deed, incident_id: IncidentId, as_json: bool) -> Receipt:
    """Do it, and print the receipt."""
    receipt = work.do(deed, incident_id)
    tell(receipt, as_json, DONE.get(deed.kind, ""))
    if deed.kind in MOVES_CLOCKS and not as_json:
        view = work.view(incident_id)
        say("Clocks that run now:")
        pages.clocks([clock for clock in view.clocks if clock.state is ClockState.RUNNING], work.now())
    return receipt


def tell(receipt: Receipt, as_json: bool, done: str = "") -> None:
    """Print a receipt; `done` says what was done where the receipt has nothing to add."""
    if as_json:
        emit(receipt)
        return
    for line in receipt.lines or (f"{done}incident {receipt.incident_id} is {receipt.status}",):
        say(line)
