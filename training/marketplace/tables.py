"""Who there is, which campaigns ran and what came of them: the tables without a history of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.tables import GOALS
from training.marketplace import columns
from training.marketplace.population import DAY, HISTORY_START
from training.marketplace.vocabulary import (
    BRIEF_CLOSERS,
    BRIEF_OPENERS,
    BUCKETS,
    COUNTRIES,
    LANGUAGE_OF,
    LANGUAGES,
    PLATFORMS,
    TOPICS,
    VERTICALS,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from training.marketplace.activations import Activations
    from training.marketplace.briefs import Briefs
    from training.marketplace.population import Population

    Array = NDArray[Any]


def write_accounts(folder: Path, market: Population, rng: np.random.Generator) -> None:
    """Write `accounts`."""
    accounts = len(market.owner)
    country = market.of_owner("country")
    age = rng.gamma(3.0, 1.2, accounts) * 365.25 * DAY
    columns.write(
        folder,
        "accounts",
        {
            "account_id": columns.account_ids(accounts),
            "influencer_id": columns.pick(columns.ids("i", np.arange(len(market.trust)), width=5), market.owner),
            "platform": columns.pick(PLATFORMS, market.platform),
            "country": columns.pick(COUNTRIES, country, null=rng.random(accounts) < 0.05),
            "language": columns.pick(LANGUAGES, np.asarray(LANGUAGE_OF)[country], null=rng.random(accounts) < 0.05),
            "created_at": columns.times(HISTORY_START - 60 * DAY - age, null=rng.random(accounts) < 0.10),
        },
    )


def write_campaigns(folder: Path, briefs: Briefs, hired: Activations, rng: np.random.Generator) -> None:
    """Write `campaigns` and `campaign_audience`."""
    c = len(briefs)
    row, topic = np.nonzero(briefs.topics)
    first = np.argmax(briefs.topics, axis=1)
    opener, closer = rng.integers(0, len(BRIEF_OPENERS), c), rng.integers(0, len(BRIEF_CLOSERS), c)
    text = [
        f"{BRIEF_OPENERS[o]} {TOPICS[t]}, {BRIEF_CLOSERS[e]}" for o, t, e in zip(opener, first, closer, strict=True)
    ]
    spent = np.bincount(hired.campaign, weights=hired.fee, minlength=c)
    budget = np.ceil(np.maximum(briefs.budget, spent) / 500) * 500
    columns.write(
        folder,
        "campaigns",
        {
            "campaign_id": columns.campaign_ids(c),
            "brand_id": columns.ids("b", briefs.brand, width=3),
            "vertical": columns.pick(VERTICALS, briefs.vertical),
            "goal": columns.pick(GOALS, briefs.goal),
            "topics": columns.lists(columns.pick(TOPICS, topic), np.bincount(row, minlength=c)),
            "brief": columns.pick(text, np.arange(c)),
            "starts_at": columns.times(briefs.starts),
            "ends_at": columns.times(briefs.ends),
            "attribution_days": columns.values(briefs.attribution.astype(np.int64)),
            "value_per_action": columns.values(briefs.value),
            "budget": columns.values(budget, null=rng.random(c) < 0.2),
        },
    )
    dimension, campaign, code, share = _long(briefs)
    columns.write(
        folder,
        "campaign_audience",
        {
            "campaign_id": columns.pick(columns.campaign_ids(c), campaign),
            "dimension": columns.pick(tuple(BUCKETS), dimension),
            "bucket": columns.pick([bucket for buckets in BUCKETS.values() for bucket in buckets], code),
            "share": columns.values(share),
        },
    )


def _long(briefs: Briefs) -> tuple[Array, Array, Array, Array]:
    """Return dimension, campaign, bucket (counted over all dimensions) and share of every slice that a brief names."""
    wide = np.concatenate([briefs.audience[name] for name in BUCKETS], axis=1)
    dimension = np.repeat(np.arange(len(BUCKETS)), [len(buckets) for buckets in BUCKETS.values()])
    campaign, code = np.nonzero(wide)
    return dimension[code], campaign, code, wide[campaign, code]


def write_outcomes(folder: Path, briefs: Briefs, hired: Activations, accounts: int) -> None:
    """Write `outcomes`: one row per hired account, also of those who never posted."""
    columns.write(
        folder,
        "outcomes",
        {
            "campaign_id": columns.pick(columns.campaign_ids(len(briefs)), hired.campaign),
            "account_id": columns.pick(columns.account_ids(accounts), hired.account),
            "decided_at": columns.times(briefs.decided[hired.campaign]),
            "posted_at": columns.times(hired.time, null=~hired.posted),
            "fee": columns.values(hired.fee),
            "impressions": columns.values(hired.impressions, null=~hired.posted),
            "clicks": columns.values(hired.clicks, null=~hired.posted),
            "actions": columns.values(hired.actions),
            "closed_at": columns.times(hired.closed),
            "propensity": columns.values(hired.propensity),
            "incremental_actions": columns.values(hired.incremental, null=hired.incremental < 0),
        },
    )
