"""The organisation profile as a file: `org.toml`, read with every mistake named at once, and a first one written."""

import json
from pathlib import Path
from textwrap import wrap

from tocsin.adapters.toml_file import read_toml
from tocsin.domain.errors import Refused
from tocsin.domain.fact import Fact, FactRegistry, FactType, WhoKnows
from tocsin.domain.organisation import PREFIX, Organisation, organisation, organisation_mistakes

_HEAD = """\
# The organisation, as the law asks about it. `tocsin explain` reads it.
# Remove the # from a line to answer it. What is not answered is not known, and keeps duties on the list.

# name = "Processor Ltd"
time_zone = {zone}
"""

_LEAD = """
# With establishments in several States of the EU or EEA: the State whose authority leads, as in "DE".
# lead_authority = "DE"
"""


def load_organisation(path: Path, registry: FactRegistry) -> Organisation:
    """Read the profile.

    Raises:
        Refused: if the file is missing or no TOML, or naming every mistake in it.
    """
    raw = read_toml(path, "`tocsin init` writes a first one")
    mistakes = list(organisation_mistakes(raw, registry))
    if mistakes:
        raise Refused(f"{path} is wrong:\n  " + "\n  ".join(mistakes))
    return organisation(raw)


def write_default_organisation(path: Path, registry: FactRegistry, zone: str = "UTC") -> bool:
    """Write a first file in which every fact stands as a question to answer; an existing one is kept.

    Returns:
        Whether a file was written.
    """
    if path.exists():
        return False
    questions = (_asked(fact) for fact in registry.facts if fact.who is WhoKnows.ORG)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_HEAD.format(zone=json.dumps(zone)) + _LEAD + "".join(questions), encoding="utf-8")
    path.chmod(0o600)
    return True


def _asked(fact: Fact) -> str:
    lines = wrap(fact.question, 110)
    if fact.choices:
        lines += wrap("Choices: " + ", ".join(fact.choices), 110, subsequent_indent="  ")
    return "\n" + "".join(f"# {line}\n" for line in lines) + f"# {fact.key.removeprefix(PREFIX)} = {_example(fact)}\n"


def _example(fact: Fact) -> str:
    match fact.type:
        case FactType.LIST:
            # Where nothing at all is a common answer, that is the example.
            first = [] if "empty list" in fact.question else list(fact.choices[:1])
            return json.dumps(["DE"] if fact.places else first)
        case FactType.TEXT:
            return json.dumps(fact.choices[-1] if fact.choices else "")
        case FactType.BOOL:
            return "false"
        case FactType.INT:
            return "0"
        case _:
            return "2026-01-01T00:00:00Z"
