"""Who may do what: one table of actions, by role and by membership of the incident's team. Pure."""

from enum import StrEnum

from tocsin.domain.act import Role
from tocsin.domain.values import Value


class Action(StrEnum):
    """What somebody may want to do. One of an incident bears the name of its deed, where it is a deed."""

    # Of the installation.
    LIST = "list"
    """Only what one may see is listed."""
    REPORT = "report"
    READ_REGISTER = "read_register"
    CHANGE_REGISTER = "change_register"
    PROBE = "probe"
    """Having the register's contacts asked whether notices reach them."""
    READ_LAW = "read_law"
    READ_LOG = "read_log"
    READ_CHANNELS = "read_channels"
    SWITCH_CHANNEL = "switch_channel"
    READ_ACCESS = "read_access"
    GIVE_ACCESS = "give_access"
    REVIEW_ACCESS = "review_access"
    READ_ERASURES = "read_erasures"
    """Which incidents are past their retention, and what became of those that were erased."""
    OWN_ACCOUNT = "own_account"
    """One's own sessions, tokens, delegations, feed."""

    # Of an incident.
    SEE = "see"
    CONFIRM = "confirm"
    DISMISS = "dismiss"
    REVISE = "revise"
    AFFECTED_ADD = "affected_add"
    DRAFT = "draft"
    RELEASE = "release"
    SEND_BACK = "send_back"
    STOP = "stop"
    RESUME = "resume"
    HOLD = "hold"
    HOLD_PROVISIONAL = "hold_provisional"
    """A hold that lapses unless an approver confirms it."""
    HOLD_CONFIRM = "hold_confirm"
    LIFT = "lift"
    BREAK_GLASS = "break_glass"
    """Having the minimal letter sent without a second person."""
    RECALL = "recall"
    GLASS_REVIEW = "glass_review"
    NOTE = "note"
    ATTACH = "attach"
    DUTY_END = "duty_end"
    WAIVE = "waive"
    """Ending a duty as waived or not owed."""
    DECIDE = "decide"
    ASSESS = "assess"
    TASK_ADD = "task_add"
    TASK_ASSIGN = "task_assign"
    TASK_DONE = "task_done"
    HANDOVER = "handover"
    CLOSE = "close"
    REOPEN = "reopen"
    TOLD = "told"
    RECOMPUTE = "recompute"
    ABSORB = "absorb"
    MERGE_INTO = "merge_into"
    PAGE_ACK = "page_ack"
    ERASE = "erase"
    """Asking for an erasure, or confirming what somebody else asked for."""
    PRIVILEGE = "privilege"
    LIFT_PRIVILEGE = "lift_privilege"
    READ_PRIVILEGED = "read_privileged"
    """Read what is marked as privileged: everybody else reads that something was left out."""


class Verdict(StrEnum):
    """What came of asking."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    HIDDEN = "hidden"
    """As if the incident did not exist."""


class Rule(Value):
    """Which roles may: `anywhere`, or only `on_team`, as a member of the incident's team."""

    anywhere: frozenset[Role] = frozenset()
    on_team: frozenset[Role] = frozenset()


RESPONDER, APPROVER, AUDITOR, ADMIN = Role.RESPONDER, Role.APPROVER, Role.AUDITOR, Role.ADMIN
EVERYBODY = frozenset(Role)
SEES_ALL = frozenset({APPROVER, AUDITOR})
"""Who sees every incident; everybody else sees those of their teams."""

_ALL = Rule(anywhere=EVERYBODY)
_ACTING = Rule(anywhere=frozenset({APPROVER}), on_team=frozenset({RESPONDER}))
_APPROVING = Rule(anywhere=frozenset({APPROVER}))
_RUNNING = Rule(anywhere=frozenset({ADMIN}))

_OF_THE_TEAM = (
    *(Action.CONFIRM, Action.DISMISS, Action.REVISE, Action.AFFECTED_ADD, Action.DRAFT, Action.STOP, Action.RESUME),
    *(Action.NOTE, Action.ATTACH, Action.DUTY_END, Action.ASSESS, Action.TASK_ADD, Action.TASK_ASSIGN),
    *(Action.TASK_DONE, Action.HANDOVER, Action.CLOSE, Action.REOPEN, Action.TOLD, Action.RECOMPUTE),
    *(Action.ABSORB, Action.MERGE_INTO, Action.PAGE_ACK, Action.HOLD_PROVISIONAL, Action.RECALL),
    *(Action.PRIVILEGE, Action.READ_PRIVILEGED),
)

RULES: dict[Action, Rule] = {
    Action.LIST: _ALL,
    Action.REPORT: Rule(anywhere=frozenset({RESPONDER, APPROVER})),
    Action.READ_REGISTER: _ALL,
    Action.CHANGE_REGISTER: Rule(anywhere=EVERYBODY - {AUDITOR}),
    Action.PROBE: Rule(anywhere=frozenset({APPROVER, ADMIN})),
    Action.READ_LAW: _ALL,
    Action.READ_LOG: Rule(anywhere=frozenset({APPROVER, AUDITOR})),
    Action.READ_CHANNELS: _ALL,
    Action.SWITCH_CHANNEL: _APPROVING,
    Action.READ_ACCESS: Rule(anywhere=frozenset({ADMIN, AUDITOR, APPROVER})),
    Action.GIVE_ACCESS: _RUNNING,
    Action.REVIEW_ACCESS: Rule(anywhere=frozenset({ADMIN, APPROVER})),
    Action.READ_ERASURES: Rule(anywhere=frozenset({ADMIN, AUDITOR, APPROVER})),
    Action.OWN_ACCOUNT: _ALL,
    Action.SEE: Rule(anywhere=SEES_ALL, on_team=EVERYBODY),
    Action.RELEASE: _APPROVING,
    Action.SEND_BACK: _APPROVING,
    Action.HOLD: _APPROVING,
    Action.HOLD_CONFIRM: _APPROVING,
    Action.LIFT: _APPROVING,
    Action.BREAK_GLASS: Rule(on_team=frozenset({RESPONDER, APPROVER})),
    Action.GLASS_REVIEW: _APPROVING,
    Action.LIFT_PRIVILEGE: _APPROVING,
    Action.WAIVE: _APPROVING,
    Action.DECIDE: _APPROVING,
    # An admin keeps the periods, and need not see what an incident is about to have it erased.
    Action.ERASE: Rule(anywhere=frozenset({APPROVER, ADMIN})),
    **dict.fromkeys(_OF_THE_TEAM, _ACTING),
}
"""The whole table; an action without a rule is an error when this file is loaded."""

OF_INCIDENT = frozenset(Action) - set(list(Action)[: list(Action).index(Action.SEE)])
"""The actions that are about one incident."""

if missing := set(Action) - RULES.keys():
    raise AssertionError(f"no rule for {sorted(missing)}")


def may(action: Action, roles: frozenset[Role], *, on_team: bool = False) -> Verdict:
    """Say whether somebody with these roles may; what is about an incident they do not see is hidden from them."""
    if _holds(RULES[action], roles, on_team=on_team):
        return Verdict.ALLOWED
    if action in OF_INCIDENT and not _holds(RULES[Action.SEE], roles, on_team=on_team):
        return Verdict.HIDDEN
    return Verdict.FORBIDDEN


def _holds(rule: Rule, roles: frozenset[Role], *, on_team: bool) -> bool:
    return bool(roles & rule.anywhere) or (on_team and bool(roles & rule.on_team))
