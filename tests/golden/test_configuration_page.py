"""docs/configuration.md is what the settings class says."""

from tests.architecture.source import ROOT
from tocsin.cli.settings_page import page
from tocsin.settings import PREFIX, Settings


def test_the_page_is_up_to_date() -> None:
    """The page is the one that the class makes; `python -m tocsin.cli.settings_page` writes it."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == page()


def test_every_setting_is_on_it_with_a_meaning() -> None:
    """Each setting has a row, and the row says what it means."""
    rows = {row.split("`")[1]: row.split(" | ")[2] for row in page().splitlines() if row.startswith(f"| `{PREFIX}")}
    assert set(rows) == {PREFIX + name.upper() for name in Settings.model_fields}
    assert [name for name, meaning in rows.items() if len(meaning.strip(" |")) < 3] == []
