"""A POST that is sent twice under one `Idempotency-Key` is done once, and answered twice with the same answer.

The guard, once it knows who asks and that they may, looks whether this was answered before. The act's id follows from
person and key as well, so that even an answer that was lost on the way here leads to no second act in the engine.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from tocsin.console.problems import Denied
from tocsin.domain.values import ActId, PersonId, derived_id
from tocsin.ports import Reply, Sealer, Store

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=48)
"""How long an answer is given again."""
GIVEN_UP_AFTER = timedelta(minutes=15)
"""When a request that was never answered may be done again: whoever was at it is gone."""
_KEY = re.compile(r"[\x21-\x7e]{8,200}")


class Replayed(Exception):
    """This was answered before."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Repeats:
    """Remembers what was answered under which key."""

    def __init__(self, store: Store, sealer: Sealer, now: Callable[[], datetime]) -> None:
        self._store = store
        self._sealer = sealer
        self._now = now

    async def claim(self, request: Request, person_id: PersonId) -> ActId | None:
        """Return the id that an act must have under this request's key; None if it has no key.

        Raises:
            Replayed: if it was answered already.
            Denied: if the key is none, stands for another request, or its first request is still under way.
        """
        given = request.headers.get(HEADER)
        if given is None or request.method != "POST":
            return None
        if not _KEY.fullmatch(given):
            raise Denied(422, f"{HEADER} is 8 to 200 printable characters without spaces")
        key = self._sealer.mark("reply", f"{person_id}/{given}")
        about = f"{request.url.path}?{request.url.query}".encode() + b"\0" + await request.body()
        mine = Reply(key=key, asked=hashlib.sha256(about).hexdigest(), at=self._now())
        found = await asyncio.to_thread(self._begin, mine)
        if found is not None:
            raise _again(found, mine)
        request.state.claim = mine
        return ActId(derived_id("act", key))

    async def keep(self, request: Request, response: Response) -> None:
        """Keep the answer to a request that was claimed."""
        claim: Reply | None = getattr(request.state, "claim", None)
        if claim is not None:
            media_type = response.headers.get("content-type", "")
            done = {"status": response.status_code, "media_type": media_type, "body": bytes(response.body)}
            await asyncio.to_thread(self._put, claim.model_copy(update=done))

    async def forget(self, request: Request) -> None:
        """Forget the claim of a request that nothing came of, so that it may be sent again."""
        claim: Reply | None = getattr(request.state, "claim", None)
        if claim is not None:
            await asyncio.to_thread(self._drop, claim.key)

    def _begin(self, mine: Reply) -> Reply | None:
        with self._store.writing() as tx:
            tx.replies.forget_before(mine.at - KEPT_FOR)
            found = tx.replies.begin(mine)
            if found is not None and found.status == 0 and found.at < mine.at - GIVEN_UP_AFTER:
                tx.replies.put(mine)
                return None
            return found

    def _put(self, reply: Reply) -> None:
        with self._store.writing() as tx:
            tx.replies.put(reply)

    def _drop(self, key: str) -> None:
        with self._store.writing() as tx:
            tx.replies.forget(key)


def _again(found: Reply, mine: Reply) -> Exception:
    if found.asked != mine.asked:
        return Denied(422, f"this {HEADER} was sent with another request; take a new one")
    if found.status == 0:
        return Denied(409, "the first request with this key is still under way; ask again in a moment")
    return Replayed(Response(found.body, found.status, {REPLAYED: "true"}, found.media_type or None))


def repeatable(repeats: Repeats) -> type[APIRoute]:
    """Return the class of routes whose answers are kept."""

    class Repeatable(APIRoute):
        """A route that keeps its answer where the request has a key."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """Return what answers a request."""
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    response = await handle(request)
                except Replayed as replayed:
                    return replayed.response
                except Exception:
                    await repeats.forget(request)
                    raise
                await repeats.keep(request, response)
                return response

            return handled

    return Repeatable
