"""The Temporal payload codec: whatever Temporal stores of an incident is sealed under that incident's key.

Temporal tells the codec whose payload it is: the workflow that a payload goes into or comes out of. All workflow ids
of one incident contain its id, so the incident, its clocks, waves and tasks read each other's messages, and nobody
reads another incident's. What belongs to none (the sweep, schedules) is sealed under the namespace's key.

A sealed payload says in its metadata in which namespace, for which incident and under which key it was sealed, and
whether it was compressed first. All of it is authenticated, and compared with what the SDK says of where the payload
lies. Payloads from before there was a key id (0.1.0, 0.2.0) have their own form, which is still read.

Not hidden, by construction: workflow ids, type, activity, update and signal names, update ids, search attributes, the
names in a memo, the type of an application error, sizes and times. None of them may hold personal data.
"""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Self

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from tocsin.adapters.box import generation_of
from tocsin.adapters.vault import NAMESPACE_SCOPE, Vault
from tocsin.domain.errors import Broken
from tocsin.domain.values import IncidentId
from tocsin.wire import incident_of

ENCODING = b"binary/tocsin-aes256gcm"
SCOPE = "key-scope"
KEY_ID = "key-id"
NAMESPACE = "namespace"
COMPRESSION = "compression"
DEFLATE = b"deflate"

_DEFLATED = b"\x01"
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
        generation = self._vault.newest(scope)
        return [self._sealed(scope, generation, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each payload that was sealed here; leave the others, which Temporal itself makes, as they are.

        Raises:
            Broken: if it belongs to another incident, was altered, or its key is gone.
        """
        return [await self._opened(payload) for payload in payloads]

    def _sealed(self, scope: str, generation: int, payload: Payload) -> Payload:
        content, compression = _compressed(payload.SerializeToString())
        metadata = {
            "encoding": ENCODING,
            SCOPE: scope.encode(),
            KEY_ID: key_id(scope, generation).encode(),
            NAMESPACE: self._namespace.encode(),
            **({COMPRESSION: compression} if compression else {}),
        }
        return Payload(metadata=metadata, data=self._vault.seal(scope, content, _about(metadata), generation))

    async def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        scope, early = self._checked_scope(payload), KEY_ID not in payload.metadata
        about = self._early_about if early else self._checked_about(scope, payload)
        if self._vault.ready(scope):
            content = self._vault.open(scope, payload.data, about)
        else:
            content = await asyncio.to_thread(self._vault.open, scope, payload.data, about)
        deflated = content[:1] == _DEFLATED if early else payload.metadata.get(COMPRESSION) == DEFLATE
        content = content[1:] if early else content
        return Payload.FromString(zlib.decompress(content) if deflated else content)

    def _checked_scope(self, payload: Payload) -> str:
        scope = payload.metadata.get(SCOPE, b"").decode(errors="replace")
        if self._scope is not None and scope != self._scope:
            raise Broken(
                f"a Temporal payload of {scope or 'nobody'} turned up where only those of {self._scope} belong; "
                "find out who moved it before this workflow goes on"
            )
        return scope

    def _checked_about(self, scope: str, payload: Payload) -> str:
        namespace = payload.metadata.get(NAMESPACE, b"").decode(errors="replace")
        if namespace != self._namespace:
            raise Broken(
                f"a Temporal payload of namespace {namespace or 'nobody'} turned up in namespace {self._namespace}; "
                "find out who moved it, or set TOCSIN_TEMPORAL_NAMESPACE"
            )
        expected = key_id(scope, generation_of(payload.data))
        if payload.metadata[KEY_ID] != expected.encode():
            raise Broken(f"a Temporal payload names another key than {expected}, which sealed it; it was altered")
        return _about(payload.metadata)

    @property
    def _early_about(self) -> str:
        """What payloads of 0.1.0 and 0.2.0 are bound to; they have a byte before their content: 1 if deflated."""
        return f"Temporal payload in namespace {self._namespace}"


class OneConverter(PydanticPayloadConverter):
    """Turns values into JSON and back; there is one in a process.

    The SDK asks its class for a converter several times for every message, since each message has a context of its own.
    A converter keeps no context, and each new one would learn the types again: that took a tenth of a worker's time.
    """

    _one: ClassVar["OneConverter | None"] = None

    def __new__(cls) -> Self:
        """Return the one that there is, which learns each type once."""
        if cls._one is None:
            cls._one = super().__new__(cls)
            PydanticPayloadConverter.__init__(cls._one)
        assert isinstance(cls._one, cls)
        return cls._one

    def __init__(self) -> None:
        """Do nothing: it was made whole before."""


def key_id(scope: str, generation: int) -> str:
    """Return the id of a data key: whose it is, and its generation."""
    return f"{scope}/{generation}"


def data_converter(vault: Vault, namespace: str) -> DataConverter:
    """Return the converter for clients, workers and replayers: Pydantic values, sealed, messages of failures too."""
    return replace(
        pydantic_data_converter,
        payload_converter_class=OneConverter,
        payload_codec=IncidentCodec(vault, namespace),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _compressed(content: bytes) -> tuple[bytes, bytes | None]:
    """Return the content as it is sealed, and how it was compressed: not at all, where that does not pay."""
    if len(content) > _WORTH_DEFLATING:
        deflated = zlib.compress(content)
        if len(deflated) < len(content):
            return deflated, DEFLATE
    return content, None


def _about(metadata: Mapping[str, bytes]) -> str:
    """Return what a payload is bound to: everything that its metadata says, in the order of the names."""
    said = ", ".join(f"{name} {value.decode(errors='replace')}" for name, value in sorted(metadata.items()))
    return f"Temporal payload: {said}"
