"""Ranking all known accounts for a brief: filters first, then the score that orders, then one page of them."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from features.errors import DataError
from features.processors import usable_processors
from serving.pairs import Pairs
from serving.predictor import asked_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.briefs import Briefs
    from features.events import BoolArray, FloatArray, IntArray
    from serving.pairs import Accounts
    from serving.schemas.requests import Filters, RankRequest

_AT_ONCE = 4096
"""So many accounts are scored at a time at most: what is worked out of them stays in the processor's cache."""
_FEW = 512
"""So many are not worth a second thread."""
_PROCESSORS = usable_processors()
_WORKERS = ThreadPoolExecutor(_PROCESSORS, thread_name_prefix="impel-ranking")


@dataclass(frozen=True)
class Cursor:
    """Behind which account the next page begins.

    Attributes
    ----------
    score : float
        That of the last account of the page before; NaN where it had none.
    account : str
        Its id.
    """

    score: float
    account: str

    def written(self, asked: str) -> str:
        """Return it as text that callers hand back; `asked` says what the ranking was of."""
        text = json.dumps([asked, float(self.score).hex(), self.account], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def read(cls, text: str, asked: str) -> Self:
        """Read it back.

        Raises
        ------
        DataError
            Where the text is no cursor, or one of another question, model or data.
        """
        try:
            of, score, account = json.loads(base64.urlsafe_b64decode(text.encode()))
            cursor = cls(float.fromhex(score), str(account))
        except (TypeError, ValueError):
            raise DataError("cursor is none that this service gave; leave it out for the first page.") from None
        if of != asked:
            raise DataError(
                "cursor belongs to another question, or the model or the data have changed since; "
                "leave it out for the first page."
            )
        return cursor


class Page(NamedTuple):
    """Some accounts of a ranking in their order; `last` is None where nothing follows them."""

    rows: IntArray
    fee: FloatArray
    last: Cursor | None


class Ranking:
    """The order of the accounts that keep the filters of a request.

    Attributes
    ----------
    considered : int
        Accounts that were scored.
    matching : int
        Accounts that keep all filters.
    """

    def __init__(self, accounts: Accounts, briefs: Briefs, request: RankRequest) -> None:
        self.briefs = briefs
        self._limit = request.limit
        self._ids = accounts.ids
        fee = np.full(len(accounts.ids), np.nan)
        given = [
            (row, amount) for account, amount in request.fees.items() if (row := accounts.row(account)) is not None
        ]
        if given:
            places, amounts = zip(*given, strict=True)
            fee[list(places)] = amounts
        rows = np.flatnonzero(_kept(accounts, request.filters, fee))
        self.considered = len(rows)
        # What takes long is compiled and lets other threads run.
        size = min(max(-(-len(rows) // _PROCESSORS), _FEW), _AT_ONCE)
        some = [rows[first : first + size] for first in range(0, len(rows), size)] or [rows]
        scored = list(_WORKERS.map(lambda part: _scored(accounts, briefs, part, fee[part], request), some))
        score, keep = (np.concatenate(parts) for parts in zip(*scored, strict=True))
        rows, score = rows[keep], score[keep]
        self.matching = len(rows)
        self._rows, self._score, self._fee = rows, score, fee

    def page(self, after: Cursor | None) -> Page:
        """Return the best accounts behind a cursor."""
        # Equals are ordered by account, so that the same question gets the same answer; NaN comes last.
        rows, score = self._rows, np.where(np.isnan(self._score), -np.inf, self._score)
        if after is not None:
            last = -np.inf if np.isnan(after.score) else after.score
            behind = (score < last) | ((score == last) & (self._ids[rows] > after.account))
            rows, score = rows[behind], score[behind]
        more = len(rows) > self._limit
        if more:
            # Only the best are sorted.
            worst = np.partition(score, -self._limit)[-self._limit]
            rows, score = rows[score >= worst], score[score >= worst]
        order = np.lexsort((self._ids[rows], -score))[: self._limit]
        rows, score = rows[order], score[order]
        last_one = Cursor(float(score[-1]), str(self._ids[rows[-1]])) if more else None
        return Page(rows, self._fee[rows], last_one)


def _kept(accounts: Accounts, filters: Filters, fee: FloatArray) -> BoolArray:
    """Flag the accounts that keep the filters on what is known of them without a model."""
    keep = np.ones(len(accounts.ids), np.bool_)
    for column, wanted in (
        ("platform", filters.platforms),
        ("country", filters.countries),
        ("language", filters.languages),
    ):
        if wanted is not None:
            keep &= accounts.has(column, wanted)
    for account in filters.exclude_accounts:
        row = accounts.row(account)
        if row is not None:
            keep[row] = False
    # Who is unknown keeps no filter.
    if filters.min_followers is not None:
        keep &= accounts.followers >= filters.min_followers
    if filters.max_followers is not None:
        keep &= accounts.followers <= filters.max_followers
    if filters.max_fake_share is not None:
        keep &= accounts.snapshot.features[:, accounts.snapshot.column_of["fake_share"]] <= filters.max_fake_share
    if filters.max_fee is not None:
        keep &= fee <= filters.max_fee
    if filters.verticals is not None:
        rows = np.flatnonzero(keep)
        keep[rows] = accounts.snapshot.posts_on(filters.verticals, rows)
    return keep


def _scored(
    accounts: Accounts, briefs: Briefs, rows: IntArray, fee: FloatArray, request: RankRequest
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return what accounts are ordered by, and which of them are likely enough."""
    found = accounts.bundle.distribution_of(Pairs(accounts, briefs, rows, fee).matrix())
    value = np.array(np.nan if request.brief.value_per_action is None else request.brief.value_per_action)
    keep = np.ones(len(rows), np.bool_)
    score = None
    if request.order_by == "likelihood" or request.filters.min_likelihood is not None:
        at_least = np.full(len(rows), np.nan if request.at_least is None else request.at_least)
        score = found.likelihood(asked_for(at_least, fee, value))
        if request.filters.min_likelihood is not None:
            keep = score >= request.filters.min_likelihood
    if request.order_by != "likelihood" or score is None:
        score = found.expected()
        if request.order_by != "expected_actions":
            score = score * value
        if request.order_by == "value_per_cost":
            score /= np.where(fee > 0, fee, np.nan)
    return score, keep
