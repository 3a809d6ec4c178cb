"""A collector of traces on loopback: takes what OpenTelemetry's exporter posts, and keeps it."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Keeps the spans that were posted to it, and the bytes of each post."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.bytes = b""

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Serve on a port."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/traces", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
        await runner.cleanup()

    def of(self, trace_id: int) -> set[str]:
        """Return the names of the spans of a trace."""
        return {span.name for span in self.spans if int.from_bytes(span.trace_id) == trace_id}

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()  # aiohttp has unpacked it, where it says that it was packed
        plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        self.bytes += plain
        posted = ExportTraceServiceRequest.FromString(plain)
        self.spans += [span for one in posted.resource_spans for scope in one.scope_spans for span in scope.spans]
        return web.Response(body=b"", content_type="application/x-protobuf")
