"""A drill's home: its file decides how time runs and where letters go, and nothing else can make a home run so."""

import os
from pathlib import Path

import pytest

from tocsin import settings
from tocsin.adapters.channels import open_pagers
from tocsin.adapters.drill_home import FILE, begin
from tocsin.adapters.drill_pager import DrillPager
from tocsin.adapters.outbox import Outbox
from tocsin.domain.errors import Refused
from tocsin.domain.tempo import ON_THE_WALL
from tocsin.ports import Page, PageAnswer

REAL = {
    "STORE_URL": "postgresql+psycopg://real.example/tocsin",
    "TEMPORAL_ADDRESS": "real.example:7233",
    "TEMPORAL_NAMESPACE": "tocsin",
    "CHANNEL": "smtp",
    "SMTP_HOST": "mail.real.example",
    "FALLBACK_CHANNEL": "outbox",
    "PAGER_URLS": "oncall=json://real.example deputy=json://other.example",
    "HEARTBEAT_URL": "https://real.example/ping",
    "WITNESS_URL": "https://real.example/witness",
    "POSTING_FOLDER": "/srv/notices",
}
"""What the environment of a real installation says."""


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose environment is that of a real installation."""
    for name in [name for name in os.environ if name.startswith(("TOCSIN_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    for name, value in {**REAL, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(f"TOCSIN_{name}", value)
    return tmp_path


def a_drill(home: Path, namespace: str = "drill-1", pagers: tuple[str, ...] = ()) -> None:
    """Make the home a drill's."""
    at = {"address": "127.0.0.1:1", "sink": "http://127.0.0.1:2", "console_address": "127.0.0.1:3"}
    begin(home, speed=4320, namespace=namespace, pagers=pagers, **at)


def test_no_setting_makes_time_run(real: Path) -> None:
    """Without a drill's file time is the wall's, whatever the environment says."""
    assert real.is_dir()
    assert settings.load().tempo is ON_THE_WALL


def test_nothing_real_is_named_in_a_drill(real: Path) -> None:
    """In a drill's home no store, server, channel, pager or witness of the environment is left."""
    a_drill(real)
    found = settings.load()
    assert (found.tempo.speed, found.tempo.drill) == (4320, True)
    assert (found.temporal_address, found.temporal_namespace) == ("127.0.0.1:1", "drill-1")
    assert (found.channel, found.sendgrid_base_url) == ("sendgrid", "http://127.0.0.1:2")
    leads_out = ("store_url", "smtp_host", "fallback_channel", "pager_urls", "heartbeat_url", "witness_url")
    assert [name for name in (*leads_out, "posting_folder") if getattr(found, name) is not None] == []
    assert found.database_url == f"sqlite:///{real / 'store.sqlite'}"


def test_a_pager_is_called_by_name_only(real: Path) -> None:
    """Of the real pagers the one that was asked for by name is left, and its pages say that it is a drill."""
    a_drill(real, pagers=("oncall",))
    urls = settings.load().pager_urls
    assert urls is not None
    assert urls.get_secret_value() == "oncall=json://real.example"
    pagers = open_pagers(Outbox(real, "pages"), settings.load())
    assert list(pagers) == ["oncall", "mail"]
    assert all(isinstance(pager, DrillPager) for pager in pagers.values())


@pytest.mark.parametrize("text", ["{}", "not json"])
def test_a_broken_file_is_refused(real: Path, text: str) -> None:
    """A home that says it is a drill's, and not how, is neither a drill's nor a real one."""
    (real / FILE).write_text(text)
    with pytest.raises(Refused, match="cannot be read"):
        settings.load()


def test_a_real_namespace_is_refused(real: Path) -> None:
    """A drill's file that names another namespace than a drill's is refused."""
    a_drill(real, namespace="tocsin")
    with pytest.raises(Refused, match="no drill's"):
        settings.load()


async def test_pages_say_that_it_is_a_drill() -> None:
    """Whoever is paged reads it in the subject and in the first sentence."""
    taken: list[Page] = []

    class Pager:
        keeps_open = False

        async def page(self, page: Page) -> None:
            taken.append(page)

        async def answer(self, about: str, answer: PageAnswer) -> None:
            pass

    await DrillPager(Pager()).page(Page(key="k", subject="2 h left", text="Look.\n", at=ON_THE_WALL.origin))
    assert taken[0].subject == "DRILL: 2 h left"
    assert taken[0].text.startswith("This is a drill.")
