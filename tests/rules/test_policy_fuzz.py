"""Whatever a policy file holds, it is read or refused with a reason; the loader never falls over."""

from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.errors import Refused
from tocsin.policies import FACTS, read_pack

unhurried = settings(deadline=None, max_examples=150)
"""No limit on how long one example takes: the machine may be busy."""

HOME = files("tocsin.policies")
FACTS_TOML = (HOME / FACTS).read_bytes()
SHIPPED = {
    name: (HOME / name).read_bytes() for name in ("eu-gdpr.toml", "eu-dora.toml", "eu-nis2.toml", "uk-pecr.toml")
}
_WORDS = """
all any not fact is in has op value period n unit hours days status TEXT MEMORY trigger awareness applies unless when
from until seen_on true false nan inf -1 72 2026-11-21 2026-11-21T00:00:00Z [ ] { } = , [[policy]] [policy.applies]
"""
WORDS = st.sampled_from(_WORDS.split())
SCALARS = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.datetimes(), st.times(), WORDS
)
NESTED = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
_KEYS = """
id version title kind owed_by owed_to to trigger also_from period lateness wud rule calendar dora_report applies
threshold unless follow_ups hold required_contents letter citation sources status in_force inactive_because notes
"""
KEYS = st.sampled_from(_KEYS.split())


def answered(name: str, content: bytes) -> None:
    """Check that the file, beside the facts, is read whole or refused with at least one reason that names it."""
    facts = [] if name == FACTS else [(FACTS, FACTS_TOML)]
    try:
        pack = read_pack([*facts, (name, content)])
    except Refused as mistake:
        first, *reasons = str(mistake).splitlines()
        assert first == "the policies are wrong:"
        assert reasons
        assert any(name in reason for reason in reasons)
    else:
        assert pack.policies or name == FACTS
        assert len(pack.digest) == 64


def toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(char):08X}" for char in value if not 0xD800 <= ord(char) <= 0xDFFF) + '"'
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
        case int() | float():
            return str(value)
    return str(value.isoformat())


@given(st.binary(max_size=300))
@unhurried
def test_any_bytes(content: bytes) -> None:
    """Bytes that are no policy file are refused."""
    answered("xx.toml", content)


@given(st.lists(WORDS | st.text(max_size=3), max_size=40).map(" ".join))
@unhurried
def test_any_words(text: str) -> None:
    """Neither is a handful of the right words in the wrong order anything else."""
    answered("xx.toml", text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from([*SHIPPED, FACTS]), st.data())
@unhurried
def test_damaged_files(name: str, data: st.DataObject) -> None:
    """A shipped file with a piece cut out, and something else in its place, is read or refused."""
    content = SHIPPED.get(name, FACTS_TOML)
    start = data.draw(st.integers(0, len(content)))
    end = start + data.draw(st.integers(0, 40))
    other = data.draw(st.binary(max_size=12) | WORDS.map(str.encode))
    answered(name, content[:start] + other + content[end:])


@given(KEYS, NESTED)
@unhurried
def test_any_value_for_any_key(key: str, value: Any) -> None:
    """Any value under any key of a policy is read or refused."""
    lines = SHIPPED["uk-pecr.toml"].decode().split("\n[[policy]]")[1].splitlines()
    kept = [line for line in lines if not line.startswith((f"{key} ", "[policy", "all =", "  {", "]"))]
    head = 'instrument = "An act"\nsources = ["its text"]\n[[policy]]\n'
    applies = [] if key == "applies" else ['applies = { fact = "incident.personal_data", is = true }']
    answered("xx.toml", "\n".join([head, *kept, *applies, f"{key} = {toml(value)}"]).encode())


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 5000,
        "x = " + "{a=" * 5000,
        "[[policy]]\napplies = " + "{ not = " * 400 + '{ fact = "org.roles", has = "controller" }' + " }" * 400,
        "x = " + "9" * 5000,
        "[[policy]]\nperiod = { n = " + "9" * 4000 + ', unit = "hours" }',
        "policy = 5",
        "policy = [5]",
        "[policy]\nid = 5",
        "[[policy]]\nthreshold = { fact = 5 }",
        "[[policy]]\nid = [[[]]]\nunless = [[[]]]",
        "[[policy]]\nin_force = { seen_on = 10:00:00 }",
        "[[policy]]\nperiod = { n = nan, unit = inf }",
        "\x00",
        "\ufeff[[policy]]",
    ],
)
def test_nasty_files(text: str) -> None:
    """Files that are deep, endless, or of the wrong shape throughout are refused."""
    with pytest.raises(Refused, match=r"xx\.toml: "):
        read_pack([(FACTS, FACTS_TOML), ("xx.toml", text.encode())])


@pytest.mark.parametrize(
    "text", ["fact = 5", "groups = 5", "[[fact]]", "[groups]\nEU = 5", "fact = [[]]", "x = 1", "fact = [{ key = 5 }]"]
)
def test_nasty_facts(text: str) -> None:
    """A registry of facts of the wrong shape is refused, and blames no policy for it."""
    with pytest.raises(Refused) as caught:
        read_pack([(FACTS, text.encode()), ("uk-pecr.toml", SHIPPED["uk-pecr.toml"])])
    assert f"{FACTS}: " in str(caught.value)
    assert ("there is no fact" in str(caught.value)) is (text == "x = 1")
