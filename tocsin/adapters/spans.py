"""Spans of OpenTelemetry: one trace for each incident, however many processes and weeks it takes.

The trace's id is made from the incident's, so a receipt that comes to the console on the third day stands in the trace
that the report began, though nothing was handed from one to the other. Temporal's SDK makes the spans of calls,
workflows and activities; each entry of the audit log is one besides, and names the notice that it is about.

What leaves holds ids, kinds and times. Of an exception only its type does: its words may hold an address.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, TraceFlags
from temporalio import client
from temporalio.contrib.opentelemetry import TracingInterceptor

from tocsin import __version__
from tocsin.adapters.logging import ids_of_workflow
from tocsin.audit.entry import EntryDraft
from tocsin.domain.errors import Refused
from tocsin.settings import Settings

SECONDS = 5
"""How long a collector may take; a command that ends waits for it."""

WAITING = 65_536
"""Spans that may wait for the collector: a wave of 50,000 makes some for each notice. Those beyond are dropped."""

_EXCEPTION = "exception.type"


@cache
def _provider(url: str, headers: str) -> TracerProvider:
    provider = TracerProvider(resource=Resource({"service.name": "tocsin", "service.version": __version__}))
    exporter = OTLPSpanExporter(endpoint=url, headers=_headers(headers), timeout=SECONDS)
    provider.add_span_processor(BatchSpanProcessor(Wordless(exporter), max_queue_size=WAITING))
    return provider


def set_up(settings: Settings) -> None:
    """Send this process's spans to TOCSIN_TRACES_URL, from now on; a second time changes nothing.

    Raises:
        Refused: if TOCSIN_TRACES_HEADERS cannot be read.
    """
    headers = settings.traces_headers.get_secret_value() if settings.traces_headers else ""
    provider = _provider(settings.traces_url or "", headers)
    if trace.get_tracer_provider() is not provider:
        trace.set_tracer_provider(provider)


def calls() -> list[client.Interceptor]:
    """Return what a client is given: its calls belong to their incident's trace, and Temporal's SDK makes the spans."""
    return [_OfIncidents(), TracingInterceptor(trace.get_tracer("tocsin"))]


def entries(drafts: Sequence[EntryDraft]) -> None:
    """Make a span without a length of each entry of the log that belongs to an incident."""
    tracer = trace.get_tracer("tocsin")
    for draft in drafts:
        if draft.incident_id is not None:
            at = _nanoseconds(draft.at)
            span = tracer.start_span(
                draft.kind, _within(draft.incident_id), attributes=_attributes(draft), start_time=at
            )
            span.end(end_time=at)


def trace_id_of(incident_id: str) -> int:
    """Return the id of an incident's trace: the first 128 bits of a SHA-256 of its id."""
    return int.from_bytes(_digest(incident_id)[:16])


class Wordless(SpanExporter):
    """Takes the words out of exceptions before an exporter sees them."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Hand on to `exporter`."""
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand on spans that hold no text."""
        return self._exporter.export([_wordless(span) for span in spans])

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have it send what waits."""
        return self._exporter.force_flush(timeout_millis)


class _OfIncidents(client.Interceptor):
    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:  # noqa: A002
        return _Outbound(next)


class _Outbound(client.OutboundInterceptor):
    async def start_workflow(self, input: client.StartWorkflowInput) -> Any:  # noqa: A002 - the SDK's word
        with _belonging(input.id):
            return await super().start_workflow(input)

    async def signal_workflow(self, input: client.SignalWorkflowInput) -> None:  # noqa: A002
        with _belonging(input.id):
            await super().signal_workflow(input)

    async def query_workflow(self, input: client.QueryWorkflowInput) -> Any:  # noqa: A002
        with _belonging(input.id):
            return await super().query_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> Any:  # noqa: A002
        with _belonging(input.id):
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self,
        input: client.StartWorkflowUpdateWithStartInput,  # noqa: A002
    ) -> Any:
        with _belonging(input.start_workflow_input.id):
            return await super().start_update_with_start_workflow(input)


@contextmanager
def _belonging(workflow_id: str) -> Iterator[None]:
    """Stand in the trace of a workflow's incident, unless some other span has begun."""
    incident_id = ids_of_workflow(workflow_id).get("incident")
    if incident_id is None or trace.get_current_span().get_span_context().is_valid:
        yield
        return
    token = attach(_within(incident_id))
    try:
        yield
    finally:
        detach(token)


def _within(incident_id: str) -> Context:
    """Return the context whose spans stand in an incident's trace, below the span of the same trace that runs now."""
    running = trace.get_current_span().get_span_context()
    if running.trace_id == trace_id_of(incident_id):
        return trace.set_span_in_context(NonRecordingSpan(running))
    root = int.from_bytes(_digest(incident_id)[16:24])
    context = SpanContext(trace_id_of(incident_id), root, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(context))


def _digest(incident_id: str) -> bytes:
    return hashlib.sha256(b"tocsin-trace/" + incident_id.encode()).digest()


def _attributes(draft: EntryDraft) -> dict[str, str]:
    about = {name: said for name, said in draft.data.items() if isinstance(said, str)}
    return about | {"incident": draft.incident_id or "", "entry": draft.key}


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000


def _wordless(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[_typed(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _typed(event: Event) -> Event:
    known = event.attributes or {}
    return Event(event.name, {_EXCEPTION: known[_EXCEPTION]} if _EXCEPTION in known else {}, event.timestamp)


def _headers(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if any(not sign or not name.strip() for name, sign, _ in pairs):
        raise Refused("TOCSIN_TRACES_HEADERS: write it as NAME=VALUE, separated by commas")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
