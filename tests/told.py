"""What progress tells, kept."""

from __future__ import annotations


class Told:
    """Takes note of steps, and of shares, which never go back."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.shares: list[float] = []

    def __call__(self, step: str, share: float | None = None, /) -> None:
        self.steps.append(step)
        if share is not None:
            assert max(self.shares, default=0.0) <= share <= 1.0, (step, share)
            self.shares.append(share)
