"""The manifest of an event store: which files make it up; a folder without one is no store."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import duckdb

from features.errors import DataError

LAYOUT = 9
"""Raise it when what is stored changes: a store of another layout is prepared anew."""


class Segment(NamedTuple):
    """Some rows of a bucket's events, or of a ledger, in a file of their own."""

    file: str
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What an event store consists of. Files are named relative to its folder, and never change once they are named.

    Attributes
    ----------
    fingerprint
        Of all that went in.
    appended
        The fingerprints of the sources that were appended.
    missing
        Optional tables that no source had.
    buckets
        How many there are.
    newest
        The newest moment of each kind of events, microseconds.
    whole
        The tables that are read whole, by name.
    empty
        For each kind of events, a file without a row.
    segments
        For each kind of events and each bucket its segments, the largest and oldest first.
    ledgers
        What further rows are compared with: the texts that were read and when first, the reactions between accounts.
    published
        The folder of what was published: social scores, and whatever else looks across accounts at one moment.
    """

    fingerprint: str
    appended: tuple[str, ...]
    missing: tuple[str, ...]
    buckets: int
    newest: dict[str, int]
    whole: dict[str, str]
    empty: dict[str, str]
    segments: dict[str, list[list[Segment]]]
    ledgers: dict[str, list[Segment]]
    published: str

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read a store's manifest; None where there is none, or its layout or DuckDB is of another version."""
        found = _found(folder)
        if (found.pop("layout", None), found.pop("duckdb", None)) != (LAYOUT, duckdb.__version__):
            return None
        segments = {name: [[Segment(*s) for s in bucket] for bucket in of] for name, of in found["segments"].items()}
        ledgers = {name: [Segment(*s) for s in of] for name, of in found["ledgers"].items()}
        lists = {name: tuple(found[name]) for name in ("appended", "missing")}
        return cls(**{**found, **lists, "segments": segments, "ledgers": ledgers})

    def write(self, folder: Path) -> None:
        """Put the manifest into the folder, in one step: before it the store is the old one, after it the new one."""
        unfinished = folder / "manifest.unfinished"
        unfinished.write_text(json.dumps({"layout": LAYOUT, "duckdb": duckdb.__version__, **asdict(self)}, indent=1))
        unfinished.replace(folder / "manifest.json")

    @property
    def files(self) -> set[str]:
        """The names of all files of the store but what was published."""
        named = [*self.whole.values(), *self.empty.values()]
        named += [segment.file for of in self.segments.values() for bucket in of for segment in bucket]
        return {*named, *(segment.file for of in self.ledgers.values() for segment in of)}


def is_store(folder: str | Path) -> bool:
    """Say whether a folder is an event store, be it of this version or another."""
    return "segments" in _found(Path(folder))


def has_grown(folder: Path) -> bool:
    """Say whether rows were appended to the store in a folder, be it of this version or another."""
    return bool(_found(folder).get("appended"))


def _found(folder: Path) -> dict[str, Any]:
    """Return what the file says that a manifest would be; nothing where it is none, DataError where it is barred."""
    try:
        found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except PermissionError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}); give whoever runs this the right to.") from None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
