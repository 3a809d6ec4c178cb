"""Opening a round of the register, for the page and the API alike: in a signed envelope, as every act is."""

from collections.abc import Iterable
from datetime import date

from tocsin.console.office import Office, Visitor
from tocsin.domain.act import Receipt
from tocsin.domain.probe_deed import Probe, round_id_of
from tocsin.domain.probing import USUAL
from tocsin.domain.values import ActId, AgreementId


async def open_round(
    office: Office,
    visitor: Visitor,
    agreements: Iterable[AgreementId],
    answer_by: date | None,
    act_id: ActId | None = None,
) -> Receipt:
    """Have the contacts of these agreements asked, or (none) those of the whole register. Raises Refused."""
    now = office.now()
    deed = Probe(answer_by=answer_by or (now + USUAL).date(), agreements=tuple(sorted(set(agreements))))
    return await office.do(visitor, deed, round_id_of(office.id_key, now.date(), deed.agreements), act_id)
