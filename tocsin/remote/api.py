"""The API as a person with a token speaks to it: requests out, its problems back in our three words."""

import secrets
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import TypeAdapter

from tocsin.client import Underway, Unreachable
from tocsin.domain.errors import Broken, Refused, TocsinError

PREFIX = "/api/v1"
CONNECT_WITHIN = 5.0
ANSWER_WITHIN = 630.0
"""Seconds; the engine is given as long for what renders letters."""
PAGE = 200
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
T = TypeVar("T")


class Api:
    """One installation's API. Its answers are read as our own values."""

    def __init__(self, url: str, token: str) -> None:
        """Refuse an address that would send the token in the clear."""
        self.url = checked_url(url)
        timeout = httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN)
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=self.url + PREFIX, timeout=timeout, headers=headers)

    def get(self, path: str, kind: type[T], /, **query: Any) -> T:
        """Read one thing. Raises Refused, Unreachable, Underway or Broken, in the words of the API."""
        found: T = TypeAdapter(kind).validate_json(self._asked("GET", path, params=_given(query)).content)
        return found

    def each(self, path: str, kind: type[T], **query: Any) -> Iterator[T]:
        """Yield the items of a list that comes in pages."""
        after: str | None = None
        items: TypeAdapter[list[T]] = TypeAdapter(list[kind])  # type: ignore[valid-type]
        while True:
            page = self._asked("GET", path, params=_given({**query, "after": after, "limit": PAGE})).json()
            yield from items.validate_python(page["items"], strict=False)
            after = page["next"]
            if after is None:
                return

    def post(self, path: str, kind: type[T], key: str | None = None, **request: Any) -> T:
        """Do something, once: sent again under the same key after a lost answer it is the same deed."""
        headers = {"Idempotency-Key": key or secrets.token_hex(16), **request.pop("headers", {})}
        answer = self._asked("POST", path, headers=headers, **request)
        found: T = TypeAdapter(kind).validate_json(answer.content)
        return found

    def delete(self, path: str) -> None:
        """End something."""
        self._asked("DELETE", path)

    def content(self, path: str, **query: Any) -> bytes:
        """Return the bytes of a document."""
        return self._asked("GET", path, params=_given(query)).content

    def download(self, path: str, target: Path) -> None:
        """Write a document to a new file that only its owner reads. Raises Refused if there is a file."""
        try:
            with target.open("xb") as out:
                target.chmod(0o600)
                out.write(self.content(path))
        except FileExistsError:
            raise Refused(f"{target} exists already; name another file") from None
        except TocsinError:
            target.unlink()
            raise

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._sent(method, path, **request)
        except httpx.ReadTimeout as error:
            raise Underway("the API took this and does not answer; look whether it was done: tocsin list") from error
        except httpx.TransportError as error:
            raise Unreachable(f"cannot reach {self.url} ({error}); see TOCSIN_API_URL, or use --direct") from error
        if answer.is_success:
            return answer
        raise _problem(answer)

    def _sent(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            # The answer was lost, not the deed: the same key makes asking again safe.
            return self._http.request(method, path, **request)


def checked_url(url: str) -> str:
    """Return the address of an installation. Raises Refused for one by which a token would go in the clear."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise Refused(f"TOCSIN_API_URL is {url}; a token goes over https only, or to this machine itself")
    return url.rstrip("/").removesuffix(PREFIX)


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _problem(answer: httpx.Response) -> TocsinError:
    """Return the error of ours that an answer stands for."""
    try:
        said = answer.json()
        detail = str(said["detail"])
        detail += "".join(f"\n  {one['where']}: {one['what']}" for one in said.get("mistakes") or ())
    except (ValueError, KeyError, TypeError):
        detail = f"it answered {answer.status_code} without a word; is TOCSIN_API_URL the address of a console?"
    match answer.status_code:
        case HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.TOO_MANY_REQUESTS:
            return Unreachable(detail)
        case HTTPStatus.GATEWAY_TIMEOUT:
            return Underway(detail)
        case HTTPStatus.UNAUTHORIZED:
            return Refused(f"{detail}; make one with `tocsin login`, or give it in TOCSIN_API_TOKEN")
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(detail)
        case _:
            return Broken(detail)
