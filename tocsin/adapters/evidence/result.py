"""What checking an evidence folder found, as values and in plain words."""

from collections.abc import Iterator

from tocsin.domain.values import Value

SHOWN = 20
"""Findings of one check that are printed; the first ones say what happened, the rest follows from them."""


class Finding(Value):
    """One thing that does not hold: in which file, at which log entry if there is one, and what."""

    file: str
    entry: int | None = None
    what: str

    def sentence(self) -> str:
        """Return it in one line."""
        return f"{self.file}{'' if self.entry is None else f', log entry {self.entry}'}: {self.what}"


class Check(Value):
    """One statement about the folder; it holds if there is no finding."""

    title: str
    findings: tuple[Finding, ...] = ()
    proves: tuple[str, ...] = ()
    """What it shows, where that is more than its title."""

    def lines(self) -> Iterator[str]:
        """Yield the statement, then what speaks against it."""
        yield f"{'FAILS' if self.findings else 'holds'}  {self.title}"
        yield from (f"       {finding.sentence()}" for finding in self.findings[:SHOWN])
        yield from (f"       {words}" for words in self.proves)
        if len(self.findings) > SHOWN:
            yield f"       and {len(self.findings) - SHOWN} more"


class Checked(Value):
    """Everything that was checked."""

    incident_id: str | None
    size: int
    """Entries in the log."""
    root: str
    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that does not hold."""
        return tuple(finding for check in self.checks for finding in check.findings)

    @property
    def holds(self) -> bool:
        """Say whether every check holds."""
        return not self.findings

    def as_text(self) -> bytes:
        """Return the result as it is written down."""
        return "\n".join([*self.lines(), ""]).encode()

    def lines(self) -> list[str]:
        """Return the result in plain words."""
        failed = sum(bool(check.findings) for check in self.checks)
        verdict = f"{failed} of {len(self.checks)} checks fail" if failed else f"all {len(self.checks)} checks hold"
        return [
            f"Incident {self.incident_id or '(unreadable)'}: {verdict}.",
            f"Head of the log (note it elsewhere): {self.size}:{self.root}",
            *(line for check in self.checks for line in check.lines()),
        ]
