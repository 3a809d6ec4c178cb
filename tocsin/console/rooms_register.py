"""The register: whom we promised what, whom to write to, what is missing; an import, shown first; the law in force."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from tocsin.adapters.register_file import Format, write_file
from tocsin.cli.register import Changes, publish
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.previewing import LASTS, Previews, Waiting, preview, read_file, said
from tocsin.console.problems import hidden
from tocsin.console.registering import SHOWN, Registering
from tocsin.console.rooms_incident import refused
from tocsin.domain.errors import Refused, TocsinError
from tocsin.domain.governing import versions
from tocsin.domain.readiness import Weight
from tocsin.domain.rights import Action
from tocsin.domain.values import AgreementId
from tocsin.ports import Transaction

TYPES = {Format.CSV: "text/csv", Format.TOML: "application/toml"}
LAPSED = "the file that was shown waits no more; choose it again, look, and then import it"


def routes(house: House) -> APIRouter:
    """Return the routes."""
    router, office = APIRouter(), house.office
    reads, changes = Guard(office, Action.READ_REGISTER), Guard(office, Action.CHANGE_REGISTER)
    law = Guard(office, Action.READ_LAW)
    registering, previews = Registering(), Previews()

    @router.get("/register")
    async def register(
        who: Annotated[Pass, Depends(reads)],
        asked: Annotated[str, Query(alias="q", max_length=200)] = "",
        needs: Annotated[str, Query(pattern="^(missing|weak|info)?$")] = "",
        after: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        """Show the agreements, by reference, and what stands in the way of telling each party."""
        index = await office.read(lambda tx: registering.index(tx, office.now()))
        found = index.found(asked.strip(), Weight(needs) if needs else None)
        values: dict[str, Any] = {"asked": asked, "needs": needs, "after": after, "size": SHOWN}
        lines = found[after : after + SHOWN]
        return house.show("register.html", who, index=index, lines=lines, total=len(found), **values)

    @router.get("/register/agreements/{agreement_id}")
    async def agreement(agreement_id: AgreementId, who: Annotated[Pass, Depends(reads)]) -> Response:
        """Show one agreement: its promises, its contacts, its versions, what it lacks."""

        def read(tx: Transaction) -> dict[str, Any]:
            found = tx.register.agreement(agreement_id)
            if found is None:
                raise hidden()
            index = registering.index(tx, office.now())
            findings = index.findings.get(agreement_id, ())
            return {"one": found, "versions": versions(found), "findings": findings, "confirmed": index.confirmed}

        return house.show("agreement.html", who, said=said, **await office.read(read))

    @router.get("/register/export")
    async def export(
        who: Annotated[Pass, Depends(reads)], form: Annotated[Format, Query(alias="format")] = Format.CSV
    ) -> Response:
        """Download the register; importing it again changes nothing."""

        def read(tx: Transaction) -> bytes:
            return write_file(sorted(tx.register.agreements(), key=lambda one: one.reference), form)

        name = {"Content-Disposition": f'attachment; filename="register.{form}"'}
        return Response(await office.read(read), media_type=TYPES[form], headers=name)

    @router.post("/register/preview")
    async def look(request: Request, who: Annotated[Pass, Depends(changes)]) -> Response:
        """Show what a file would change. Nothing is changed."""
        try:
            name, content = await _uploaded(request)
            form = Format.TOML if name.casefold().endswith(".toml") else Format.CSV
            now = office.now()
            found = await office.beside(lambda: preview(office.store, content, form, name, office.id_key, now))
        except TocsinError as error:
            return refused(house, who, error)
        until = office.now() + LASTS
        previews.keep(found.sha256, Waiting(content, form, who.visitor.person_id, found.changes.revision, until))
        return house.show("preview.html", who, found=found)

    @router.post("/register/import")
    async def bring_in(request: Request, who: Annotated[Pass, Depends(changes)]) -> Response:
        """Import the file that was shown, unless the register has changed since."""
        digest = str((await request.form()).get("sha256", ""))
        waiting = previews.take(who.visitor.person_id, digest, office.now())
        try:
            if waiting is None:
                raise Refused(LAPSED)
            done = await office.beside(lambda: _import(house, who, waiting))
        except TocsinError as error:
            return refused(house, who, error)
        counts = f"{len(done.added)} new, {len(done.changed)} changed, {done.unchanged} as they were"
        house.flash.tell(who, f"Imported: {counts}. The register is at revision {done.revision}.")
        return RedirectResponse("/register", 303)

    @router.get("/register/policies")
    async def policies(who: Annotated[Pass, Depends(law)]) -> Response:
        """Show the policies that are law today, and why the others start no clock."""
        today = office.now().date()
        pack = await office.beside(house.pack)
        active = sorted(pack.in_force(today), key=lambda one: (one.instrument, one.id))
        inactive = sorted(pack.inactive(today), key=lambda pair: pair[0].id)
        return house.show("policies.html", who, today=today, pack=pack, active=active, inactive=inactive)

    return router


async def _uploaded(request: Request) -> tuple[str, bytes]:
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Refused("no file was chosen; choose a CSV or TOML file, as examples/register.csv shows")
        return file.filename[-200:], await file.read()


def _import(house: House, who: Pass, waiting: Waiting) -> Changes:
    office = house.office
    with office.store.reading() as tx:
        if tx.register.revision() != waiting.revision:
            raise Refused("the register has changed since the file was shown; choose it again, and look once more")
    agreements = read_file(waiting.content, waiting.form, office.id_key)
    return publish(office.store, who.visitor.actor, office.now(), agreements)
