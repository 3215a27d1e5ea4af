"""What the catalogue says of a feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal[
    "engagement", "authenticity", "audience fit", "track record", "offer", "cross-platform", "social scores"
]
Direction = Literal["up", "down", "free"]


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes
    ----------
    name, family, unit, meaning
        In the words of the field.
    null
        When it is unknown (NaN).
    direction
        Whether more of it can only raise ("up") or lower ("down") the likelihood by theory, or either ("free").
    tables
        What it is computed from; the first is the one without which it is always null.
    """

    name: str
    family: Family
    unit: str
    meaning: str
    null: str
    direction: Direction
    tables: tuple[str, ...]


Entries = tuple[tuple[str, str, str, str, Direction, tuple[str, ...]], ...]
"""Name, unit, meaning, null rule, direction and tables of each feature of a family."""

NEVER = "never"
NO_READING = "no number of followers known"
