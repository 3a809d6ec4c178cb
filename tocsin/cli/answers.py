"""`--answer FACT=VALUE`: what a person says to a question of the law, read as the fact's own kind of value."""

from tocsin.domain.errors import Refused
from tocsin.domain.fact import Fact, FactRegistry, FactType
from tocsin.domain.incident import Answer
from tocsin.policies import load_policies

WORDS = {"yes": True, "true": True, "no": False, "false": False}


def answers(given: list[str]) -> dict[str, Answer | None]:
    """Return the answers by the key of their fact; `unknown` takes an answer back.

    Raises:
        Refused: naming every answer that cannot be read, with what is asked.
    """
    registry = load_policies().facts
    pairs = [_split(registry, text) for text in given]
    read = {key: _read(fact, value) for key, fact, value in pairs}
    mistakes = list(registry.mistakes({key: value for key, value in read.items() if value is not None}))
    if mistakes:
        raise Refused("these answers cannot be read:\n  " + "\n  ".join(mistakes))
    return read


def _split(registry: FactRegistry, text: str) -> tuple[str, Fact, str]:
    key, sign, value = text.partition("=")
    for name in (key.strip(), f"incident.{key.strip()}"):
        fact = registry.find(name)
        if fact is not None and sign:
            return name, fact, value.strip()
    if not sign:
        raise Refused(f"{text!r} is no answer; write FACT=VALUE, as in personal_data=yes")
    raise Refused(f"{registry.unknown(key.strip())}; `tocsin explain INCIDENT` lists the questions with their facts")


def _read(fact: Fact, value: str) -> Answer | None:
    if value == "unknown":
        return None
    if fact.type is FactType.BOOL and value.lower() in WORDS:
        return WORDS[value.lower()]
    if fact.type is FactType.INT and value.removeprefix("-").isdigit():
        return int(value)
    if fact.type is FactType.LIST:
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value
