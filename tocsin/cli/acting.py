"""What every command that acts does last: send the deed, and print what came of it."""

from tocsin.cli.render import emit, say
from tocsin.cli.session import Session
from tocsin.domain.act import Deed, Receipt
from tocsin.domain.values import IncidentId


def act(work: Session, deed: Deed, incident_id: IncidentId, as_json: bool) -> Receipt:
    """Do it, and print the receipt."""
    receipt = work.do(deed, incident_id)
    tell(receipt, as_json)
    return receipt


def tell(receipt: Receipt, as_json: bool) -> None:
    """Print a receipt."""
    if as_json:
        emit(receipt)
        return
    for line in receipt.lines or (f"incident {receipt.incident_id} is {receipt.status}",):
        say(line)
