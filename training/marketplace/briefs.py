"""The campaigns of the demo marketplace: what brands want, from whom, when, and what one action is worth to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from features.tables import GOALS
from training.marketplace import published
from training.marketplace.population import DAY, FIRST_CAMPAIGN, LAST_CAMPAIGN, dirichlet
from training.marketplace.vocabulary import (
    BUCKETS,
    COUNTRIES,
    COUNTRY_SHARES,
    FEMALE,
    LANGUAGE_OF,
    TOPIC_VERTICAL,
    TOPICS,
    VERTICALS,
    YOUNG,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

GOAL_SHARES = (0.20, 0.20, 0.20, 0.18, 0.22)
ATTRIBUTION_DAYS = ((7, 14), (7, 14), (7, 14), (14, 30), (14, 30))
OTHER_BRANDS = 3  # brands that never hire here for each one that does; they sponsor posts all the same


@dataclass(frozen=True)
class Briefs:
    """Campaigns in order of their start; arrays have one entry per campaign."""

    brand: Array
    brand_vertical: Array  # per brand, also of those without campaigns
    vertical: Array
    goal: Array
    topics: Array  # (campaigns, topics) flags
    decided: Array
    starts: Array
    ends: Array
    attribution: Array  # days
    value: Array
    budget: Array
    audience: dict[str, Array]  # dimension -> (campaigns, buckets); a row of zeros where the brief does not say
    click_offer: Array  # log: how well the brand and this offer go down; hidden
    response_offer: Array
    taste_for_size: Array  # how strongly the brand is drawn to followers; hidden

    def __len__(self) -> int:
        """Return the number of campaigns."""
        return len(self.brand)


def draw(campaigns: int, rng: np.random.Generator) -> Briefs:
    """Draw campaigns over two years, more of them before Christmas."""
    c = campaigns
    brands = max(3, -(-c // 4))
    brand_vertical = rng.integers(0, len(VERTICALS), brands * (1 + OTHER_BRANDS))
    brand = rng.integers(0, brands, c)
    vertical = brand_vertical[brand]
    goal = rng.choice(len(GOALS), c, p=GOAL_SHARES)

    keys = rng.random((c, len(TOPICS))) + (np.asarray(TOPIC_VERTICAL) == vertical[:, None])
    rank = np.argsort(np.argsort(-keys, axis=1), axis=1)
    topics = rank < rng.integers(2, 4, c)[:, None]

    day = np.arange(FIRST_CAMPAIGN, LAST_CAMPAIGN + 1, DAY)
    month = day.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    busy = np.where(np.isin(month, (9, 10)), 1.8, 1.0)
    starts = np.sort(rng.choice(day, c, p=busy / busy.sum()))
    decided = starts - rng.integers(7 * 24, 28 * 24, c) * 3600
    attribution = np.asarray(ATTRIBUTION_DAYS)[goal, rng.integers(0, 2, c)]
    level, spread = np.array([published.VALUE[name] for name in GOALS])[goal].T
    value = level * np.exp(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))
    value = np.where(goal <= 1, np.round(value, 4), np.round(value, 2))

    brand_appeal = rng.normal(0, 0.25, len(brand_vertical))
    return Briefs(
        brand=brand,
        brand_vertical=brand_vertical,
        vertical=vertical,
        goal=goal,
        topics=topics,
        decided=decided,
        starts=starts,
        ends=starts + rng.integers(14, 31, c) * DAY,
        attribution=attribution,
        value=value,
        budget=published.BUDGET * np.exp(rng.normal(0, published.BUDGET_SPREAD, c)),
        audience=_targets(vertical, topics, rng),
        click_offer=brand_appeal[brand] + rng.normal(0, 0.10, c),
        response_offer=rng.normal(0, 0.20, c),
        taste_for_size=rng.uniform(0.15, 0.45, c),
    )


def _targets(vertical: Array, topics: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Draw the audience each campaign wants; most briefs leave some dimensions open."""
    c = len(vertical)
    likely = np.asarray(COUNTRY_SHARES) ** 1.2
    country = rng.choice(len(COUNTRIES), (c, 2), p=likely / likely.sum())
    home = rng.uniform(0.6, 1.0, c)[:, None]
    eye = np.eye(len(COUNTRIES))
    countries = home * eye[country[:, 0]] + (1 - home) * eye[country[:, 1]]
    young = np.asarray(YOUNG)[vertical][:, None]
    ages = dirichlet(
        6 * (young * [0.05, 0.5, 0.35, 0.07, 0.02, 0.01] + (1 - young) * [0, 0.1, 0.4, 0.3, 0.15, 0.05]), rng
    )
    female = np.asarray(FEMALE)[vertical]
    female = np.where(rng.random(c) < 0.5, np.round(female > 0.5), female)
    languages = countries @ np.eye(len(BUCKETS["language"]))[np.asarray(LANGUAGE_OF)]
    wanted = {
        "country": countries,
        "age": ages,
        "gender": np.column_stack([female, 1 - female]),
        "language": languages,
        "interest": topics / topics.sum(axis=1, keepdims=True),
    }
    says = {"country": 0.95, "age": 0.75, "gender": 0.7, "language": 0.3, "interest": 0.6}
    return {name: np.round(share, 3) * (rng.random(c) < says[name])[:, None] for name, share in wanted.items()}
