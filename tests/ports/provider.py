"""A real OpenID provider on loopback: discovery, authorisation, tokens, keys. It lets in whoever the test says."""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.ports.webhook import serving

CLIENT, SECRET = "tocsin-console", "a client secret"


class Keycloakish:
    """The provider: its keys, and what it is to say next."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self.signs_with = self.key
        self.issuer = ""
        self.claims: dict[str, Any] = {}
        """What the next token says beyond the usual."""
        self.asked: dict[str, dict[str, str]] = {}
        self.redeemed: list[dict[str, str]] = []

    def app(self) -> FastAPI:
        """Return the provider as an application."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        async def describe() -> dict[str, str]:
            places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            return {"issuer": self.issuer} | {name: f"{self.issuer}/{path}" for name, path in places.items()}

        @app.get("/keys")
        async def keys() -> Any:
            return KeySet([self.key]).as_dict(private=False)

        @app.get("/authorize")
        async def authorize(request: Request) -> Response:
            said = dict(request.query_params)
            assert said["code_challenge_method"] == "S256"
            code = secrets.token_urlsafe(16)
            self.asked[code] = said
            return RedirectResponse(f"{said['redirect_uri']}?code={code}&state={said['state']}", 303)

        @app.post("/token")
        async def token(
            request: Request,
            code: Annotated[str, Form()],
            code_verifier: Annotated[str, Form()],
            redirect_uri: Annotated[str, Form()],
        ) -> Response:
            asked = self.asked.pop(code, None)
            client = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            digest = hashlib.sha256(code_verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            good = asked is not None and challenge == asked["code_challenge"]
            if not good or asked is None or request.headers.get("authorization") != f"Basic {client}":
                return JSONResponse({"error": "invalid_grant"}, 400)
            assert asked["redirect_uri"] == redirect_uri
            return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self._token(asked)})

        return app

    def _token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "sub": "42", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        return jwt.encode({"alg": "RS256", "kid": "k1"}, said | self.claims, self.signs_with)


@asynccontextmanager
async def a_provider() -> AsyncIterator[Keycloakish]:
    """Run a provider."""
    provider = Keycloakish()
    async with serving(provider.app()) as url:
        provider.issuer = url
        yield provider
