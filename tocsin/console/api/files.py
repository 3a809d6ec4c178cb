"""What comes and goes as a file: attachments, the evidence, reports for an authority, the register of breaches."""

import hashlib
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from tocsin.adapters.authority_reports import as_json, as_pdf, as_text
from tocsin.adapters.breach_register import as_json as breaches_as_json
from tocsin.adapters.breach_register import read_breaches
from tocsin.adapters.evidence import VERIFIER
from tocsin.adapters.evidence.write import write_evidence
from tocsin.cli.authority import Format, made_for
from tocsin.console.api.routing import Router
from tocsin.console.gate import Guard, Pass
from tocsin.console.office import Office
from tocsin.console.problems import Denied, hidden
from tocsin.domain.act import Attach, Receipt
from tocsin.domain.rights import Action
from tocsin.domain.values import IncidentId, Value
from tocsin.ports import Attachment, Transaction

LARGEST = 25 * 1024 * 1024
WRITTEN = {
    Format.TEXT: (as_text, "text/plain; charset=utf-8"),
    Format.JSON: (as_json, "application/json"),
    Format.PDF: (as_pdf, "application/pdf"),
}
DOCUMENT = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class File(Value):
    """An attached file, without its bytes."""

    sha256: str
    name: str
    media_type: str
    size: int


class Fingerprints(Value):
    """What must reach an auditor by another way than the pack."""

    key: str
    verifier: str


def routes(office: Office) -> Router:
    """Return the routes."""
    router = Router(office)
    sees, attaches = Guard(office, Action.SEE), Guard(office, Action.ATTACH)
    reads_log, lists = Guard(office, Action.READ_LOG), Guard(office, Action.LIST)

    @router.get("/incidents/{incident_id}/attachments")
    async def list_attachments(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> list[File]:
        """List the attached files."""
        return await office.read(lambda tx: [_described(one) for one in tx.incidents.attachments(incident_id)])

    @router.post(
        "/incidents/{incident_id}/attachments",
        status_code=201,
        openapi_extra={"requestBody": {"required": True, **DOCUMENT}},
    )
    async def attach(
        incident_id: IncidentId,
        request: Request,
        who: Annotated[Pass, Depends(attaches)],
        name: Annotated[str, Query(min_length=1, max_length=200)],
    ) -> Receipt:
        """Attach a file, sealed under the incident's key: its bytes are the body, its type the Content-Type."""
        content = await request.body()
        if not 0 < len(content) <= LARGEST:
            raise Denied(422 if not content else 413, "a file has 1 byte to 25 MB; keep a larger one elsewhere")
        kept = Attachment(
            sha256=hashlib.sha256(content).hexdigest(),
            name=name,
            media_type=request.headers.get("content-type") or "application/octet-stream",
            content=content,
            at=office.now(),
        )
        # The bytes go first: an act that names a file which is not there would be worse than a file nobody names.
        await office.write(lambda tx: tx.incidents.attach(incident_id, kept))
        deed = Attach(name=name, media_type=kept.media_type, sha256=kept.sha256, size=len(content))
        return await office.do(who.visitor, deed, incident_id, who.act_id)

    @router.get("/incidents/{incident_id}/attachments/{sha256}", response_class=Response, responses={200: DOCUMENT})
    async def read_attachment(incident_id: IncidentId, sha256: str, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Download an attached file. It is never shown in the browser: who knows who sent it."""

        def read(tx: Transaction) -> Attachment | None:
            return next((one for one in tx.incidents.attachments(incident_id) if one.sha256 == sha256), None)

        found = await office.read(read)
        if found is None:
            raise hidden()
        return Response(found.content, media_type="application/octet-stream", headers=download(found.sha256[:12]))

    @router.get("/incidents/{incident_id}/evidence", response_class=Response, responses={200: DOCUMENT})
    async def evidence(incident_id: IncidentId, who: Annotated[Pass, Depends(sees)]) -> Response:
        """Download everything about an incident as a signed pack; `tocsin verify` checks it without this store."""
        means = office.means._replace(histories=await office.histories(incident_id))
        folder = tempfile.TemporaryDirectory(prefix="tocsin-evidence-")
        target = Path(folder.name) / "pack.zip"
        try:
            await office.beside(lambda: write_evidence(office.store, means, incident_id, target))
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(
            target,
            media_type="application/octet-stream",
            headers=download(f"{incident_id}.zip"),
            background=BackgroundTask(folder.cleanup),
        )

    @router.get("/evidence/fingerprints")
    async def fingerprints(who: Annotated[Pass, Depends(lists)]) -> Fingerprints:
        """Read what an auditor compares a pack with: of the key that signs, and of verify.py."""
        return Fingerprints(key=office.means.signer.fingerprint, verifier=hashlib.sha256(VERIFIER).hexdigest())

    @router.get("/incidents/{incident_id}/reports/{policy_id}", response_class=Response, responses={200: DOCUMENT})
    async def report(
        incident_id: IncidentId,
        policy_id: str,
        who: Annotated[Pass, Depends(sees)],
        form: Annotated[Format, Query(alias="format")] = Format.JSON,
    ) -> Response:
        """Write the report under a policy as a checklist. What is missing is marked; nothing is sent."""
        write, media_type = WRITTEN[form]
        made = await office.beside(lambda: made_for(office, office.settings, incident_id, policy_id, {}))
        return Response(await office.beside(lambda: write(made)), media_type=media_type)

    @router.get("/breaches", response_class=Response, responses={200: {"content": {"application/json": {}}}})
    async def breaches(who: Annotated[Pass, Depends(reads_log)]) -> Response:
        """Export the register of breaches (GDPR art. 33(5))."""
        entries = await office.read(lambda tx: read_breaches(tx, None, None))
        return Response(breaches_as_json(entries, office.now()), media_type="application/json")

    return router


def _described(one: Attachment) -> File:
    return File(sha256=one.sha256, name=one.name, media_type=one.media_type, size=len(one.content))


def download(name: str) -> dict[str, str]:
    """Return the headers by which a browser saves an answer and never shows it."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
