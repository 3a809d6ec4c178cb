"""`tocsin doctor` on real parts: everything well, and each part broken in turn."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import many
from tests.acceptance.stack import free_port
from tests.ports.conftest import Databases, postgres
from tocsin import wire
from tocsin.adapters.doctor import Doctor, Finding
from tocsin.settings import ChannelName, Settings

__all__ = ["postgres"]


def wrong(found: list[Finding]) -> dict[str, str]:
    """Return what is not well, by part."""
    return {one.what: one.said for one in found if not one.ok}


async def test_everything_is_well(install: Install, postgres: Databases) -> None:
    """With a worker all is ok; a paused sweep, and a clock that differs from Temporal's, are told with the fix."""
    installation = install(STORE_URL=postgres.empty())
    await asyncio.to_thread(installation.set_up, many(1))
    house = await installation.house()
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    said = (await asyncio.to_thread(installation.does, "doctor")).out
    assert [line for line in said.splitlines() if not line.startswith("ok ")] == []
    await house.client.get_schedule_handle(wire.SWEEP_SCHEDULE).pause()
    ran = await asyncio.to_thread(installation.tocsin, "doctor", "--json", RETENTION_DAYS="500")
    found = wrong([Finding.model_validate(one) for one in ran.json])
    assert ran.code == 1
    assert set(found) == {"schedule", "retention"}
    assert "temporal schedule toggle --unpause" in found["schedule"]
    assert "--retention 500d" in found["retention"]
    settings = Settings(temporal_address=installation.address, temporal_namespace=installation.namespace)
    for off, said in ((timedelta(minutes=-1), "s behind Temporal's"), (timedelta(minutes=9), "s ahead of Temporal's")):
        assert said in wrong(await Doctor(settings, _clock(off)).examine())["clock of Temporal"]


def _clock(off: timedelta) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + off


def test_nothing_is_there(install: Install) -> None:
    """Without keys, store and Temporal, each of them is named with what mends it, and nothing is made."""
    installation = install(TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")
    ran = installation.tocsin("doctor", "--json")
    found = wrong([Finding.model_validate(one) for one in ran.json])
    assert ran.code == 1
    assert {"keys", "store", "temporal", "workers", "disk"} <= set(found)
    assert "run `tocsin init`" in found["store"]
    assert found["workers"].endswith("start it, or correct TOCSIN_TEMPORAL_ADDRESS and the way there")
    assert not installation.home.exists()


def test_what_would_keep_people_from_being_called(install: Install) -> None:
    """A pager that is none, keys that are none and a name that is nobody's are told."""
    installation = install(TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")
    installation.does("init")
    ran = installation.tocsin(
        "doctor", "--json", PAGER_URLS="garbage", SENDGRID_WEBHOOK_KEYS="none", INTAKE_AS="mallory"
    )
    found = wrong([Finding.model_validate(one) for one in ran.json])
    assert "TOCSIN_PAGER_URLS" in found["pagers"]
    assert "TOCSIN_SENDGRID_WEBHOOK_KEYS" in found["webhook key"]
    assert "TOCSIN_INTAKE_AS is 'mallory', who is nobody" in found["people"]
    (installation.home / "escalation.toml").write_text("rung = 3")
    (installation.home / "people.toml").write_text("[people.asha]\nname = 3")
    found = wrong([Finding.model_validate(one) for one in installation.tocsin("doctor", "--json").json])
    assert "escalation.toml" in found["pagers"]
    assert "people.toml" in found["people"]


def test_no_namespace_yet(install: Install) -> None:
    """Where Temporal runs and has not our namespace, as after a loss, doctor and reconcile say so in a sentence."""
    installation = install(TEMPORAL_NAMESPACE="nowhere")
    installation.does("init")
    found = wrong([Finding.model_validate(one) for one in installation.tocsin("doctor", "--json").json])
    assert found["workers"] == "Namespace nowhere is not found; start a worker, which makes it"
    ran = installation.tocsin("reconcile")
    assert (ran.code, "Traceback" in ran.err) == (3, False)
    assert "Namespace nowhere is not found" in ran.err


def test_wrong_settings_are_a_line(install: Install) -> None:
    """A setting that does not exist is the one line there is, with the name that was meant."""
    ran = install().tocsin("doctor", CHANEL="outbox")
    assert ran.code == 1
    assert "did you mean TOCSIN_CHANNEL?" in ran.out


async def test_a_clock_that_differs(postgres: Databases) -> None:
    """A machine whose clock is a minute off the database's is told to follow NTP."""
    settings = Settings(store_url=postgres.migrated())
    late = Doctor(settings, lambda: datetime.now(UTC) - timedelta(minutes=1))
    found = wrong(await late.examine())
    assert "let both follow NTP" in found["clock"]
    assert "clock" not in wrong(await Doctor(settings, lambda: datetime.now(UTC)).examine())


@pytest.mark.parametrize(("status", "fix"), [(200, ""), (403, "with the right `mail.send`"), (500, "answers 500")])
async def test_the_key_of_sendgrid(status: int, fix: str) -> None:
    """The key is tried on a letter in SendGrid's sandbox, which is never sent; a key without the right is told."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.headers["Authorization"], (await request.json())["mail_settings"]["sandbox_mode"]))
        return web.Response(status=status)

    async def listed(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app, port = web.Application(), free_port()
    app.router.add_post("/v3/mail/send", answer)
    app.router.add_get("/v3/suppression/bounces", listed)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    settings = Settings(
        channel=ChannelName.SENDGRID,
        sendgrid_api_key=SecretStr("SG.key"),
        sendgrid_base_url=f"http://127.0.0.1:{port}",
        temporal_address=f"127.0.0.1:{free_port()}",
    )
    found = wrong(await Doctor(settings, lambda: datetime.now(UTC)).examine())
    await runner.cleanup()
    assert asked == [("Bearer SG.key", {"enable": True})]
    assert found.get("channel", "").count(fix or "never") == (1 if fix else 0)
    assert found.get("suppression lists", "").count("`suppression.read`") == (status == 403)
    assert ("suppression lists" in found) is (status != 200)
    assert "TOCSIN_SENDGRID_WEBHOOK_KEYS" in found["webhook key"]
