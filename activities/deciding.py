"""What is looked at when a person decides whom the law wants told: the proposal must be that of the stored facts."""

from tocsin.domain.act import Assess, Decide
from tocsin.domain.errors import Refused
from tocsin.domain.explain_decision import proposal_of
from tocsin.domain.gdpr_decision import rests_on_the_same
from tocsin.domain.incident import Facts
from tocsin.domain.values import IncidentId


def refuse_an_old_proposal(incident_id: IncidentId, facts: Facts, deed: Decide) -> None:
    """Refuse a decision on a proposal that the facts do not give: they have changed since the person looked.

    Raises:
        Refused: with how to look at it again.
    """
    if not rests_on_the_same(deed.proposal, proposal_of(facts)):
        raise Refused(
            f"the facts changed since the proposal was made that this decision rests on; look at it again: "
            f"tocsin decide {incident_id}"
        )


def assessed(facts: Facts, deed: Assess) -> Facts:
    """Return the facts with what a person judged for the severity score."""
    return facts.model_copy(update={"enisa": deed.inputs})
