"""The installation: what waits for you, the law, the channels, the log, receipts that nobody owns."""

from typing import Annotated, Any

import orjson
from fastapi import Depends, Path, Query

from tocsin.adapters.channels import open_callers
from tocsin.adapters.channels import open_channel as open_pages
from tocsin.adapters.log_answers import Compared, LogAnswers, Newest, Proved, Verified
from tocsin.cli.explain import policies
from tocsin.cli.show import mine
from tocsin.cli.todo import Me, Todo, by_urgency, erasures_for
from tocsin.console.api.routing import After, Limit, Page, Router, page_of
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.reading import states_for
from tocsin.domain.breaker import ChannelState, closed, opened
from tocsin.domain.ladder import Ladder
from tocsin.domain.policy_pack import Checks, checks_of
from tocsin.domain.rights import Action
from tocsin.domain.values import Value
from tocsin.ports import Transaction
from tocsin.settings import ChannelName
from tocsin.steps import channel_entry


class Entries(Page):
    """A page of the log."""

    items: tuple[dict[str, Any], ...]


Note = Annotated[str, Query(min_length=1, max_length=10_000, description="The signed note, whole.")]
Number = Annotated[int, Path(ge=0, le=2**53, description="The entry's number.")]


class Why(Value):
    """Why a channel is closed. Shown to whoever looks; no secrets."""

    why: str


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    lists, reads_log = Guard(office, Action.LIST), Guard(office, Action.READ_LOG)
    law, answers = Guard(office, Action.READ_LAW), LogAnswers(office.store, office.means.signer)
    sees_channels, switches = Guard(office, Action.READ_CHANNELS), Guard(office, Action.SWITCH_CHANNEL)

    @router.get("/next")
    async def read_next(who: Annotated[Pass, Depends(lists)]) -> list[Todo]:
        """List what waits for you, most urgent first."""

        def read(tx: Transaction) -> list[Todo]:
            me = Me(user=who.visitor.user, **who.visitor.actor.model_dump(exclude={"authenticated"}))
            found = (todo for state in states_for(tx, who.visitor) for todo in mine(tx, me, state, office.now()))
            return by_urgency([*found, *erasures_for(tx, me, office.now(), office.settings.kept_for)])

        return await office.read(read)

    @router.get("/policies")
    async def read_policies(who: Annotated[Pass, Depends(law)]) -> list[dict[str, Any]]:
        """List the policies that are law today: what `tocsin policy show --json` prints of each."""

        def read() -> list[dict[str, Any]]:
            today = office.now().date()
            return [policy.model_dump(mode="json") for policy in policies(office).in_force(today)]

        return await office.beside(read)

    @router.get("/policies/check")
    async def check_policies(who: Annotated[Pass, Depends(law)]) -> Checks:
        """Read all policies, the installation's own included; a mistake in a file of its own is named (409)."""
        return await office.beside(lambda: checks_of(policies(office), office.now().date()))

    @router.get("/ladder")
    async def read_ladder(who: Annotated[Pass, Depends(sees_channels)]) -> Ladder:
        """Read who is called about a clock when nobody answers, by which channels, and after how long."""
        return await office.beside(lambda: open_callers(open_pages(office.settings, "pages"), office.settings).ladder)

    @router.get("/channels")
    async def read_channels(who: Annotated[Pass, Depends(sees_channels)]) -> list[ChannelState]:
        """List the channels that ever failed, paused or were closed, and how each stands."""
        return await office.read(lambda tx: tx.channels.all())

    @router.post("/channels/{name}/open")
    async def open_channel(name: ChannelName, who: Annotated[Pass, Depends(switches)]) -> ChannelState:
        """Let letters leave through a channel again."""
        return await office.write(lambda tx: _switch(tx, who, opened(ChannelState(name=name))))

    @router.post("/channels/{name}/close")
    async def close_channel(name: ChannelName, said: Why, who: Annotated[Pass, Depends(switches)]) -> ChannelState:
        """Let no letter leave through a channel until somebody opens it."""
        state = closed(ChannelState(name=name), who.visitor.person_id, said.why, office.now())
        return await office.write(lambda tx: _switch(tx, who, state))

    def _switch(tx: Transaction, who: Pass, state: ChannelState) -> ChannelState:
        tx.channels.locked(state.name)
        tx.channels.put([state])
        entry = channel_entry(state, office.now(), who.visitor.person_id)
        tx.log.append([entry.model_copy(update={"authenticated": who.visitor.actor.authenticated})])
        return state

    @router.get("/log")
    async def read_log(who: Annotated[Pass, Depends(reads_log)], after: After = None, limit: Limit = 50) -> Entries:
        """List the entries of the log, by number."""
        first = int(after) + 1 if after and after.isascii() and after.isdigit() and len(after) < 18 else 0

        def read(tx: Transaction) -> list[dict[str, Any]]:
            entries = zip(tx.log.entries(first), range(limit + 1), strict=False)
            return [orjson.loads(entry.body) for entry, _ in entries]

        found = await office.read(read)
        return Entries(items=tuple(found[:limit]), next=page_of(found, limit, lambda entry: str(entry["n"])))

    @router.get("/log/verification")
    async def verify_log(who: Annotated[Pass, Depends(reads_log)]) -> Verified:
        """Recompute the log's root from its entries and compare it with every checkpoint; name the first bad one."""
        return await office.beside(answers.verified)

    @router.get("/log/checkpoint")
    async def read_checkpoint(who: Annotated[Pass, Depends(reads_log)]) -> Newest:
        """Read the newest signed checkpoint of the log, to be kept elsewhere."""
        return await office.beside(answers.newest)

    @router.get("/log/comparison")
    async def compare_log(who: Annotated[Pass, Depends(reads_log)], checkpoint: Note) -> Compared:
        """Compare the log with a checkpoint that was kept elsewhere: the log must have begun as that says."""
        return await office.beside(lambda: answers.compared(checkpoint))

    @router.get("/log/{number}/proof")
    async def prove_entry(who: Annotated[Pass, Depends(reads_log)], number: Number) -> Proved:
        """Read an entry with the proof that the newest checkpoint contains it (RFC 6962)."""
        return await office.beside(lambda: answers.proved(number))

    return router
