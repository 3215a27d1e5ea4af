"""How often a caller may ask: a token bucket."""

from __future__ import annotations

from time import monotonic


class TokenBucket:
    """Holds up to `size` tokens and gets `rate` new ones a second; a request takes one.

    Time is the monotonic clock: a clock that is set to another time neither fills nor drains it.

    Parameters
    ----------
    rate : float
        Tokens a second, above 0.
    size : float
        At least 1.
    """

    def __init__(self, *, rate: float, size: float) -> None:
        self.rate = rate
        self.size = size
        self.tokens = size
        self._filled = monotonic()

    def take(self) -> float:
        """Take a token and return 0, or return the seconds until there will be one."""
        now = monotonic()
        self.tokens = min(self.size, self.tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return 0.0
