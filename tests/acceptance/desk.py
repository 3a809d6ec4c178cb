"""The command line run in this process: the same commands on the same engine, without a second Python for each."""

import os

import pytest

from tests.acceptance.stack import Installation, Ran
from tocsin.cli import run


class Desk(Installation):
    """An installation whose commands are run here."""

    def __init__(self, like: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(like.home, like.address, like.namespace)
        self.env = like.env
        self._capfd = capfd
        for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
            monkeypatch.delenv(name)
        for name, value in like.env.items():
            monkeypatch.setenv(name, value)

    def tocsin(self, *words: str, user: str = "asha", **settings: str) -> Ran:
        """Run the command as somebody."""
        assert not settings, "settings are the process's own here"
        self._capfd.readouterr()
        code = run(["--as", user, *words])
        out, err = self._capfd.readouterr()
        assert isinstance(code, int)
        return Ran(code, out, err)
