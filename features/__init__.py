"""What is known about an influencer and a brief at one moment."""

from features.pipeline import build
from features.sources import open_tables
from features.store import EventStore

__all__ = ["EventStore", "build", "open_tables"]
