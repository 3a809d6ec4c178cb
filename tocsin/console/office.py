"""Behind the counter: what the rooms for our own people work with. Who signs in, what they may, what they do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.adapters.access import access_entry
from tocsin.adapters.door import SignedDoor, sign
from tocsin.adapters.evidence import Means
from tocsin.adapters.oidc import Identity, provider_of
from tocsin.adapters.passwords import digest_of, hashed, matches, new_secret
from tocsin.adapters.people import People, Person
from tocsin.client import EnvelopeFor
from tocsin.console.looks import Looks
from tocsin.console.repeat import Repeats
from tocsin.domain.account import Account, Delegation, NewDelegation, SignedIn, Source
from tocsin.domain.act import Act, Actor, Deed, Envelope, Receipt, Report, Role
from tocsin.domain.alert import incident_of_alert
from tocsin.domain.errors import Refused
from tocsin.domain.fit import fit
from tocsin.domain.token import Scope
from tocsin.domain.values import ActId, IncidentId, PersonId, Value, derived_id, opaque_id
from tocsin.ports import Sealer, Store, Transaction
from tocsin.settings import Settings

EXPIRES_AFTER = timedelta(minutes=10)
"""How long an envelope is good for."""
LONGEST = timedelta(days=92)
"""How long somebody may stand in for another at most."""
SEEN_EVERY = timedelta(minutes=1)
"""How often it is written down that a session is in use."""
WITH_PASSWORD = "password"  # noqa: S105 - a word
"""How somebody who signed in here is marked in the envelopes of their acts."""


T = TypeVar("T")
Histories = Callable[[IncidentId], Awaitable[dict[str, bytes]]]
"""Gives what Temporal keeps of an incident, in clear."""


class ActDoor(Protocol):
    """The part of `client.Engine` that acts need."""

    async def act(self, envelope: Envelope) -> Receipt: ...  # noqa: D102
    async def report(self, envelope_for: EnvelopeFor) -> Receipt: ...  # noqa: D102


class Visitor(Value):
    """Who is signed in: with the roles that count now, those that somebody else lent them included."""

    user: str
    actor: Actor
    own_roles: frozenset[Role] = frozenset()
    """Without what others lent them."""
    session: str | None = None
    """The digest of their session; None for a program with a token."""
    token: str | None = None
    """The id of the token that was sent; None for a browser."""
    scopes: frozenset[Scope] | None = None
    """What the token is for; None: everything that the roles allow."""

    @property
    def person_id(self) -> PersonId:
        """Who it is."""
        return self.actor.person_id

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that count now."""
        return self.actor.roles


class PeopleFile:
    """`people.toml`, read again when it has changed."""

    def __init__(self, path: Path, id_key: bytes) -> None:
        self._path = path
        self.id_key = id_key
        self._read: tuple[int, People] | None = None

    def __call__(self) -> People:
        """Return the people as the file says now. Raises Refused if it is missing or wrong."""
        changed = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if self._read is None or self._read[0] != changed:
            self._read = (changed, People.load(self._path, self.id_key))
        return self._read[1]


