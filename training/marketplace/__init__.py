"""The demo marketplace: simulated from published effects, with a hidden truth that tells the best possible answer."""

from training.marketplace.simulation import simulate

__all__ = ["simulate"]
