"""What would change a likelihood: half the fee, half the target, or another account of the same influencer.

Each is predicted anew, from features of its own, and says what the model answers then. It promises nothing: whether an
account does for half the fee what others like it did for such a fee is not known.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from serving.predictor import asked_for, numbers, value_per_action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.store import EventStore
    from serving.distribution import FloatArray
    from serving.predictor import Predictor


_LEAST = 0.01  # half of less than a cent is nothing


@dataclass(frozen=True)
class _Pair:
    """One pair as it was asked about, or as it would be otherwise; NaN is unknown."""

    account_id: str
    platform: str
    fee: float
    wanted: float
    at_least: float


def counterfactuals(
    predictor: Predictor,
    store: EventStore,
    *,
    pairs: pd.DataFrame,
    campaigns: pd.DataFrame | None,
    at_least: FloatArray,
    likelihood: FloatArray,
) -> list[list[dict[str, Any]]]:
    """Return per pair what would be answered otherwise, the greatest change first.

    Parameters
    ----------
    predictor, store
        Other accounts of an influencer are those that the store knows on other platforms.
    pairs, campaigns
        As for `features.build`; pairs may have at_least, the caller's number.
    at_least, likelihood : arrays of shape (n,)
        What was asked and answered.

    Returns
    -------
    list of lists of dicts
        change ("fee", "at_least" or "platform"), before and after (of what is changed), account_id, at_least and
        likelihood (then), and words.
    """
    value = value_per_action(pairs, store.campaigns if campaigns is None else campaigns)
    places = [store.row_of[account] for account in pairs["account_id"]]
    platforms = store.platform.take(places)
    own = map(_Pair, pairs["account_id"], platforms, numbers(pairs, "fee"), numbers(pairs, "at_least"), at_least)
    others = [
        (row, pair, *other)
        for row, (pair, decided_at) in enumerate(zip(own, pairs["decided_at"], strict=True))
        for other in _others(pair, decided_at, store)
    ]
    if not others:
        return [[] for _ in range(len(pairs))]
    row = np.array([row for row, *_ in others])
    changed = pd.DataFrame([asdict(other) for *_, other in others])
    asked = pairs.iloc[row][["campaign_id", "decided_at"]].assign(
        account_id=changed["account_id"].to_numpy(), fee=changed["fee"].to_numpy()
    )
    then = asked_for(changed["wanted"].to_numpy(), changed["fee"].to_numpy(), value[row])
    X = predictor.features(store, asked.reset_index(drop=True), campaigns=campaigns)
    said = predictor.bundle.distribution(X).likelihood(then)
    found: list[list[dict[str, Any]]] = [[] for _ in range(len(pairs))]
    for (number, pair, change, other), asked_then, likelihood_then in zip(others, then, said, strict=True):
        after = replace(other, at_least=asked_then)
        found[number].append(
            {
                "change": change,
                "before": getattr(pair, change),
                "after": getattr(after, change),
                "account_id": after.account_id,
                "at_least": int(asked_then),
                "likelihood": float(likelihood_then),
                "words": f"{_words(change, pair, after)} would be {likelihood_then:.3f} instead of "
                f"{likelihood[number]:.3f}",
            }
        )
    return [
        [changes[place] for place in np.argsort([-abs(each["likelihood"] - before) for each in changes], kind="stable")]
        for changes, before in zip(found, likelihood, strict=True)
    ]


def _others(pair: _Pair, decided_at: pd.Timestamp, store: EventStore) -> Iterator[tuple[str, _Pair]]:
    """Yield what could be otherwise, and the pair then; its number of actions follows from the rest."""
    if pair.fee >= _LEAST:
        yield "fee", replace(pair, fee=_rounded(pair.fee / 2))
    if pair.at_least > 1:
        yield "at_least", replace(pair, wanted=float(ceil(pair.at_least / 2)))
    accounts, row = store.accounts, store.row_of[pair.account_id]
    influencer = accounts["influencer"].to_numpy()
    same = (store.bucket_of == store.bucket_of[row]) & (influencer == influencer[row])
    for _, other in accounts[same].iterrows():
        if other["platform"] != pair.platform and not other["created_at"] > decided_at:
            yield "platform", replace(pair, account_id=other["account_id"], platform=other["platform"])


def _words(change: str, before: _Pair, after: _Pair) -> str:
    asked = f"at least {_actions(after.at_least)}"
    if change == "at_least":
        return f"the likelihood of {asked} instead of {before.at_least:,.0f}"
    if change == "platform":
        return f"on {after.platform} ({after.account_id}) the likelihood of {asked}"
    if after.at_least != before.at_least:
        asked = f"breaking even, with {_actions(after.at_least)} instead of {before.at_least:,.0f},"
    return f"at a fee of {after.fee:g} instead of {before.fee:g} the likelihood of {asked}"


def _actions(number: float) -> str:
    return f"{number:,.0f} action{'' if number == 1 else 's'}"


def _rounded(amount: float) -> float:
    """Return an amount with two digits that count."""
    return round(amount, 1 - floor(log10(amount)))
