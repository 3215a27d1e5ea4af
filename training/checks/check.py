"""What a check is, what it looks at and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Severity = Literal["high", "medium", "low"]
Outcome = Literal["issue", "passed", "not applicable"]


@dataclass(frozen=True)
class Evidence:
    """What checks look at.

    Parameters
    ----------
    rows : all activations, with at_least, outcome and value
    X : their features, rows as in `rows`
    folds : positions in `rows` that were learnt from and tested, fold by fold
    predictions : those that were tested, as `Fold.hired` returns them, with `fold`; index as in `rows`
    found : the figures of the backtest
    """

    rows: pd.DataFrame
    X: pd.DataFrame
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
    predictions: pd.DataFrame
    found: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What one check says.

    Parameters
    ----------
    code, title, severity : of the check; the severity is that of an issue
    outcome : "issue", "passed" or "not applicable"
    said : what was found, in a sentence
    to_do : what to do about an issue, empty otherwise
    """

    code: str
    title: str
    severity: Severity
    outcome: Outcome
    said: str
    to_do: str = ""


class Coded:
    """A question with a code, and what may be answered to it."""

    code: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    to_do: ClassVar[str]

    def issue(self, said: str) -> Finding:
        """Answer that something is wrong."""
        return Finding(self.code, self.title, self.severity, "issue", said, self.to_do)

    def passed(self, said: str) -> Finding:
        """Answer that all is well."""
        return Finding(self.code, self.title, self.severity, "passed", said)

    def not_applicable(self, said: str) -> Finding:
        """Answer that the data do not allow the question."""
        return Finding(self.code, self.title, self.severity, "not applicable", said)


class Check(Coded, ABC):
    """One question about a backtest."""

    @abstractmethod
    def run(self, evidence: Evidence) -> Finding:
        """Answer it."""


def named(names: Sequence[str], *, most: int = 5) -> str:
    """Return names as text, the first few of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
