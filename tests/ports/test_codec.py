"""The payload codec by itself: whose payload opens where, and what becomes of one that was touched."""

import os
import zlib
from collections.abc import Iterator

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext

from tests.ports.home import Home, a_home
from tocsin.adapters.codec import COMPRESSION, ENCODING, KEY_ID, SCOPE, IncidentCodec, OneConverter, data_converter
from tocsin.adapters.vault import NAMESPACE_SCOPE, Vault
from tocsin.domain.errors import Broken
from tocsin.domain.values import ClockId, IncidentId
from tocsin.wire import clock_workflow, incident_workflow

NAMESPACE = "tocsin-codec"
INCIDENT = IncidentId("inc-birch")
OTHER = IncidentId("inc-cedar")
WORDS = Payload(metadata={"encoding": b"json/plain"}, data=b'"Birch Clinic"')


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Yield an installation."""
    home = a_home(tmp_path_factory.mktemp("home"))
    yield home
    home.engine.dispose()


def of_incident(home: Home, incident_id: IncidentId) -> IncidentCodec:
    """Return the codec as Temporal makes it for an incident's workflow."""
    return IncidentCodec(home.vault, NAMESPACE).with_context(
        WorkflowSerializationContext(namespace=NAMESPACE, workflow_id=incident_workflow(incident_id))
    )


async def test_an_incident_gets_its_key_when_it_first_speaks(home: Home) -> None:
    """Encoding for an incident that has no key makes one, and another process reads what was encoded."""
    fresh = IncidentId("inc-dogwood")

    sealed = await of_incident(home, fresh).encode([WORDS, WORDS])

    assert sealed[0].data != sealed[1].data
    again = IncidentCodec(Vault(home.engine, home.keyring), NAMESPACE)
    assert await again.decode(sealed) == [WORDS, WORDS]


async def test_one_converter_learns_the_types(home: Home) -> None:
    """However many contexts the SDK asks for, one converter serves them all, and gives back what it was given."""
    converter = data_converter(home.vault, NAMESPACE)
    again = converter.with_context(WorkflowSerializationContext(namespace=NAMESPACE, workflow_id="tocsin/incident/x"))

    assert OneConverter() is OneConverter()
    assert again.payload_converter is converter.payload_converter
    [payload] = converter.payload_converter.to_payloads([ClockId("clk-1")])
    assert converter.payload_converter.from_payloads([payload], [ClockId]) == [ClockId("clk-1")]


async def test_another_incidents_payload_is_refused(home: Home) -> None:
    """A payload moved from one incident to another is refused, relabelled or not."""
    [sealed] = await of_incident(home, INCIDENT).encode([WORDS])
    home.vault.ensure(OTHER)

    with pytest.raises(Broken, match="of inc-birch turned up where only those of inc-cedar belong"):
        await of_incident(home, OTHER).decode([sealed])
    sealed.metadata[SCOPE] = OTHER.encode()
    with pytest.raises(Broken, match="names another key than inc-cedar/1"):
        await of_incident(home, OTHER).decode([sealed])
    sealed.metadata[KEY_ID] = b"inc-cedar/1"
    with pytest.raises(Broken, match="does not open"):
        await of_incident(home, OTHER).decode([sealed])


async def test_another_namespaces_payload_is_refused(home: Home) -> None:
    """A payload moved to another Temporal namespace is refused."""
    [sealed] = await of_incident(home, INCIDENT).encode([WORDS])

    with pytest.raises(Broken, match="of namespace tocsin-codec turned up in namespace elsewhere"):
        await IncidentCodec(home.vault, "elsewhere").decode([sealed])


async def test_a_tampered_payload_is_refused(home: Home) -> None:
    """No byte of a payload can be changed, nor its scope taken away or turned into one that does not exist."""
    [sealed] = await of_incident(home, INCIDENT).encode([WORDS])
    for place in range(len(sealed.data)):
        data = sealed.data[:place] + bytes([sealed.data[place] ^ 1]) + sealed.data[place + 1 :]
        with pytest.raises(Broken):
            await of_incident(home, INCIDENT).decode([Payload(metadata=sealed.metadata, data=data)])
    for scope in (b"", b"inc-nowhere", b"\xff"):
        with pytest.raises(Broken):
            await IncidentCodec(home.vault, NAMESPACE).decode(
                [Payload(metadata={"encoding": ENCODING, SCOPE: scope}, data=sealed.data)]
            )


async def test_the_metadata_is_bound(home: Home) -> None:
    """A payload says where, for whom and under which key it was sealed, and none of it can be changed or taken away."""
    long = Payload(metadata={"encoding": b"binary/plain"}, data=b"a" * 1_000)
    [sealed] = await of_incident(home, INCIDENT).encode([long])
    assert {
        "encoding": ENCODING,
        "key-scope": b"inc-birch",
        "key-id": b"inc-birch/1",
        "namespace": NAMESPACE.encode(),
        "compression": b"deflate",
    } == dict(sealed.metadata)

    for name in (SCOPE, KEY_ID, "namespace", COMPRESSION):
        for value in (None, b"", b"other"):
            said = {**sealed.metadata, name: value or b""}
            if value is None:
                del said[name]
            with pytest.raises(Broken):
                await IncidentCodec(home.vault, NAMESPACE).decode([Payload(metadata=said, data=sealed.data)])


