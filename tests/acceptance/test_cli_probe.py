"""A round from the command line, with a real engine, worker and console: opened, sent, confirmed by a press, shown."""

import email
import email.policy
import re
from collections.abc import Callable

import httpx
import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import Installation, free_port, wait_for

REGISTER = """\
agreement,party,notify,contact,deputies
BIRCH-1,Birch Clinic,72h from confirmation,Bea <bea@birch.example>,Ben <ben@birch.example>
CEDAR-1,Cedar Bank,72h from confirmation,Cem <cem@cedar.example>,
"""


def test_a_round_is_opened_confirmed_and_shown(
    install: Callable[..., Installation], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dara asks Birch Clinic alone; looking at a link confirms nothing, a press does, and every page says so."""
    address = f"127.0.0.1:{free_port()}"
    installation = install(CONSOLE_ADDRESS=address, PUBLIC_URL=f"http://{address}")
    desk = Desk(installation, capfd, monkeypatch)
    desk.set_up(REGISTER)
    with desk.working(), desk.console():
        opened = desk.does("register", "probe", "--party", "birch clinic", "--json", user="dara").json
        round_id = opened["ids"]["round"]
        wait_for(lambda: len(desk.letters()) == 2)
        letter = next(path for path in desk.letters() if "<bea@birch.example>" in path.read_text())
        text = email.message_from_bytes(letter.read_bytes(), policy=email.policy.default).get_body(("plain",))
        assert text is not None
        link = re.search(rf"http://{address}/a/[\w-]+", text.get_content())
        assert link is not None
        page = httpx.get(link[0]).text
        assert "no incident" in page
        wait_for(lambda: "2 waiting for an answer" in desk.does("register", "probe", "--show").out)
        assert "It is confirmed" in httpx.post(link[0]).text
        assert "bea@birch.example  confirmed" in desk.does("register", "probe", "--show", "last").out

    assert {line["answer"] for line in desk.does("register", "probe", "--show", round_id, "--json").json["lines"]} == {
        *("confirmed", "sent")
    }
    assert "1 contact was never confirmed" in desk.does("register", "check").out
    assert "no incident yet" in desk.does("list").out
    assert "store, Temporal and channels agree" in desk.does("reconcile").out
    refused = desk.tocsin("register", "probe", "--party", "Fir Housing", user="dara")
    assert "no party or agreement Fir Housing" in refused.err
