"""`token new|list|revoke`: what a person's programs show instead of a password."""

import secrets
from datetime import timedelta
from typing import Annotated

import typer

from tocsin.audit.entry import EntryDraft
from tocsin.cli.arguments import Json, span
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.act import Role
from tocsin.domain.errors import Refused
from tocsin.domain.token import DEFAULT_LIFE, Scope, Token, checked_life, digest_of, refuse_feed_and_more, secret_of
from tocsin.domain.values import derived_id

commands = typer.Typer(help="Tokens: what your programs, and Temporal's Web UI, show instead of a password.")


@commands.command()
def new(
    ctx: typer.Context,
    scope: Annotated[list[Scope], typer.Option(help="What it is good for. Repeatable.")],
    label: Annotated[str, typer.Option(help="What it is for, in your words.")] = "",
    holds: Annotated[
        timedelta | None, typer.Option("--for", parser=span, metavar="SPAN", help="How long it holds; default 30d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token of your own and print its secret, once: it is kept as a digest only."""
    work = session(ctx)
    refuse_feed_and_more(scope)
    secret, at = secret_of(secrets.token_urlsafe(32)), work.now()
    token = Token(
        token_id=derived_id("tok", secret),
        digest=digest_of(secret),
        person_id=work.actor.person_id,
        label=label,
        scopes=frozenset(scope),
        made_at=at,
        expires_at=at + checked_life(holds or DEFAULT_LIFE),
    )
    with work.store.writing() as tx:
        tx.tokens.add(token)
        tx.log.append([_entry(work, token, "token.made")])
    if as_json:
        emit({"token": secret, "token_id": token.token_id, "expires_at": token.expires_at})
        return
    say(f"{work.settings.console_at}/calendar/{secret}.ics" if token.scopes == {Scope.FEED} else secret)
    say(f"{token.token_id} is good for {_scopes(token)} until {when(token.expires_at)}; it is not shown again.")


@commands.command("list")
def list_(
    ctx: typer.Context,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's; for admins and auditors.")] = False,
    as_json: Json = False,
) -> None:
    """List your tokens: what each is good for, until when, and when it was last used."""
    work = session(ctx)
    if everybody and not work.actor.roles & {Role.ADMIN, Role.AUDITOR}:
        raise Refused(f"{work.actor.name} may list their own tokens only; an admin or an auditor sees everybody's")
    with work.store.reading() as tx:
        found = tx.tokens.of(None if everybody else work.actor.person_id)
    if as_json:
        emit([token.model_copy(update={"digest": ""}) for token in found])
        return
    for token in found:
        say(f"{token.token_id}  {_scopes(token)}  {_standing(token, work)}  {token.label}".rstrip())
    if not found:
        say("There are none; make one: tocsin token new --scope decode")


@commands.command()
def revoke(
    ctx: typer.Context, token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, as `token list` says.")]
) -> None:
    """End a token for good, at once; an admin may end anybody's."""
    work = session(ctx)
    with work.store.writing() as tx:
        found = next((one for one in tx.tokens.of() if one.token_id == token), None)
        mine = found is not None and found.person_id == work.actor.person_id
        if found is None or not (mine or Role.ADMIN in work.actor.roles):
            raise Refused(f"there is no token {token} that {work.actor.name} may end; see `tocsin token list`")
        if tx.tokens.revoke(found.token_id, work.now()):
            tx.log.append([_entry(work, found, "token.revoked")])
    say(f"{found.token_id} is good for nothing any more.")


def _entry(work: Session, token: Token, kind: str) -> EntryDraft:
    return EntryDraft(
        key=f"{kind}:{token.token_id}",
        at=work.now(),
        kind=kind,
        incident_id=None,
        actor=work.actor.person_id,
        authenticated=work.actor.authenticated,
        data={"token": token.token_id, "person": token.person_id, "scopes": sorted(token.scopes)},
    )


def _scopes(token: Token) -> str:
    return ", ".join(sorted(token.scopes))


def _standing(token: Token, work: Session) -> str:
    if token.revoked_at is not None:
        return f"revoked {when(token.revoked_at)}"
    if token.expires_at <= work.now():
        return f"expired {when(token.expires_at)}"
    used = f"last used {when(token.last_used_at)}" if token.last_used_at else "never used"
    return f"until {when(token.expires_at)}, {used}"
