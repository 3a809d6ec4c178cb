"""The command line over the API of a running console: the same commands, as the person whose token it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from tests.ports.drafted_round import opened
from tests.ports.office import Counter, counter
from tocsin.adapters.evidence import check_evidence
from tocsin.cli import run
from tocsin.console.office import ActDoor

REGISTER = """\
agreement,party,notify,services,contact
FIR-1,Fir Housing,72h from confirmation,records-api,Fay <fay@fir.example>
"""


class Afar:
    """A command line that has only an address and a token."""

    def __init__(self, at: Counter, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._at = at
        self._capsys = capsys
        self._patch = patch
        self.tokens: dict[str, str] = {}
        patch.setenv("TOCSIN_API_URL", at.url)
        patch.setenv("TOCSIN_HOME", str(home / "nothing-is-here"))

    async def give(self, user: str, *scopes: str) -> None:
        """Let somebody make a token in the browser."""
        browser = await self._at.signed_in(user)
        made = await browser.post("/api/v1/me/tokens", json={"scopes": scopes})
        self.tokens[user] = made.json()["token"]

    async def does(self, user: str, *words: object, code: int = 0) -> str:
        """Run a command; return what it printed, where it failed its complaint."""
        self._patch.setenv("TOCSIN_API_TOKEN", self.tokens[user])
        self._capsys.readouterr()
        got = await asyncio.to_thread(run, [str(word) for word in words])
        out, err = self._capsys.readouterr()
        assert got == code, (words, out, err)
        return out if code == 0 else err

    async def json(self, user: str, *words: object) -> Any:
        """Run a command with --json."""
        return json.loads(await self.does(user, *words, "--json"))


@pytest.fixture
async def afar(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Afar]:
    """A console on a house, and a command line elsewhere."""

    async def engine() -> ActDoor:
        return house.engine

    async with counter(house.store, house.vault, house.keyring, tmp_path, engine=engine) as at:
        found = Afar(at, monkeypatch, capsys, tmp_path)
        for user in ("asha", "dara", "mallory"):
            await found.give(user, "read", "act", "report")
        await found.give("noor", "read")
        yield found


async def test_an_incident_from_afar(house: House, afar: Afar, tmp_path: Path) -> None:
    """Reported, shown, confirmed, held, drafted, released, noted, attached and proved over HTTP; each act is signed."""
    first = await afar.json("asha", "report", "Odd logins", "--service", "records-api", "--alert", house.queue)
    incident = first["receipt"]["incident_id"]
    again = await afar.json("asha", "report", "Odd logins", "--service", "records-api", "--alert", house.queue)
    assert again["receipt"]["already"]
    assert [row["incident_id"] for row in await afar.json("asha", "list")] == [incident]
    assert "confirm or dismiss" in await afar.does("asha", "show", "last", "--why")
    await afar.does("asha", "confirm", "last")

    place = ("hold", "last", "--kind", "law_enforcement", "--issuer", "Police", "--reference", "P-1")
    assert "provisional" in await afar.does("asha", *place)
    held = (await afar.json("dara", "show", "last"))["holds"][0]["hold_id"]
    assert "may not lift" in await afar.does("asha", "lift", "last", held, code=1)
    await afar.does("dara", "hold-confirm", "last", held)
    await afar.does("dara", "lift", "last", held, "--reason", "they called")

    assert "digest" in await afar.does("asha", "draft", "last")
    wave = (await afar.json("asha", "show", "last"))["waves"][0]["wave"]
    assert "To: Bea Birch" in await afar.does("dara", "show", "last", "--letters", wave["wave_id"], "--to", "BIRCH-1")
    await afar.does("dara", "release", "last", wave["wave_id"], "--digest", wave["digest"][:12])

    note = tmp_path / "reply.txt"
    note.write_text("thank you")
    await afar.does("asha", "note", "last", "told the board")
    await afar.does("asha", "attach", "last", note)
    task = next(task for task in await afar.json("asha", "task", "list", "last") if task["state"] == "open")
    await afar.does("asha", "task", "done", "last", task["task_id"], "--outcome", "done")
    assert "72 h" in await afar.does("asha", "explain", "last", "--why")
    assert "told the board" in await afar.does("noor", "audit", "show", "last")
    assert "Who approved which bytes?" in await afar.does("noor", "audit", "questions", "last")
    assert await afar.json("dara", "next") is not None
    pack = tmp_path / "pack.zip"
    await afar.does("noor", "evidence", "last", "-o", pack)
    assert check_evidence(pack).holds

    acts = house.log("act.", incident)
    assert {entry["authenticated"].partition(" ")[0] for entry in acts} == {"token"}
    assert not (tmp_path / "nothing-is-here").exists()


async def test_what_is_refused_afar(house: House, afar: Afar, tmp_path: Path) -> None:
    """A stranger finds nothing, a scope or a role that is missing is said, and what needs the machine says so."""
    await afar.json("asha", "report", "Odd logins", "--service", "records-api", "--alert", house.queue)
    incident = (await afar.json("asha", "list"))[0]["incident_id"]
    assert "no incident" in await afar.does("mallory", "show", incident, code=1)
    assert "not for act" in await afar.does("noor", "note", incident, "hello", code=1)
    assert "--direct" in await afar.does("dara", "keys", "list", code=1)
    assert "leave out --as" in await afar.does("dara", "--as", "asha", "next", code=1)
    afar.tokens["mallory"] = "tocsin_" + "x" * 43
    assert "tocsin login" in await afar.does("mallory", "list", code=1)

    register = tmp_path / "register.csv"
    register.write_text(REGISTER)
    assert "would import" in await afar.does("asha", "register", "import", register, "--dry-run")
    assert "1 new" in await afar.does("asha", "register", "import", register)
    assert "FIR-1" in await afar.does("noor", "register", "export")
    assert "No contact was ever asked" in await afar.does("noor", "register", "probe", "--show")
    assert "finding(s)" in await afar.does("noor", "register", "check")
    round_id = opened(house.store, house.vault, datetime.now(UTC)).round_id
    assert "6 not sent" in await afar.does("noor", "register", "probe", "--show", "last")
    assert len((await afar.json("noor", "register", "probe", "--show", round_id))["lines"]) == 6
    assert "finding(s)" in await afar.does("noor", "register", "check")
    assert "may not probe" in await afar.does("asha", "register", "probe", code=1)
    assert "TOCSIN_PUBLIC_URL" in await afar.does("dara", "register", "probe", "--party", "fir housing", code=1)


async def test_a_console_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where nothing listens the command says so and exits 3; a token goes nowhere in the clear."""
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path))
    monkeypatch.setenv("TOCSIN_API_TOKEN", "tocsin_" + "x" * 43)
    monkeypatch.setenv("TOCSIN_API_URL", "http://127.0.0.1:9")
    assert await asyncio.to_thread(run, ["list"]) == 3
    assert "cannot reach" in capsys.readouterr().err
    monkeypatch.setenv("TOCSIN_API_URL", "http://desk.example")
    assert await asyncio.to_thread(run, ["list"]) == 1
    assert "https only" in capsys.readouterr().err


async def test_login_keeps_a_token_for_oneself(
    afar: Afar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`login` checks the token and keeps it where only its owner reads it; commands take it from there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("TOCSIN_API_TOKEN", raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: afar.tokens["dara"])
    assert await asyncio.to_thread(run, ["login"]) == 0
    assert "You are Dara Okafor (approver)" in capsys.readouterr().out
    (kept,) = (tmp_path / "config" / "tocsin").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert await asyncio.to_thread(run, ["next"]) == 0
    assert await asyncio.to_thread(run, ["logout"]) == 0
    assert await asyncio.to_thread(run, ["next"]) == 1
