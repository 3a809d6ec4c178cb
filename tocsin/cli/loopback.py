"""Waiting on this machine for what a browser brings back from the console: one answer, then nothing listens."""

import hmac
import os
import secrets
import sys
import time
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from pydantic import ValidationError

from tocsin.domain.errors import Refused
from tocsin.domain.loopback import challenge_of
from tocsin.domain.values import Value

WITHIN = 300.0
"""Seconds that a person has."""
DONE = "Signed in. You may close this page, and go on in the terminal.\n"
NOT_OURS = "This is not the answer that is waited for here.\n"


class Made(Value, extra="ignore"):
    """What a code was traded for."""

    token: str


class Waiting(HTTPServer):
    """Listens on the loopback address alone, on a port that is free."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.state = secrets.token_urlsafe(32)
        self.verifier = secrets.token_urlsafe(64)
        self.code: str | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to come back to."""
        return f"http://127.0.0.1:{self.server_port}/"

    def address(self, console: str) -> str:
        """Return the page of a console to open."""
        said = {
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        }
        return f"{console}/login/cli?{urlencode(said)}"

    def wait(self, within: float) -> str:
        """Return the code. Raises Refused if none comes in time."""
        until = time.monotonic() + within
        while self.code is None:
            self.timeout = until - time.monotonic()
            if self.timeout <= 0:
                raise Refused("nobody confirmed it in the browser; try again, or paste a token: tocsin login --paste")
            self.handle_request()
        return self.code

    def take(self, host: str | None, path: str) -> bool:
        """Take the answer, if it is the one that is waited for."""
        parts = urlsplit(path)
        said = parse_qs(parts.query)
        code, state = said.get("code", [""])[0], said.get("state", [""])[0]
        ours = host == f"127.0.0.1:{self.server_port}" and parts.path == "/"
        if not (ours and code and hmac.compare_digest(state.encode(), self.state.encode())):
            return False
        self.code = code
        return True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever hangs up half-way is none of ours."""


class _Answer(BaseHTTPRequestHandler):
    server: Waiting
    timeout = 10

    def do_GET(self) -> None:
        """Take an answer."""
        taken = self.server.take(self.headers.get("host"), self.path)
        body = (DONE if taken else NOT_OURS).encode()
        self.send_response(HTTPStatus.OK if taken else HTTPStatus.BAD_REQUEST)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing: the line would hold the code."""


def traded(console: str, waiting: Waiting, code: str) -> str:
    """Return the token for a code. Raises Refused, in the console's words."""
    said = {"code": code, "redirect_uri": waiting.redirect_uri, "code_verifier": waiting.verifier}
    try:
        answer = httpx.post(f"{console}/login/cli/token", json=said, timeout=60)
        if answer.status_code == HTTPStatus.CREATED:
            return Made.model_validate_json(answer.content).token
        detail = str(answer.json()["detail"])
    except (httpx.TransportError, ValidationError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{console} gave no token ({type(error).__name__}); is it the address of a console?") from error
    raise Refused(detail)


def shown(address: str) -> bool:
    """Open an address in the browser of this desk, if there is one; say whether it was opened."""
    desk = sys.platform in {"darwin", "win32"} or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(desk) and not os.environ.get("SSH_CONNECTION") and webbrowser.open(address)
