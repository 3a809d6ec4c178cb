"""Every page that a person may come to, and who looks at it here. `test_console_rights.py` holds it complete."""

from typing import NamedTuple


class Place(NamedTuple):
    """A page: its route, where it is, and who looks."""

    route: str
    address: str
    """With the addresses and the number that the story knows, or an `{invitation}` that is good."""
    user: str | None


PLACES = {
    "login": Place("/login", "/login", None),
    "invitation": Place("/invitation/{token}", "{invitation}", None),
    "notice": Place("/a/{token}", "{link}", None),
    "asked": Place("/a/{token}", "{asked}", None),
    "number": Place("/n", "/n", None),
    "number-known": Place("/n/{number}", "/n/{number}", None),
    "now": Place("/", "/", "asha"),
    "report": Place("/report", "/report", "asha"),
    "incident": Place("/incidents/{incident_id}", "{incident}", "asha"),
    "incident-approver": Place("/incidents/{incident_id}", "{incident}", "dara"),
    "incident-auditor": Place("/incidents/{incident_id}", "{incident}", "noor"),
    "why": Place("/incidents/{incident_id}/why", "{incident}/why", "dara"),
    "waves": Place("/incidents/{incident_id}/review", "{incident}/review", "dara"),
    "review": Place("/incidents/{incident_id}/review/{wave_id}", "{waiting}", "dara"),
    "review-german": Place("/incidents/{incident_id}/review/{wave_id}", "{german}", "noor"),
    "delivery": Place("/incidents/{incident_id}/delivery", "{incident}/delivery", "asha"),
    "delivered": Place("/incidents/{incident_id}/notices/{notice_id}", "{delivered}", "dara"),
    "register": Place("/register", "/register", "asha"),
    "agreement": Place("/register/agreements/{agreement_id}", "{agreement}", "asha"),
    "rounds": Place("/register/rounds", "/register/rounds", "dara"),
    "round": Place("/register/rounds/{round_id}", "{round}", "noor"),
    "policies": Place("/register/policies", "/register/policies", "noor"),
    "audit": Place("/audit", "/audit?verify=yes", "noor"),
    "audit-incident": Place("/incidents/{incident_id}/audit", "{incident}/audit", "noor"),
    "questions": Place("/incidents/{incident_id}/audit/questions", "{incident}/audit/questions", "noor"),
    "check": Place("/incidents/{incident_id}/audit/check", "{incident}/audit/check", "noor"),
    "login-cli": Place(
        "/login/cli",
        f"/login/cli?redirect_uri=http://127.0.0.1:49152/&state={'s' * 43}&code_challenge={'c' * 43}"
        "&code_challenge_method=S256",
        "asha",
    ),
    "me": Place("/me", "/me", "asha"),
    "denied": Place("", "/incidents/inc-nothing", "asha"),
    "codec": Place("/codec", "/codec", "noor"),
}
NO_PAGES = {
    *("/live", "/page.js", "/style.css", "/icon.svg", "/healthz", "/readyz", "/login/oidc", "/login/oidc/callback"),
    *("/incidents/{incident_id}/delivery.csv", "/register/export", "/calendar/{secret}.ics"),
}
"""What a browser asks for or downloads, and that shows nothing of its own."""
POSTED = {"/notices", "/notices/", "/notices/{name}"}
"""Files of the posting channel, whose own tests look at them."""
LETTERS = {"/incidents/{incident_id}/letters/{notice_id}", "/incidents/{incident_id}/letters/{notice_id}/bytes"}
"""A letter as it leaves: framed by a page, or downloaded."""
