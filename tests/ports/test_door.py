"""The door takes an act only from a door that is known, unedited, in time; Mallory does not get in."""

import os
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.adapters.door import SignedDoor, sign
from tocsin.domain.act import UNVERIFIED_LOCAL, Act, Actor, Confirm, Dismiss, Envelope, Role
from tocsin.domain.errors import Refused
from tocsin.domain.values import ActId, IncidentId, PersonId
from tocsin.ports import Door

NOW = datetime(2026, 3, 2, 1, 20, tzinfo=UTC)
PRIVATE = Ed25519PrivateKey.generate()
MALLORY = Ed25519PrivateKey.generate()
DOOR: Door = SignedDoor({"door-1": PRIVATE.public_key()}, allow_direct=True)


def envelope(
    *, authenticated: str = "console", at: datetime = NOW, lasting: timedelta = timedelta(hours=1)
) -> Envelope:
    """Return Dara's confirmation, unsigned."""
    dara = Actor(
        person_id=PersonId("per-dara"), name="Dara", roles=frozenset({Role.APPROVER}), authenticated=authenticated
    )
    act = Act(act_id=ActId("act-1"), incident_id=IncidentId("inc-1"), actor=dara, at=at, deed=Confirm())
    return Envelope(act=act, expires_at=at + lasting)


def signed(unsigned: Envelope) -> Envelope:
    """Return the envelope signed by the known door."""
    return sign(unsigned, PRIVATE, "door-1")


def test_a_signed_act_is_admitted() -> None:
    """What a known door signed comes in, also after a journey as JSON."""
    DOOR.admit(signed(envelope()), NOW)
    DOOR.admit(Envelope.model_validate_json(signed(envelope()).model_dump_json()), NOW)


def test_every_accepted_door_is_a_door() -> None:
    """With several doors each one's acts come in, under its own key id only."""
    door = SignedDoor({"door-1": PRIVATE.public_key(), "door-2": MALLORY.public_key()}, allow_direct=False)

    door.admit(sign(envelope(), MALLORY, "door-2"), NOW)
    with pytest.raises(Refused, match="edited or forged"):
        door.admit(sign(envelope(), MALLORY, "door-1"), NOW)


def test_an_edited_act_is_refused() -> None:
    """Changing anything under the signature, the key id and the expiry included, is noticed."""
    good = signed(envelope())
    mallory = good.act.actor.model_copy(update={"name": "Mallory"})
    admin = good.act.actor.model_copy(update={"roles": frozenset(Role)})
    edits: list[dict[str, object]] = [
        {"expires_at": NOW + timedelta(days=9)},
        {"act": good.act.model_copy(update={"actor": mallory})},
        {"act": good.act.model_copy(update={"actor": admin})},
        {"act": good.act.model_copy(update={"deed": Dismiss(reason="nothing happened")})},
        {"act": good.act.model_copy(update={"incident_id": IncidentId("inc-2")})},
        {"act": good.act.model_copy(update={"act_id": ActId("act-2")})},
        {"act": good.act.model_copy(update={"at": NOW - timedelta(seconds=1)})},
    ]

    for edit in edits:
        with pytest.raises(Refused, match="edited or forged"):
            DOOR.admit(good.model_copy(update=edit), NOW)


def test_a_forged_act_is_refused() -> None:
    """Mallory's own key does not pass for the door's, whether she names the door or herself."""
    with pytest.raises(Refused, match="edited or forged"):
        DOOR.admit(sign(envelope(), MALLORY, "door-1"), NOW)
    with pytest.raises(Refused, match="does not know"):
        DOOR.admit(sign(envelope(), MALLORY, "door-mallory"), NOW)


@pytest.mark.parametrize("signature", ["", "no base64!", b64encode(b"short").decode(), b64encode(b"\0" * 64).decode()])
def test_a_misshapen_signature_is_refused(signature: str) -> None:
    """A signature that is none is refused like a wrong one."""
    with pytest.raises(Refused, match="edited or forged"):
        DOOR.admit(signed(envelope()).model_copy(update={"signature": signature}), NOW)


@pytest.mark.parametrize("field", ["key_id", "signature"])
def test_half_a_signature_is_refused(field: str) -> None:
    """A key id without a signature, or the other way round, never counts as unsigned."""
    local = envelope(authenticated=UNVERIFIED_LOCAL)

    with pytest.raises(Refused):
        DOOR.admit(signed(envelope()).model_copy(update={field: None}), NOW)
    with pytest.raises(Refused):
        DOOR.admit(local.model_copy(update={field: "door-1"}), NOW)


def test_an_expired_act_is_refused() -> None:
    """An act is taken until the instant it expires, and not at it; unsigned ones are no exception."""
    expires_at = envelope().expires_at

    DOOR.admit(signed(envelope()), expires_at - timedelta(microseconds=1))
    for late in (signed(envelope()), envelope(authenticated=UNVERIFIED_LOCAL)):
        with pytest.raises(Refused, match="expired at 2026-03-02T02:20"):
            DOOR.admit(late, expires_at)


def test_an_act_from_the_future_is_refused() -> None:
    """Clocks may differ by two minutes, not more."""
    DOOR.admit(signed(envelope(at=NOW + timedelta(minutes=2))), NOW)
    with pytest.raises(Refused, match="set the clock"):
        DOOR.admit(signed(envelope(at=NOW + timedelta(minutes=2, seconds=1))), NOW)


def test_an_unsigned_act_says_what_it_is() -> None:
    """Unsigned is taken only when it is marked as vouched for by nobody."""
    DOOR.admit(envelope(authenticated=UNVERIFIED_LOCAL), NOW)
    with pytest.raises(Refused, match="bears no signature"):
        DOOR.admit(envelope(authenticated="console"), NOW)


def test_direct_use_can_be_shut() -> None:
    """An engine that takes no direct acts says so, and how it would."""
    door = SignedDoor({"door-1": PRIVATE.public_key()}, allow_direct=False)

    with pytest.raises(Refused, match="TOCSIN_ALLOW_DIRECT"):
        door.admit(envelope(authenticated=UNVERIFIED_LOCAL), NOW)
    door.admit(signed(envelope()), NOW)


def test_no_door_vouches_for_unverified_local() -> None:
    """A door does not sign for somebody it does not know, and such a signature would not be taken."""
    local = envelope(authenticated=UNVERIFIED_LOCAL).model_copy(update={"key_id": "door-1"})

    with pytest.raises(Refused, match="authenticate the actor"):
        signed(local)
    forged = local.model_copy(update={"signature": b64encode(PRIVATE.sign(local.signed_bytes())).decode()})
    with pytest.raises(Refused, match="signed and yet marked"):
        DOOR.admit(forged, NOW)


def test_signing_again_replaces_the_signature() -> None:
    """A door may sign what bore another signature before."""
    DOOR.admit(signed(sign(envelope(), MALLORY, "door-mallory")), NOW)


@pytest.mark.parametrize("seed", ["1", "2", "3", "4"])
def test_another_process_sees_the_same_bytes(seed: str) -> None:
    """The door and the engine are two processes: what is signed does not depend on how either orders a set."""
    dara = envelope().act.actor.model_copy(update={"roles": frozenset(Role)})
    many = envelope().model_copy(update={"act": envelope().act.model_copy(update={"actor": dara})})
    program = (
        "import sys; from tocsin.domain.act import Envelope; "
        "sys.stdout.buffer.write(Envelope.model_validate_json(sys.stdin.buffer.read()).signed_bytes())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        input=many.model_dump_json().encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert done.stdout == many.signed_bytes()
