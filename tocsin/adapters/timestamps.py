"""Timestamps of checkpoints by an authority (RFC 3161): its signature says that the checkpoint existed by then."""

import hashlib
from datetime import datetime

import aiohttp
from rfc3161_client import PKIStatus, TimestampRequestBuilder, TimeStampResponse, decode_timestamp_response

from tocsin.domain.errors import Deferred, Refused

_MOST_BYTES = 64 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_GRANTED = (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS)


class TimestampWitness:
    """Has each checkpoint dated; fulfils `ports.Witness`. The receipt is the answer, for `openssl ts -verify`."""

    name = "tsa"

    def __init__(self, url: str) -> None:
        self._url = url

    async def pin(self, note: str, at: datetime) -> bytes:
        """Have the checkpoint dated; return the authority's answer (DER).

        Raises:
            Deferred: if the authority cannot be reached, does not grant it, or dates something else.
        """
        request = TimestampRequestBuilder().data(note.encode()).build()
        answer = await self._post(request.as_bytes())
        try:
            response = decode_timestamp_response(answer)
            self._check(response, note, request.nonce)
        except ValueError as error:
            raise Deferred(f"the timestamp authority answered something else than a timestamp: {error}") from error
        return answer

    async def newest(self) -> str | None:
        """Return None: an authority dates, it keeps nothing."""
        return None

    async def _post(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query"}
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as http,
                http.post(self._url, data=request, headers=headers) as answer,
            ):
                if not answer.ok:
                    raise Deferred(f"the timestamp authority answered {answer.status}; see TOCSIN_TSA_URL")
                return await answer.content.read(_MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Deferred(
                f"the timestamp authority cannot be reached: {type(error).__name__}; see TOCSIN_TSA_URL"
            ) from error

    def _check(self, response: TimeStampResponse, note: str, nonce: int | None) -> None:
        if response.status not in _GRANTED:
            raise Deferred(f"the timestamp authority did not grant it (status {response.status}); see TOCSIN_TSA_URL")
        if not dates(response, note) or response.tst_info.nonce != nonce:
            raise Deferred("the timestamp authority dated something else than the checkpoint; see TOCSIN_TSA_URL")


def dated(receipt: bytes, note: str) -> datetime:
    """Return when an authority dated this checkpoint. Whose signature it is, `openssl ts -verify` says.

    Raises:
        Refused: if the receipt is no timestamp of it.
    """
    try:
        response = decode_timestamp_response(receipt)
        if dates(response, note):
            return response.tst_info.gen_time
    except ValueError as error:
        raise Refused(f"the receipt is no timestamp: {error}") from error
    raise Refused("the timestamp is of something else than this checkpoint")


def dates(response: TimeStampResponse, note: str) -> bool:
    """Say whether what was dated is this checkpoint."""
    imprint = response.tst_info.message_imprint.message
    return imprint in (hashlib.sha512(note.encode()).digest(), hashlib.sha256(note.encode()).digest())
