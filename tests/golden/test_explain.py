"""The founding case explained, word for word, and the page on its JSON."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from tocsin.cli import run
from tocsin.domain.applicability import Reason
from tocsin.domain.explanation import (
    ContentState,
    Decide,
    Decision,
    ExplainedDuty,
    Explanation,
    Inactive,
    NotOwed,
    Question,
)
from tocsin.domain.gdpr_factors import Factor

ROOT = Path(__file__).parents[2]
FACTS = ROOT / "examples" / "founding" / "facts.toml"
SHOWN = (Explanation, ExplainedDuty, Decide, Question, NotOwed, Inactive, Decision, Reason, Factor, ContentState)

Golden = Callable[[str, str], None]


@pytest.fixture
def explained(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Explain the founding case on the command line, in a home where nothing was ever made."""
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path / "home"))

    def explain(*options: str) -> str:
        assert run(["explain", str(FACTS), *options]) == 0
        out, err = capfd.readouterr()
        assert err == ""
        return str(out)

    return explain


def test_the_founding_case_as_text(golden: Golden, explained: Callable[..., str]) -> None:
    """A processor in India, data in Singapore, customers in the EU: what a person reads, with every step."""
    golden("explain/founding.txt", explained("--why"))


def test_the_founding_case_as_json(golden: Golden, explained: Callable[..., str]) -> None:
    """The same for a program; the fingerprint of all policies is left out, since any policy changes it."""
    found = json.loads(explained("--json"))
    assert re.fullmatch(r"[0-9a-f]{64}", found.pop("law"))
    golden("explain/founding.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: str(shown.__name__))
def test_the_page_names_every_key(shown: type[BaseModel]) -> None:
    """docs/explain-json.md describes each key that is printed."""
    page = (ROOT / "docs" / "explain-json.md").read_text(encoding="utf-8")
    keys = [field.serialization_alias or name for name, field in shown.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in page] == []
