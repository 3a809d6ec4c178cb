"""Several pagers: each is a real one against a real endpoint, and a failing one hands on at once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.ports.test_pager import SENDER, TO, a_page, pages
from tocsin.adapters.apprise_pager import ApprisePager
from tocsin.adapters.channels import open_callers, open_pager
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.pager import ChannelPager
from tocsin.adapters.pager_chain import PagerChain
from tocsin.domain.errors import Deferred, Refused
from tocsin.settings import Settings


class Service:
    """A paging service on loopback that takes JSON, or refuses it."""

    def __init__(self) -> None:
        self.took: list[dict[str, Any]] = []
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """Keep what came."""
        if self.status == 200:
            self.took.append(await request.json())
        return web.Response(status=self.status)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service that listens on a free port."""
    service, app = Service(), web.Application()
    app.router.add_post("/{tail:.*}", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined] # asyncio's server has them
    service.url = f"json://127.0.0.1:{port}/alerts"
    yield service
    await runner.cleanup()


def mail(folder: Path) -> ChannelPager:
    """Return the mail pager of the embedded default."""
    return ChannelPager(Outbox(folder, "pages"), TO, SENDER)


async def test_service_gets_subject_and_text(service: Service) -> None:
    """A page reaches the service with its subject and its text, and the same key once only."""
    pager = ApprisePager(service.url, 1)
    await pager.page(a_page())
    await pager.page(a_page(text="other words\n"))

    assert [(took["title"], took["message"].strip()) for took in service.took] == [
        (a_page().subject, a_page().text.strip())
    ]


async def test_first_that_takes_it_is_enough(service: Service, tmp_path: Path) -> None:
    """While the first pager works nobody is called twice."""
    await PagerChain([ApprisePager(service.url, 1), mail(tmp_path)]).page(a_page())

    assert (len(service.took), pages(tmp_path)) == (1, [])


async def test_failing_pager_hands_on_at_once(service: Service, tmp_path: Path) -> None:
    """A pager that fails is told of in the page that the next one delivers, without its URL."""
    service.status = 500
    await PagerChain([ApprisePager(service.url, 1), mail(tmp_path)]).page(a_page())

    text = pages(tmp_path)[0].read_text()
    assert "pager 1 (json) did not take the page" in text.replace("=\n", "")
    assert "alerts" not in text


async def test_nobody_paged_is_deferred(service: Service, tmp_path: Path) -> None:
    """When every pager fails each reason is named, and the page is to be tried again."""
    service.status = 403
    (tmp_path / "pages").write_text("a file where the folder should be")
    with pytest.raises(Deferred, match=r"pager 1 \(json\) did not take.*outbox answered channel_down"):
        await PagerChain([ApprisePager(service.url, 1), mail(tmp_path)]).page(a_page())


def test_unusable_url_is_refused_without_showing_it() -> None:
    """A URL that no service fits is refused by its place; the secret in it is not repeated."""
    with pytest.raises(Refused, match="place 2") as refused:
        ApprisePager("nonsense://secret-token", 2)
    assert "secret-token" not in str(refused.value)


async def test_settings_give_the_order(service: Service, tmp_path: Path) -> None:
    """The URLs of the settings are tried in their order, and the on-call mail address comes last."""
    second = service.url.replace("/alerts", "/second")
    chosen = Settings(home=tmp_path, pager_urls=SecretStr(f"json://127.0.0.1:9/dead\n{second}"))
    await open_pager(Outbox(tmp_path, "pages"), chosen).page(a_page())

    assert len(service.took) == 1
    assert "pager 1 (json)" in service.took[0]["message"]
    assert pages(tmp_path) == []


async def test_what_a_pager_does_not_take_is_counted(service: Service, tmp_path: Path) -> None:
    """Each pager of an installation is counted by its name from the start, and each page that it did not take."""
    chosen = Settings(home=tmp_path, pager_urls=SecretStr(f"desk={service.url}"))
    callers = open_callers(Outbox(tmp_path, "pages"), chosen)
    assert callers.unpaged == {"desk": 0, "mail": 0}
    service.status = 500
    await callers.everyone.page(a_page())
    assert callers.unpaged == {"desk": 1, "mail": 0}
