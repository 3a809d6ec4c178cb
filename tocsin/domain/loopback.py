"""Signing a command line in by the browser of its own machine: what is asked, and the code that it is answered with.

After RFC 8252 (loopback redirect) and RFC 7636 (proof of who asked, S256). Pure.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

from pydantic import Field

from tocsin.domain.errors import Refused
from tocsin.domain.token import Scope
from tocsin.domain.values import Instant, PersonId, Value

SCOPES = frozenset({Scope.READ, Scope.ACT, Scope.REPORT})
"""What a command line's token is good for."""
CODE_LASTS = timedelta(minutes=1)
_REDIRECT = re.compile(r"http://127\.0\.0\.1:([1-9][0-9]{3,4})/")
"""RFC 8252 7.3: the loopback address itself, not `localhost`, which may lead elsewhere."""
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]+")


class Wish(Value):
    """What a command line asks for, by the address that it has a browser open."""

    redirect_uri: str = Field(max_length=100)
    state: str = Field(min_length=32, max_length=128)
    code_challenge: str = Field(min_length=43, max_length=43)
    code_challenge_method: str = Field(max_length=10)

    def check(self) -> None:
        """Raise Refused unless the answer stays on the asking machine, with whoever asked."""
        found = _REDIRECT.fullmatch(self.redirect_uri)
        if found is None or not 1024 <= int(found[1]) <= 65535:
            raise Refused("the answer goes to http://127.0.0.1:PORT/ of your own machine and nowhere else")
        if self.code_challenge_method != "S256":
            raise Refused("the code_challenge_method is S256")
        if not (_URL_SAFE.fullmatch(self.state) and _URL_SAFE.fullmatch(self.code_challenge)):
            raise Refused("state and code_challenge are characters of a link; begin again: tocsin login")


class Code(Value):
    """What the browser brings back, sealed: who confirmed, for whose question, until when."""

    person_id: PersonId
    how: str
    """How they were authenticated."""
    redirect_uri: str
    code_challenge: str
    expires_at: Instant
    nonce: str

    def check(self, redirect_uri: str, verifier: str, now: datetime) -> None:
        """Raise Refused unless it comes in time, from whoever asked, by the way they named."""
        same = hmac.compare_digest(self.code_challenge, challenge_of(verifier))
        if now >= self.expires_at or redirect_uri != self.redirect_uri or not same:
            raise Refused("this code is not good, or not any more; begin again: tocsin login")


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode(errors="replace")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