async def test_a_rotated_key_opens_what_it_sealed(home: Home) -> None:
    """After a rotation new payloads name the new key, old ones still open, and so they do in another process."""
    rotated = IncidentId("inc-fir")
    codec = of_incident(home, rotated)
    elsewhere = IncidentCodec(Vault(home.engine, home.keyring), NAMESPACE)
    [old] = await codec.encode([WORDS])
    assert await elsewhere.decode([old]) == [WORDS]

    assert home.vault.rotate(rotated) == 2
    [new] = await codec.encode([WORDS])

    assert [old.metadata[KEY_ID], new.metadata[KEY_ID]] == [b"inc-fir/1", b"inc-fir/2"]
    assert await elsewhere.decode([old, new]) == await codec.decode([old, new]) == [WORDS, WORDS]
    new.metadata[KEY_ID] = b"inc-fir/1"
    with pytest.raises(Broken, match="names another key"):
        await codec.decode([new])


async def test_payloads_of_early_versions_open(home: Home) -> None:
    """A payload in the form of 0.2.0, deflated or not, opens, and in no other namespace."""
    home.vault.ensure(INCIDENT)
    for content in (b"\x00" + WORDS.SerializeToString(), b"\x01" + zlib.compress(WORDS.SerializeToString())):
        data = home.vault.seal(INCIDENT, content, f"Temporal payload in namespace {NAMESPACE}")
        early = Payload(metadata={"encoding": ENCODING, SCOPE: INCIDENT.encode()}, data=data)
        assert await of_incident(home, INCIDENT).decode([early]) == [WORDS]
        with pytest.raises(Broken, match="namespace elsewhere"):
            await IncidentCodec(home.vault, "elsewhere").decode([early])


async def test_what_belongs_to_no_incident(home: Home) -> None:
    """The sweep's payloads, and those without a context, are the namespace's."""
    sweep = WorkflowSerializationContext(namespace=NAMESPACE, workflow_id="tocsin-sweep-2026-03-02T01:20:00Z")
    for codec in (
        IncidentCodec(home.vault, NAMESPACE),
        IncidentCodec(home.vault, NAMESPACE).with_context(sweep),
    ):
        [sealed] = await codec.encode([WORDS])
        assert sealed.metadata[SCOPE] == NAMESPACE_SCOPE.encode()
        assert await codec.decode([sealed]) == [WORDS]
        with pytest.raises(Broken, match="of namespace turned up"):
            await of_incident(home, INCIDENT).decode([sealed])


@pytest.mark.parametrize("workflow_id", [clock_workflow(INCIDENT, ClockId("clk-1")), None])
async def test_activities_read_their_workflows_payloads(home: Home, workflow_id: str | None) -> None:
    """An activity reads what its workflow says; one that was started on its own reads the namespace's."""
    context = ActivitySerializationContext(
        namespace=NAMESPACE,
        activity_id="1",
        activity_type="look",
        activity_task_queue="tocsin",
        workflow_id=workflow_id,
        workflow_type="Clock",
        is_local=False,
    )

    [sealed] = await IncidentCodec(home.vault, NAMESPACE).with_context(context).encode([WORDS])

    assert sealed.metadata[SCOPE] == (INCIDENT if workflow_id else NAMESPACE_SCOPE).encode()


async def test_what_is_not_ours_is_left_alone(home: Home) -> None:
    """Payloads that Temporal makes itself pass through decoding unchanged."""
    assert await of_incident(home, INCIDENT).decode([WORDS, Payload()]) == [WORDS, Payload()]


@pytest.mark.parametrize("data", [b"", b"x", b"a" * 256, b"a" * 100_000, os.urandom(5_000)], ids=len)
async def test_long_words_are_deflated_when_it_pays(home: Home, data: bytes) -> None:
    """Whatever its length, a payload comes back whole; only what shrinks is deflated."""
    words = Payload(metadata={"encoding": b"binary/plain"}, data=data)

    [sealed] = await of_incident(home, INCIDENT).encode([words])

    assert len(sealed.data) < min(len(data), 1_000 if data == b"a" * 100_000 else len(data)) + 100
    assert await of_incident(home, INCIDENT).decode([sealed]) == [words]


async def test_a_destroyed_incident_falls_silent(home: Home) -> None:
    """Once the key is destroyed the incident's payloads open nowhere, and none can be made."""
    gone = IncidentId("inc-elm")
    [sealed] = await of_incident(home, gone).encode([WORDS])
    home.vault.destroy(gone)

    with pytest.raises(Broken, match="was destroyed"):
        await of_incident(home, gone).decode([sealed])
    with pytest.raises(Broken, match="was destroyed"):
        await of_incident(home, gone).encode([WORDS])
