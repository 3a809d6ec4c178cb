"""The other doors of an installation in the life of an incident: sign-in, page, chat, program, webhook, and a spool."""

import hashlib
import hmac
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import quote_plus

import httpx

from tests.acceptance.stack import TOCSIN, Installation, end, free_port, listens, wait_for
from tests.ports.webhook import SigningKey, body_of, event

CHAT_SECRET = "quorbish-shared-with-slack"
PASSWORD = "quorbish owls at noon, seven"


def through_all(installation: Installation, incident: str, said: dict[str, str]) -> dict[str, int]:
    """Go through each door with planted words; return what each answered.

    A spooled report is left behind: the engine that it was for is not there.
    """
    key, port, answered = SigningKey(), free_port(), dict[str, int]()
    token = installation.does("token", "new", "--scope", "report", "--json").json["token"]
    link = installation.does("access", "invite", "asha", "--json").json["link"]
    with _console(installation, port, key), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as browser:
        events = body_of(
            event("deferred", None, datetime.now(UTC), response=said["reason"], email="beth@birch-clinic.example")
        )
        signed = key.headers(events, datetime.now(UTC))
        answered["webhook"] = browser.post("/webhooks/sendgrid", content=events, headers=signed).status_code
        answered["chat"] = _chat(browser, said["chat"])
        bearer = {"Authorization": f"Bearer {token}"}
        program = browser.post("/intake/generic", json={"title": said["program"]}, headers=bearer)
        answered["program"] = program.status_code
        invitation = f"/invitation/{link.rpartition('/')[2]}"
        answered["invitation"] = browser.post(invitation, data={"password": PASSWORD}).status_code
        answered["login"] = browser.post("/login", data={"user": "asha", "password": PASSWORD}).status_code
        page = browser.get(f"/incidents/{incident}")
        assert said["summary"] in page.text
        answered["page"] = page.status_code
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf is not None
        form = {"csrf": csrf[1], "text": said["typed"]}
        answered["form"] = browser.post(f"/incidents/{incident}/do/note", data=form).status_code
        # Refused by the workflow of an open incident: what it was asked, and why not, lies in its history.
        form, other = {"csrf": csrf[1], "cause": said["cause"], "lessons": said["lessons"]}, program.json()
        refused = browser.post(f"/incidents/{other['incident_id']}/do/close", data=form)
        answered["refused form"] = refused.status_code
    nowhere = {"TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}"}
    answered["spool"] = installation.tocsin("report", said["spooled"], **nowhere).code
    return answered


def _chat(browser: httpx.Client, words: str) -> int:
    body, now = f"command=%2Ftocsin&text={quote_plus(f'report {words}')}&trigger_id=t1", int(time.time())
    mac = hmac.new(CHAT_SECRET.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": f"v0={mac}"}
    return browser.post("/intake/slack", content=body, headers=headers).status_code


@contextmanager
def _console(installation: Installation, port: int, key: SigningKey) -> Iterator[None]:
    own = {
        "TOCSIN_CONSOLE_ADDRESS": f"127.0.0.1:{port}",
        "TOCSIN_SENDGRID_WEBHOOK_KEYS": key.public,
        "TOCSIN_SLACK_SIGNING_SECRET": CHAT_SECRET,
        "TOCSIN_INTAKE_AS": "asha",
    }
    with (installation.home / "console.out").open("wb") as out:
        process = subprocess.Popen([TOCSIN, "console"], env=installation.env | own, stdout=out, stderr=out)
    try:
        wait_for(lambda: listens(port), within=60)
        yield
    finally:
        end(process)
