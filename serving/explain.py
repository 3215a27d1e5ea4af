"""One answer explained: its likelihood, what it comes from by family and feature, and what would change it most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.counterfactuals import counterfactuals

if TYPE_CHECKING:
    import pandas as pd

    from features.store import EventStore
    from serving.predictor import Predictor


def explain(
    predictor: Predictor, store: EventStore, *, pairs: pd.DataFrame, campaigns: pd.DataFrame | None = None
) -> list[dict[str, Any]]:
    """Explain the answers to pairs of campaign and account, in their order.

    Parameters
    ----------
    predictor, store
    pairs, campaigns
        As for `features.build`; pairs may have at_least, the caller's number.

    Returns
    -------
    list of dicts
        account_id and at_least, then likelihood, base_likelihood and families as in `Reasons.by_family`, then
        counterfactuals as in `serving.counterfactuals`.
    """
    X = predictor.features(store, pairs, campaigns=campaigns)
    answer = predictor.predict(X, pairs=pairs, campaigns=store.campaigns if campaigns is None else campaigns)
    at_least, likelihood = answer["at_least"].to_numpy(), answer["likelihood"].to_numpy()
    told = predictor.reasons.by_family(X, at_least)
    changes = counterfactuals(
        predictor, store, pairs=pairs, campaigns=campaigns, at_least=at_least, likelihood=likelihood
    )
    return [
        {"account_id": account, "at_least": int(asked), **reasons, "counterfactuals": otherwise}
        for account, asked, reasons, otherwise in zip(pairs["account_id"], at_least, told, changes, strict=True)
    ]
