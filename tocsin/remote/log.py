"""The log of an installation elsewhere: asked over the API, which answers with its own values."""

from tocsin.adapters.log_answers import Compared, Newest, Proved, Verified
from tocsin.remote.api import Api


class RemoteLog:
    """Answers as `LogAnswers` does, as far as the person may read the log."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def verified(self) -> Verified:
        """Have the whole log checked."""
        return self._api.get("/log/verification", Verified)

    def newest(self) -> Newest:
        """Return the newest checkpoint."""
        return self._api.get("/log/checkpoint", Newest)

    def compared(self, note: str) -> Compared:
        """Have the log compared with a checkpoint that was kept elsewhere."""
        return self._api.get("/log/comparison", Compared, checkpoint=note)

    def proved(self, number: int) -> Proved:
        """Return an entry with its proof."""
        return self._api.get(f"/log/{number}/proof", Proved)
