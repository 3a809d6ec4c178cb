"""The documents' picture of the ledger's states is made from the table."""

from collections.abc import Callable

from tocsin.domain.notice import TRANSITIONS

HEAD = """\
# How far a notice can come

Made from `TRANSITIONS` in `tocsin/domain/notice.py`; `pytest tests/golden --rewrite-golden` makes it anew.

```mermaid
stateDiagram-v2
    [*] --> drafted
"""


def test_page_of_states(golden: Callable[[str, str], None]) -> None:
    """docs/notice-states.md shows exactly the transitions of the table."""
    arrows = [f"    {state} --> {to}" for state, following in TRANSITIONS.items() for to in sorted(following)]
    ends = [f"    {state} --> [*]" for state, following in TRANSITIONS.items() if not following]

    golden("../../docs/notice-states.md", HEAD + "\n".join([*arrows, *ends]) + "\n```\n")