class Office:
    """Signs people in, finds out who asks, and does what they may, through the engine, in signed envelopes."""

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        people: Callable[[], People],
        door_key: tuple[str, Ed25519PrivateKey],
        id_key: bytes,
        engine: Callable[[], Awaitable[ActDoor]],
        *,
        home: Path,
        settings: Settings,
        means: Means,
        histories: Histories,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.store = store
        self.sealer = sealer
        self.people = people
        self.home = home
        self.settings = settings
        self.means = means
        self.histories = histories
        self.id_key = id_key
        self.now = now
        self.monotonic = monotonic
        self.provider = provider_of(settings)
        self.repeats = Repeats(store, sealer, now)
        self.looks = Looks(store, now)
        self.door = SignedDoor({door_key[0]: door_key[1].public_key()}, allow_direct=False)
        self._door_key = door_key
        self._engine = engine
        self._connected: ActDoor | None = None

    def wall(self) -> datetime:
        """Return the instant on the wall: in a drill, too, sessions, invitations and tokens last as long as said."""
        return self.settings.tempo.wall(self.now())

    # -- signing in -------------------------------------------------------------------------------------------------

    def sign_in(self, user: str, password: str) -> str | None:
        """Return the secret of a new session; None if it is not this person's password."""
        with self.store.reading() as tx:
            account = tx.accounts.one(self.person_id(user))
        good = matches(password, account.password if account and account.source is Source.LOCAL else None)
        if not good or account is None or account.disabled_at or not self._known(account):
            return None
        return self.open_session(account, WITH_PASSWORD)

    def take_up(self, token: str, password: str) -> str | None:
        """Set the password of whoever was invited and return the secret of a session; None for a link that is no good.

        Raises:
            Refused: if the password is too short or too long.
        """
        account = self.invited(token)
        if account is None:
            return None
        taken = account.model_copy(update={"password": hashed(password), "invitation": None, "invited_until": None})
        with self.store.writing() as tx:
            tx.accounts.end_sessions(account.person_id)
            tx.accounts.put(taken)
        return self.open_session(taken, WITH_PASSWORD)

    def come_in(self, identity: Identity) -> str:
        """Open a session for whoever a provider vouches for; return its secret. Raises Refused for a closed account."""
        person_id = PersonId(opaque_id("per", self.id_key, identity.issuer, identity.subject))
        with self.store.reading() as tx:
            known = tx.accounts.one(person_id)
        if known is not None and known.disabled_at is not None:
            raise Refused(f"the account of {identity.user} was closed here; ask an admin")
        account = Account(
            person_id=person_id,
            user=identity.user,
            name=identity.name,
            email=identity.email,
            source=Source.OIDC,
            roles=identity.roles,
        )
        return self.open_session(account, f"oidc {identity.issuer}")

    def invited(self, token: str) -> Account | None:
        """Return the account that an invitation's link is for, while it is good."""
        with self.store.reading() as tx:
            account = tx.accounts.invited(digest_of(token))
        good = account and account.invited_until and self.wall() < account.invited_until and not account.disabled_at
        return account if good else None

    def open_session(self, account: Account, how: str) -> str:
        """Open a session for somebody who was authenticated; return its secret."""
        secret, at = new_secret(), self.wall()
        session = SignedIn(digest=digest_of(secret), person_id=account.person_id, how=how, opened_at=at, seen_at=at)
        with self.store.writing() as tx:
            tx.accounts.put(account.model_copy(update={"last_login_at": at}))
            tx.accounts.open_session(session)
        return secret

    def sign_out(self, visitor: Visitor) -> None:
        """End the visitor's session."""
        if visitor.session is not None:
            with self.store.writing() as tx:
                tx.accounts.end_sessions(visitor.person_id, digest=visitor.session)

    def visitor(self, tx: Transaction, secret: str) -> tuple[Visitor, SignedIn] | None:
        """Return whose session has this secret, if it is good; people who may not come in any more have none."""
        session = tx.accounts.session(digest_of(secret))
        if session is None or not session.good(self.wall()):
            return None
        account = tx.accounts.one(session.person_id)
        if account is None or account.disabled_at is not None:
            return None
        found = self.as_visitor(tx, account, session.how)
        return (found.model_copy(update={"session": session.digest}), session) if found else None

    def bearer(self, tx: Transaction, secret: str, scope: Scope) -> Visitor | None:
        """Return whose token has this secret, if it is good for this; no more than its person may is it good for."""
        token = tx.tokens.found(digest_of(secret))
        if token is None or not token.good(self.wall(), scope):
            return None
        account = tx.accounts.one(token.person_id) or self._account_of(token.person_id)
        if account is None or account.disabled_at is not None:
            return None
        found = self.as_visitor(tx, account, f"token {token.token_id}")
        return found.model_copy(update={"token": token.token_id, "scopes": token.scopes}) if found else None

    def by_name(self, tx: Transaction, user: str, how: str) -> Visitor:
        """Return somebody of `people.toml`, authenticated in another way than by signing in. Raises Refused."""
        found = self.person(tx, self.people().person(user).person_id, how)
        if found is None:
            raise Refused(f"{user} may not come in any more; set TOCSIN_INTAKE_AS to somebody else")
        return found

    def person(self, tx: Transaction, person_id: PersonId, how: str) -> Visitor | None:
        """Return somebody who was authenticated a moment ago, or None if they may not come in any more."""
        account = tx.accounts.one(person_id) or self._account_of(person_id)
        return self.as_visitor(tx, account, how) if account and not account.disabled_at else None

    def token_used(self, token_id: str) -> None:
        """Note that a token was used."""
        with self.store.writing() as tx:
            tx.tokens.used(token_id, self.wall())

    def as_visitor(self, tx: Transaction, account: Account, how: str) -> Visitor | None:
        """Return somebody with the roles that count now, or None if nobody vouches for them any more."""
        person = self._known(account)
        if person is None and account.source is Source.LOCAL:
            return None
        own = person.roles if person else account.roles
        lent = self._lent(tx, account.person_id, own)
        if lent:
            how = f"{how}, standing in for {', '.join(sorted(lent))}"
        name = person.name if person else account.name
        actor = Actor(person_id=account.person_id, name=name, roles=own.union(*lent.values()), authenticated=how)
        return Visitor(user=account.user, actor=actor, own_roles=own)

    def _lent(self, tx: Transaction, taker: PersonId, own: frozenset[Role]) -> dict[PersonId, frozenset[Role]]:
        """Return what others lend somebody now, beyond what they have: no more than the lender has now."""
        found: dict[PersonId, frozenset[Role]] = {}
        for one in tx.accounts.delegations(taker):
            if one.holds(self.now()):
                roles = (one.roles & self._roles_of(tx, one.giver)) - own
                found |= {one.giver: roles} if roles else {}
        return found

    def _roles_of(self, tx: Transaction, person_id: PersonId) -> frozenset[Role]:
        account = tx.accounts.one(person_id) or self._account_of(person_id)
        if account is None or account.disabled_at is not None:
            return frozenset()
        known = self._known(account)
        return known.roles if known else account.roles if account.source is not Source.LOCAL else frozenset()

    def colleague(self, tx: Transaction, person_id: PersonId) -> None:
        """Raise Refused unless somebody is known here and may act."""
        if not self._roles_of(tx, person_id) & {Role.RESPONDER, Role.APPROVER}:
            raise Refused(f"{person_id} is nobody here who may act; name a responder or an approver")

    def delegate(self, tx: Transaction, visitor: Visitor, wanted: NewDelegation) -> Delegation:
        """Lend a visitor's own roles to somebody. Raises Refused."""
        roles = visitor.own_roles if wanted.roles is None else wanted.roles
        if not roles or not roles <= visitor.own_roles:
            raise Refused("lend roles that you have yourself; what was lent to you is not yours to lend")
        if not self.now() < wanted.until_at or not wanted.from_at < wanted.until_at <= wanted.from_at + LONGEST:
            raise Refused(f"it must end after it begins, from now on, and within {LONGEST.days} days")
        if wanted.taker == visitor.person_id or not self._roles_of(tx, wanted.taker):
            raise Refused(f"{wanted.taker} is nobody here whom you could lend anything to")
        lent = Delegation(
            delegation_id=derived_id("dlg", new_secret()),
            giver=visitor.person_id,
            taker=wanted.taker,
            roles=roles,
            from_at=wanted.from_at,
            until_at=wanted.until_at,
        )
        tx.accounts.delegate(lent)
        dates = {"from_at": lent.from_at.isoformat(), "until_at": lent.until_at.isoformat()}
        more = {"delegation": lent.delegation_id, "roles": sorted(roles), **dates}
        tx.log.append([access_entry("delegated", lent.taker, visitor.actor, self.now(), **more)])
        return lent

    def end_delegation(self, tx: Transaction, visitor: Visitor, delegation_id: str) -> bool:
        """End what a visitor lent, or was lent; False if there is no such thing of theirs."""
        for one in tx.accounts.delegations():
            if one.delegation_id == delegation_id and visitor.person_id in {one.giver, one.taker}:
                if one.ended_at is None:
                    tx.accounts.delegate(one.model_copy(update={"ended_at": self.now()}))
                    about = access_entry(
                        "delegation_ended", one.taker, visitor.actor, self.now(), delegation=delegation_id
                    )
                    tx.log.append([about])
                return True
        return False

    async def see(self, session: SignedIn) -> None:
        """Write down, once a minute at most, that a session is in use."""
        if (at := self.wall()) - session.seen_at >= SEEN_EVERY:
            await self.write(lambda tx: tx.accounts.see(session.digest, at))

    def person_id(self, user: str) -> PersonId:
        """Return the id of whoever logs in under a name here."""
        return PersonId(opaque_id("per", self.id_key, user))

    def csrf(self, secret: str) -> str:
        """Return what a form of this session must hold, since another site cannot know it."""
        return self.sealer.mark("csrf", secret)

    def _account_of(self, person_id: PersonId) -> Account | None:
        """Return an account for somebody in `people.toml` who never signed in here."""
        found = next((one for one in self.people().all() if one.person_id == person_id), None)
        return Account(person_id=person_id, user=found.user, name=found.name, email=found.email) if found else None

    def _known(self, account: Account) -> Person | None:
        if account.source is not Source.LOCAL:
            return None
        try:
            return self.people().person(account.user)
        except Refused:
            return None

    # -- acting -----------------------------------------------------------------------------------------------------

    async def do(self, visitor: Visitor, deed: Deed, incident_id: IncidentId, act_id: ActId | None = None) -> Receipt:
        """Do it, through the engine, in an envelope that says who and is signed."""
        return await (await self.engine()).act(self.envelope(visitor, deed, incident_id, act_id))

    async def report(self, visitor: Visitor, deed: Report, act_id: ActId | None = None) -> Receipt:
        """Report an incident, or join the one of the same alert."""
        act_id = act_id or new_act_id()

        def envelope_for(generation: int, linked_to: IncidentId | None) -> Envelope:
            incident_id = incident_of_alert(self.id_key, deed.source_key, generation)
            linked = deed.model_copy(update={"linked_to": linked_to})
            return self.envelope(visitor, linked, incident_id, act_id)

        return await (await self.engine()).report(envelope_for)

    def source_key(self, alert: str | None) -> str:
        """Return the opaque key of an alert; one of its own for a report that answers none."""
        return opaque_id("src", self.id_key, alert or new_secret())

    def envelope(self, visitor: Visitor, deed: Deed, incident_id: IncidentId, act_id: ActId | None = None) -> Envelope:
        """Return a deed as done now by a visitor, signed by this door."""
        at, (key_id, private) = self.now(), self._door_key
        act = Act(act_id=act_id or new_act_id(), incident_id=incident_id, actor=visitor.actor, at=at, deed=deed)
        return sign(Envelope(act=fit(act), expires_at=at + EXPIRES_AFTER * self.settings.tempo.speed), private, key_id)

    async def engine(self) -> ActDoor:
        """Return the door to the engine, connected. Raises Unreachable if it does not answer."""
        if self._connected is None:
            self._connected = await self._engine()
        return self._connected

    # -- the store, beside the event loop ---------------------------------------------------------------------------

    async def read(self, deed: Callable[[Transaction], T]) -> T:
        """Read from the store."""

        def reading() -> T:
            with self.store.reading() as tx:
                return deed(tx)

        return await asyncio.to_thread(reading)

    async def write(self, deed: Callable[[Transaction], T]) -> T:
        """Write what is no act upon an incident: accounts, tokens, channels, attached bytes."""

        def writing() -> T:
            with self.store.writing() as tx:
                return deed(tx)

        return await asyncio.to_thread(writing)

    async def beside(self, deed: Callable[[], T]) -> T:
        """Do something that takes a while without keeping others waiting."""
        return await asyncio.to_thread(deed)


def new_act_id() -> ActId:
    """Return an id for an act; doing the same again is another act."""
    return ActId(derived_id("act", new_secret()))
