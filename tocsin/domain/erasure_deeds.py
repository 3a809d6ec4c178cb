"""What two persons do to have an incident erased: one asks, the other confirms."""

from typing import Literal

from tocsin.domain.values import ActId, Value


class AskErasure(Value):
    """Ask that an incident whose retention is over be erased. It is no act upon its workflow, which has ended."""

    kind: Literal["erase_ask"] = "erase_ask"
    reason: str


class ConfirmErasure(Value):
    """Confirm, as a second person, that an incident is erased. There is no way back."""

    kind: Literal["erase_confirm"] = "erase_confirm"
    request: ActId
    """The act that asked for it."""


ErasureDeed = AskErasure | ConfirmErasure
