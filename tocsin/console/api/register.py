"""The register: whom we promised to tell, how fast, and whom to write to."""

import tempfile
from datetime import date
from heapq import nsmallest
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Query, Request

from tocsin import probing
from tocsin.adapters.register_file import Format, stream_file
from tocsin.cli.register import Changes, compared, publish
from tocsin.console.api.routing import After, Limit, Page, Router, page_of
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import hidden
from tocsin.domain.readiness import Finding, Readiness
from tocsin.domain.register import Agreement
from tocsin.domain.rights import Action
from tocsin.domain.subprocessing import SubProcessor, subprocessors
from tocsin.domain.values import AgreementId
from tocsin.ports import Transaction


class Agreements(Page):
    """A page of the register, by reference."""

    items: tuple[Agreement, ...]


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    reads, changes = Guard(office, Action.READ_REGISTER), Guard(office, Action.CHANGE_REGISTER)

    @router.get("/register")
    async def read_register(who: Annotated[Pass, Depends(reads)], after: After = None, limit: Limit = 50) -> Agreements:
        """List the agreements, by reference."""

        def read(tx: Transaction) -> list[Agreement]:
            rest = (one for one in tx.register.agreements() if after is None or one.reference > after)
            # The store yields them by their opaque ids, which are in no order that a cursor could go on from.
            return nsmallest(limit + 1, rest, key=lambda one: one.reference)

        found = await office.read(read)
        return Agreements(items=tuple(found[:limit]), next=page_of(found, limit, lambda one: one.reference))

    @router.get("/register/findings")
    async def check_register(who: Annotated[Pass, Depends(reads)]) -> list[Finding]:
        """List what stands in the way of telling each party."""

        def read(tx: Transaction) -> list[Finding]:
            looking = Readiness(office.now().date(), probing.answers(tx, office.now()))
            for agreement in tx.register.agreements():
                looking.look(agreement)
            return list(looking.findings())

        return await office.read(read)

    @router.get("/register/subprocessors")
    async def list_subprocessors(who: Annotated[Pass, Depends(reads)], on: date | None = None) -> list[SubProcessor]:
        """List the sub-processors engaged on a day (UTC; default today): since when, for which service, where."""
        day = on or office.now().date()
        return await office.read(lambda tx: subprocessors(tx.register.agreements(), day))

    @router.get("/register/{agreement_id}")
    async def read_agreement(agreement_id: AgreementId, who: Annotated[Pass, Depends(reads)]) -> Agreement:
        """Read one agreement."""
        found = await office.read(lambda tx: tx.register.agreement(agreement_id))
        if found is None:
            raise hidden()
        return found

    @router.post(
        "/register",
        openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {}, "application/toml": {}}}},
    )
    async def import_register(
        request: Request,
        who: Annotated[Pass, Depends(changes)],
        form: Annotated[Format, Query(alias="format")] = Format.CSV,
        dry_run: bool = False,
    ) -> Changes:
        """Publish the agreements of a CSV or TOML file, which is the body. One mistake in it, and nothing is."""
        content, actor = await request.body(), who.visitor.actor

        def read() -> Changes:
            with tempfile.TemporaryDirectory(prefix="tocsin-register-") as folder:
                file = Path(folder) / f"register.{form}"
                file.write_bytes(content)
                agreements = stream_file(file, office.id_key)
                if dry_run:
                    return compared(office.store, agreements)
                return publish(office.store, actor, office.now(), agreements)

        return await office.beside(read)

    return router
