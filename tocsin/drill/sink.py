"""Where a drill's letters end: it answers as SendGrid does, on loopback, and keeps the letters in memory only."""

from aiohttp import web


class Sink:
    """Answers `POST /v3/mail/send` with `status`: 202 takes the letter. No address is on a suppression list."""

    TAKES = 202

    def __init__(self) -> None:
        self.status = self.TAKES
        self.taken = 0
        self.refused = 0
        self.pages = 0
        """How many of those taken were pages, which leave by mail as letters do."""
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        app = web.Application()
        app.router.add_post("/v3/mail/send", self._take)
        app.router.add_get("/v3/{list:(suppression|asm)/.*}", self._nobody)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no longer."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        letter = await request.json()
        if self.status != self.TAKES:
            self.refused += 1
            return web.Response(status=self.status)
        self.taken += 1
        self.pages += str(letter.get("headers", {}).get("X-Tocsin-Notice", "")).startswith("page-")
        return web.Response(status=self.TAKES, headers={"X-Message-Id": f"drill-{self.taken}"})

    async def _nobody(self, request: web.Request) -> web.Response:
        return web.json_response([], status=200 if self.status == self.TAKES else self.status)
