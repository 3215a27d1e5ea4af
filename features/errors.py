"""The errors a user may meet: each says what was wrong, what was received and what to do."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ImpelError(Exception):
    """Something the user can put right; its message is one line that says how."""


class DataError(ImpelError, ValueError):
    """The data does not keep the data contract."""


class SettingError(ImpelError, ValueError):
    """An option or argument has a value that cannot be used."""


class BundleError(ImpelError, ValueError):
    """A model artefact is damaged, incomplete or does not fit the input."""


class TrackingError(ImpelError, ConnectionError):
    """The tracking server or registry cannot be used."""


class LogError(ImpelError, ConnectionError):
    """The database of a log cannot be used now."""


def without_password(uri: str) -> str:
    """Return a URI fit to be shown or kept: a password in it becomes `***`."""
    return re.sub(r"([?&]password=)[^&#\s]*", r"\1***", re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", uri))


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the choice nearest to a mistyped name, or an empty string."""
    by_folded = {choice.casefold(): choice for choice in choices}
    matches = get_close_matches(name.casefold(), by_folded, n=1)
    return f" Did you mean {by_folded[matches[0]]!r}?" if matches else ""
