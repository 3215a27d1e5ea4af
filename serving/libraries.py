"""The libraries that an installed package needs, as its metadata say."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def pinned(requirements: Iterable[Requirement]) -> list[str]:
    """Return requirements, and what they need in turn, at the versions installed here."""
    found: dict[str, str] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), frozenset(one.extras)
        if (name, extras) in asked:
            continue
        asked.add((name, extras))
        found[name] = f"{name}=={metadata.version(name)}"
        waiting.extend(needs(name, extras))
    return sorted(found.values())


def needs(package: str, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """Yield the requirements of an installed package that hold here."""
    for line in metadata.requires(package) or []:
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield needed
