"""How often one source may ask, and how many of its requests were refused: counted here, written down by the minute."""

from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 10_000
"""Sources that are kept in mind at once; the one that was quiet longest is forgotten first."""


class RateLimit:
    """Lets each source ask `burst` times at once, and `per_minute` times a minute after that."""

    def __init__(self, per_minute: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, source: str) -> bool:
        """Count a request of a source and say whether it may be answered."""
        now = self._monotonic()
        left, since = self._left.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        self._left[source] = (max(0.0, left - 1), now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return left >= 1


class Refusals:
    """Counts refused requests by source and minute."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}

    def count(self, source: str, minute: int) -> None:
        """Count one; sources beyond what is remembered are counted together."""
        key = (source, minute)
        if key not in self._counts and len(self._counts) >= REMEMBERED:
            key = ("others", minute)
        self._counts[key] = self._counts.get(key, 0) + 1

    def ended(self, before_minute: int) -> dict[tuple[str, int], int]:
        """Return the counts of the minutes before one, and forget them."""
        over = {key: count for key, count in self._counts.items() if key[1] < before_minute}
        for key in over:
            del self._counts[key]
        return over
