"""What is known about an influencer and a brief at one moment."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from features.pipeline import build
    from features.sources import open_tables
    from features.store import EventStore

__all__ = ["EventStore", "build", "open_tables"]

_HOMES = {"EventStore": "features.store", "build": "features.pipeline", "open_tables": "features.sources"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `impel --help` need not wait for DuckDB and pandas."""
    if name not in _HOMES:
        raise AttributeError(f"module 'features' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
