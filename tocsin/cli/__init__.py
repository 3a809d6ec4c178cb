"""The command line. Each command is thin: read arguments, make an act or read the store, print.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the engine cannot be reached, 130 stopped by Ctrl-C.
"""

import atexit
import signal
import sys
import time
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer
from temporalio.service import RPCError

from tocsin.cli import (
    access,
    audit,
    authority,
    breaches,
    channels,
    console,
    decide,
    doctor,
    drill,
    duties,
    erase,
    evidence,
    explain,
    glass,
    holds,
    incident,
    keys,
    letter,
    log,
    login,
    merging,
    paging,
    policy,
    privilege,
    receipts,
    recompute,
    reconcile,
    register,
    report,
    setup,
    severity,
    show,
    spool,
    tasks,
    tokens,
    told,
    watch,
    waves,
)
from tocsin.cli.render import complain
from tocsin.cli.session import session_for
from tocsin.client import Underway, Unreachable
from tocsin.domain.errors import TocsinError

STOPPED = 130
STOPPED_WORDS = "stopped; it may have been taken: tocsin list"

app = typer.Typer(
    help="After a security incident, everyone who must be told is told in time, and you can prove it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PARTS = (
    *(report, show, explain, decide, severity, incident, merging, recompute, waves, holds, glass),
    *(evidence, erase, told, watch, doctor, drill, console, setup, login, reconcile),
)
for part in PARTS:
    app.add_typer(part.commands)
app.add_typer(incident.affected_commands, name="affected")
app.add_typer(duties.commands, name="duty")
app.add_typer(access.commands, name="access")
app.add_typer(tasks.commands, name="task")
app.add_typer(paging.commands, name="page")
app.add_typer(privilege.commands, name="privilege")
app.add_typer(register.commands, name="register")
app.add_typer(channels.commands, name="channel")
app.add_typer(policy.commands, name="policy")
app.add_typer(authority.commands, name="authority")
app.add_typer(breaches.commands, name="breaches")
app.add_typer(letter.commands, name="letter")
app.add_typer(log.commands, name="log")
app.add_typer(audit.commands, name="audit")
app.add_typer(keys.commands, name="keys")
app.add_typer(tokens.commands, name="token")
app.add_typer(receipts.commands, name="receipts")
app.add_typer(spool.commands, name="spool")


@app.callback()
def begin(
    ctx: typer.Context,
    user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Who acts; default TOCSIN_USER, else your login name.")
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="On this installation itself, whatever TOCSIN_API_URL says.")
    ] = False,
) -> None:
    """After a security incident, everyone who must be told is told in time, and you can prove it."""
    ctx.obj = session_for(user, direct=direct)
    ctx.call_on_close(ctx.obj.close)


def main() -> NoReturn:
    """Run the command of this process and exit with its code."""
    if sys.version_info < (3, 12):
        # Python 3.11 aborts one in ten exits while Temporal's threads still end (sdk-python issue 300).
        atexit.register(time.sleep, 0.1)
    code = run()
    # What is left is tidying up: another Ctrl-C has nothing to stop any more.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an expected failure is one sentence with its fix, no traceback."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        complain(STOPPED_WORDS)
        return STOPPED


def _run(arguments: Sequence[str] | None) -> int:
    try:
        app(args=arguments, prog_name="tocsin")
    except (Unreachable, Underway, RPCError) as error:
        complain(f"{error}{'; `tocsin doctor` says what mends it' if isinstance(error, RPCError) else ''}")
        return 3
    except TocsinError as error:
        complain(str(error))
        return 1
    except UnicodeEncodeError as error:
        complain(f"{error.object!r} holds what is no UTF-8; type it again")
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        complain(f"cannot use {error.filename}: {error.strerror}; mend that, or give another file")
        return 1
    except SystemExit as ended:
        if ended.code == STOPPED:
            raise KeyboardInterrupt from None
        return ended.code if isinstance(ended.code, int) else 1
    return 0
