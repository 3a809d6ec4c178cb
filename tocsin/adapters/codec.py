"""The Temporal payload codec: whatever Temporal stores of an incident is sealed under that incident's key.

Temporal tells the codec whose payload it is: the workflow that a payload goes into or comes out of. All workflow ids
of one incident contain its id, so the incident, its clocks, waves and tasks read each other's messages, and nobody
reads another incident's. What belongs to none (the sweep, schedules) is sealed under the namespace's key.

Not hidden, by construction: workflow ids, type, activity, update and signal names, update ids, search attributes, the
names in a memo, the type of an application error, sizes and times. None of them may hold personal data.
"""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from tocsin.adapters.vault import NAMESPACE_SCOPE, Vault
from tocsin.domain.errors import Broken
from tocsin.domain.values import IncidentId
from tocsin.wire import incident_of

ENCODING = b"binary/tocsin-aes256gcm"
SCOPE = "key-scope"

_PLAIN, _DEFLATED = b"\x00", b"\x01"
_WORTH_DEFLATING = 256


class IncidentCodec(PayloadCodec, WithSerializationContext):
    """Seals payloads; knows its incident once `with_context` has told it."""

    def __init__(self, vault: Vault, namespace: str, scope: str | None = None) -> None:
        """Take the vault, the Temporal namespace, and the scope if it is known already."""
        self._vault = vault
        self._namespace = namespace
        self._scope = scope

    def with_context(self, context: SerializationContext) -> Self:
        """Return a codec for the incident that the context belongs to."""
        match context:
            case (
                WorkflowSerializationContext(workflow_id=workflow_id)
                | ActivitySerializationContext(workflow_id=workflow_id)
            ):
                scope = incident_of(workflow_id or "") or NAMESPACE_SCOPE
            case _:
                scope = NAMESPACE_SCOPE
        return type(self)(self._vault, self._namespace, scope)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each payload, metadata included; a new incident gets its key here.

        Raises:
            Broken: if the incident's key was destroyed.
        """
        scope = self._scope or NAMESPACE_SCOPE
        if not self._vault.ready(scope):
            await asyncio.to_thread(self._vault.ensure, IncidentId(scope))
        return [self._sealed(scope, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each payload that was sealed here; leave the others, which Temporal itself makes, as they are.

        Raises:
            Broken: if it belongs to another incident, was altered, or its key is gone.
        """
        return [await self._opened(payload) for payload in payloads]

    def _sealed(self, scope: str, payload: Payload) -> Payload:
        content = self._vault.seal(scope, _packed(payload.SerializeToString()), self._about)
        return Payload(metadata={"encoding": ENCODING, SCOPE: scope.encode()}, data=content)

    async def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        scope = self._checked_scope(payload)
        if self._vault.ready(scope):
            content = self._vault.open(scope, payload.data, self._about)
        else:
            content = await asyncio.to_thread(self._vault.open, scope, payload.data, self._about)
        return Payload.FromString(_unpacked(content))

    def _checked_scope(self, payload: Payload) -> str:
        scope = payload.metadata.get(SCOPE, b"").decode(errors="replace")
        if self._scope is not None and scope != self._scope:
            raise Broken(
                f"a Temporal payload of {scope or 'nobody'} turned up where only those of {self._scope} belong; "
                "find out who moved it before this workflow goes on"
            )
        return scope

    @property
    def _about(self) -> str:
        return f"Temporal payload in namespace {self._namespace}"


def data_converter(vault: Vault, namespace: str) -> DataConverter:
    """Return the converter for clients, workers and replayers: Pydantic values, sealed, messages of failures too."""
    return replace(
        pydantic_data_converter,
        payload_codec=IncidentCodec(vault, namespace),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _packed(content: bytes) -> bytes:
    if len(content) > _WORTH_DEFLATING:
        deflated = zlib.compress(content)
        if len(deflated) < len(content):
            return _DEFLATED + deflated
    return _PLAIN + content


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompress(packed[1:]) if packed[:1] == _DEFLATED else packed[1:]
