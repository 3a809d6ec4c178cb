"""Who may hand in an act: a door signs each with Ed25519 (RFC 8032); the engine knows the doors' public keys."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tocsin.domain.act import UNVERIFIED_LOCAL, Envelope
from tocsin.domain.errors import Refused
from tocsin.domain.stated import SKEW


class SignedDoor:
    """Implements `tocsin.ports.Door`. It does not remember acts: that the same one counts once is the act id's work."""

    def __init__(self, publics: Mapping[str, Ed25519PublicKey], allow_direct: bool) -> None:
        """Take the doors' public keys by key id; `allow_direct`: whether unsigned acts are taken, marked as such."""
        self._publics = publics
        self._allow_direct = allow_direct

    def admit(self, envelope: Envelope, now: datetime) -> None:
        """Check an envelope at the instant `now`.

        Raises:
            Refused: if it is forged, edited, expired, from the future, or unsigned without being `unverified local`.
        """
        # First who says so: nothing in a forged envelope, its times included, is worth reading.
        if envelope.key_id is None and envelope.signature is None:
            self._check_unsigned(envelope)
        else:
            self._check_signature(envelope)
        _check_times(envelope, now)

    def _check_unsigned(self, envelope: Envelope) -> None:
        if envelope.act.actor.authenticated != UNVERIFIED_LOCAL:
            raise Refused(
                f"{_what(envelope)} claims to be authenticated by {envelope.act.actor.authenticated} but bears no "
                "signature; send it through a door that signs"
            )
        if not self._allow_direct:
            raise Refused(
                f"{_what(envelope)} came straight from a command line, which this engine does not take; "
                "sign in at the console, or set TOCSIN_ALLOW_DIRECT=true on the engine"
            )

    def _check_signature(self, envelope: Envelope) -> None:
        if envelope.act.actor.authenticated == UNVERIFIED_LOCAL:
            raise Refused(
                f"{_what(envelope)} is signed and yet marked `{UNVERIFIED_LOCAL}`; send it unsigned, or sign in"
            )
        public = self._publics.get(envelope.key_id or "")
        if public is None:
            raise Refused(
                f"{_what(envelope)} is signed with key {envelope.key_id}, which this engine does not know; "
                "put that door's public key into the folder keys/doors and start the engine again"
            )
        try:
            public.verify(b64decode(envelope.signature or "", validate=True), envelope.signed_bytes())
        except (InvalidSignature, ValueError) as error:
            raise Refused(
                f"the signature of {_what(envelope)} is not that of door {envelope.key_id}: it was edited or forged; "
                "do it again at the door, and find out who changed it"
            ) from error


def sign(envelope: Envelope, private: Ed25519PrivateKey, key_id: str) -> Envelope:
    """Return the envelope signed by a door.

    Raises:
        Refused: if nobody vouches for the actor: a signature would say that somebody does.
    """
    if envelope.act.actor.authenticated == UNVERIFIED_LOCAL:
        raise Refused(
            f"{_what(envelope)} is marked `{UNVERIFIED_LOCAL}` and is not signed; authenticate the actor first"
        )
    named = envelope.model_copy(update={"key_id": key_id, "signature": None})
    signature = b64encode(private.sign(named.signed_bytes())).decode()
    return named.model_copy(update={"signature": signature})


def _check_times(envelope: Envelope, now: datetime) -> None:
    if now >= envelope.expires_at:
        raise Refused(
            f"{_what(envelope)} expired at {envelope.expires_at.isoformat()} and it is {now.isoformat()} now; "
            "do it again"
        )
    if envelope.act.at > now + SKEW:
        raise Refused(
            f"{_what(envelope)} is dated {envelope.act.at.isoformat()} and it is {now.isoformat()} now; "
            "set the clock of the machine it was done on, and do it again"
        )


def _what(envelope: Envelope) -> str:
    return f"act {envelope.act.act_id} ({envelope.act.deed.kind} of incident {envelope.act.incident_id})"
