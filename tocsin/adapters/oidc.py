"""Signing in by an OpenID provider: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).

The provider says who it is and which groups they are in; groups become roles as the settings say. Whoever is in no
group that has a role does not come in.
"""

import time
from collections.abc import Mapping
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tocsin.domain.act import Role
from tocsin.domain.errors import Deferred, Refused
from tocsin.domain.register_text import parse_word
from tocsin.domain.values import Value
from tocsin.settings import Settings

SCOPE = "openid profile email"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures by a key of the provider's own; never `none`, and never one that a client secret makes."""
WITHIN = 10.0
"""Seconds that the provider has for an answer."""
LEEWAY = 60
"""Seconds that its clock may differ from ours."""


Groups = Mapping[str, frozenset[Role]]


class Pending(Value):
    """What is kept with the browser while it is at the provider; sealed, since it decides who comes in."""

    state: str
    nonce: str
    verifier: str
    onward: str


class Identity(Value):
    """Who the provider says it is."""

    issuer: str
    subject: str
    user: str
    name: str
    email: str
    roles: frozenset[Role]


class Provider:
    """One OpenID provider."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        secret: str | None,
        groups: Mapping[str, frozenset[Role]],
        claim: str = "groups",
    ) -> None:
        self.issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret = secret
        self._groups = groups
        self._claim = claim
        self._described: dict[str, Any] | None = None

    async def begin(self, redirect_uri: str, onward: str) -> tuple[str, Pending]:
        """Return where to send the browser, and what to keep until it is back. Raises Deferred."""
        pending = Pending(
            state=generate_token(43), nonce=generate_token(43), verifier=generate_token(64), onward=onward
        )
        described = await self._description()
        return prepare_grant_uri(
            described["authorization_endpoint"],
            self._client_id,
            "code",
            redirect_uri,
            SCOPE,
            pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        ), pending

    async def finish(self, pending: Pending, redirect_uri: str, code: str, state: str) -> Identity:
        """Return who came back from the provider.

        Raises:
            Refused: if the answer is not to what was asked, or the provider's token does not hold, or gives no role.
            Deferred: if the provider does not answer.
        """
        if state != pending.state:
            raise Refused("this is not the answer to what was asked; sign in again")
        token = await self._token(pending, redirect_uri, code)
        claims = await self._claims(str(token.get("id_token", "")), pending.nonce)
        return self._identity(claims)

    async def _token(self, pending: Pending, redirect_uri: str, code: str) -> dict[str, Any]:
        said = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._client_id,
            "code_verifier": pending.verifier,
        }
        described = await self._description()
        return await self._ask("POST", described["token_endpoint"], said)

    async def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        described = await self._description()
        keys = KeySet.import_key_set(await self._ask("GET", described["jwks_uri"]))  # type: ignore[arg-type]
        try:
            found = jwt.decode(id_token, keys, algorithms=ALGORITHMS)
            options = {"iss": {"values": [self.issuer]}, "aud": {"values": [self._client_id]}}
            claims = CodeIDToken(found.claims, found.header, options, {"nonce": nonce, "client_id": self._client_id})
            claims.validate(now=int(time.time()), leeway=LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError) as error:
            raise Refused(f"the provider's token does not hold ({error}); sign in again") from error
        return dict(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        groups = claims.get(self._claim) or ()
        groups = [groups] if isinstance(groups, str) else groups
        roles = frozenset[Role]().union(*(self._groups.get(str(group), frozenset()) for group in groups))
        user = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
        if not roles:
            raise Refused(
                f"{user} is in no group that has a role here; add them to one of {', '.join(sorted(self._groups))} "
                "at the provider, or map another group in TOCSIN_OIDC_GROUPS"
            )
        return Identity(
            issuer=self.issuer,
            subject=str(claims["sub"]),
            user=user,
            name=str(claims.get("name") or user),
            email=str(claims.get("email") or ""),
            roles=roles,
        )

    async def _description(self) -> dict[str, Any]:
        if self._described is None:
            found = await self._ask("GET", f"{self.issuer}/.well-known/openid-configuration")
            if found.get("issuer", "").rstrip("/") != self.issuer:
                raise Refused(f"the provider calls itself {found.get('issuer')}; set TOCSIN_OIDC_ISSUER to that")
            self._described = found
        return self._described

    async def _ask(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        auth = httpx.BasicAuth(self._client_id, self._secret) if form and self._secret else None
        try:
            async with httpx.AsyncClient(timeout=WITHIN, auth=auth) as http:
                answer = await http.request(method, url, data=form)
                found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Deferred(f"the provider at {self.issuer} does not answer ({error}); try again") from error
        if answer.status_code >= 500:
            raise Deferred(f"the provider at {self.issuer} answered {answer.status_code}; try again")
        if answer.status_code >= 400 or not isinstance(found, dict):
            raise Refused(f"the provider at {self.issuer} refused ({answer.status_code}); sign in again")
        return found


def groups_of(text: str) -> Groups:
    """Read `GROUP=ROLE` pairs, separated by commas. Raises Refused."""
    found: dict[str, frozenset[Role]] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        group, equals, role = pair.rpartition("=")
        if not equals or not group.strip():
            raise Refused(f"{pair!r} maps no group; write TOCSIN_OIDC_GROUPS as GROUP=ROLE, separated by commas")
        found[group.strip()] = found.get(group.strip(), frozenset()) | {parse_word(Role, role.strip(), "role")}
    return found


def provider_of(settings: Settings) -> Provider | None:
    """Return the provider that the settings name; None: people sign in here only."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    groups = groups_of(settings.oidc_groups)
    return Provider(settings.oidc_issuer, settings.oidc_client_id, secret, groups, settings.oidc_groups_claim)
