"""What long work tells of itself: what is being done, and how much of the whole is done."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told what is being done and, where it is known, which share of the whole is done (0 to 1)."""

    def __call__(self, step: str, share: float | None = None, /) -> None:
        """Take note of it; without a share the one told before still holds."""


def quiet(_step: str, _share: float | None = None, /) -> None:
    """Take note of nothing."""


def within(progress: Progress, start: float, stop: float) -> Progress:
    """Return what tells the shares of one part, which goes from one share of the whole to another."""

    def tell(step: str, share: float | None = None, /) -> None:
        progress(step, None if share is None else start + share * (stop - start))

    return tell
