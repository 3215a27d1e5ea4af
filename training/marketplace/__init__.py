"""The demo marketplace: simulated from published effects, with hidden truth, so that the best possible answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import SettingError
from training.marketplace import activations as hiring
from training.marketplace import briefs as campaigning
from training.marketplace import columns, interactions, population, posts, readings
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
    from collections.abc import Callable

    from training.marketplace.activations import Activations, Truth
    from training.marketplace.briefs import Briefs
    from training.marketplace.population import Population

__all__ = ["simulate"]


def simulate(
    folder: str | Path,
    *,
    influencers: int = 2500,
    campaigns: int = 300,
    seed: int = 0,
    truth: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Write the tables of a simulated marketplace, two and a half years of it, that keep the data contract.

    Followers, reach, engagement, fake followers, pods, fees and response follow published figures (see `published`). Trust, skill,
    fake followers and pods are hidden; they show in comments, saves, replies, followers and past outcomes as they would in life.

    Parameters
    ----------
    folder
        Where to write; made if missing, and must be empty.
    influencers, campaigns
        At least 50 and 5. An influencer has one to four accounts; a campaign hires about 22 of them.
    seed
        The same seed gives the same bytes.
    truth
        Also write `truth.parquet` (not a table of the contract): for every campaign and account the true distribution of actions, given all
        that is hidden: fee, at_least (break-even), posted_probability, mean_actions and dispersion (negative binomial, given posted),
        expected_actions and likelihood = P(actions >= at_least).
    progress
        Told what is being made.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    SettingError
        Too few influencers or campaigns, a negative seed, or a folder that holds something.
    """
    folder = _checked(folder, influencers=influencers, campaigns=campaigns, seed=seed)
    say = progress or (lambda _: None)
    # One generator per step: a change in one table leaves the others as they are.
    people, briefing, outcomes, posting, counting, reacting, reading, words = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(8)
    )
    say(f"{influencers} influencers and their audiences")
    market = population.draw(influencers, people)
    briefs = campaigning.draw(campaigns, briefing)
    say(f"{campaigns} campaigns and their outcomes")
    hired = _play(folder, market, briefs, outcomes, truth=truth)
    say("posts")
    published = posts.draw(market, briefs, hired, posting)
    posts.write(folder, published, market, briefs, hired, counting)
    say("comments, replies and mentions")
    interactions.write(folder, published, market, reacting)
    say("follower counts, audience reports and samples of followers")
    readings.write_stats(folder, published, market, reading)
    readings.write_audiences(folder, market, reading)
    readings.write_followers(folder, market, reading)
    _write_accounts(folder, market, words)
    _write_campaigns(folder, briefs, hired, words)
    _write_outcomes(folder, briefs, hired, len(market.owner))
    return folder


def _checked(folder: str | Path, *, influencers: int, campaigns: int, seed: int) -> Path:
    """Return the folder, made and empty, or raise SettingError."""
    for name, value, least in (("influencers", influencers, 50), ("campaigns", campaigns, 5), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise SettingError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder} is a file; name a new or empty folder for the marketplace.")
    if folder.is_dir() and any(folder.iterdir()):
        raise SettingError(f"The folder {folder} is not empty; name a new one or empty it first.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _play(folder: Path, market: Population, briefs: Briefs, rng: np.random.Generator, *, truth: bool) -> Activations:
    """Let all campaigns run and return what came of them; write the truth along the way if it is wanted."""
    blocks, writer = [], None
    for block, true, hired in hiring.play(market, briefs, rng):
        blocks.append(hired)
        if truth:
            table = pa.table(_truth(block, true, briefs))
            writer = writer or pq.ParquetWriter(folder / "truth.parquet", table.schema, compression="zstd")
            writer.write_table(table)
    if writer:
        writer.close()
    return hiring.together(blocks)


def _truth(block: slice, true: Truth, briefs: Briefs) -> dict[str, Any]:
    campaigns, accounts = true.fee.shape
    row = np.repeat(np.arange(block.start, block.stop), accounts)
    numbers = {
        name: np.broadcast_to(getattr(true, name), true.fee.shape).ravel()
        for name in ("fee", "at_least", "posted_probability", "mean_actions", "dispersion")
    }
    return {
        "campaign_id": columns.pick(_campaign_ids(len(briefs)), row),
        "account_id": columns.pick(_account_ids(accounts), np.tile(np.arange(accounts), campaigns)),
        "decided_at": columns.times(briefs.decided[row]),
        **{name: columns.values(array) for name, array in numbers.items()},
        "expected_actions": columns.values(numbers["posted_probability"] * numbers["mean_actions"]),
        "likelihood": columns.values(true.likelihood.ravel()),
    }


def _account_ids(number: int) -> Any:
    return columns.ids("a", np.arange(number), width=5)


def _campaign_ids(number: int) -> Any:
    return columns.ids("c", np.arange(number), width=4)


def _write_accounts(folder: Path, market: Population, rng: np.random.Generator) -> None:
    accounts = len(market.owner)
    country = market.of_owner("country")
    age = rng.gamma(3.0, 1.2, accounts) * 365.25 * population.DAY
    columns.write(
        folder,
        "accounts",
        {
            "account_id": _account_ids(accounts),
            "influencer_id": columns.pick(columns.ids("i", np.arange(len(market.trust)), width=5), market.owner),
            "platform": columns.pick(PLATFORMS, market.platform),
            "country": columns.pick(COUNTRIES, country, null=rng.random(accounts) < 0.05),
            "language": columns.pick(LANGUAGES, np.asarray(LANGUAGE_OF)[country], null=rng.random(accounts) < 0.05),
            "created_at": columns.times(
                population.HISTORY_START - 60 * population.DAY - age, null=rng.random(accounts) < 0.10
            ),
        },
    )


def _write_campaigns(folder: Path, briefs: Briefs, hired: Activations, rng: np.random.Generator) -> None:
    """Write `campaigns` and `campaign_audience`."""
    c = len(briefs)
    row, topic = np.nonzero(briefs.topics)
    first = np.argmax(briefs.topics, axis=1)
    opener, closer = rng.integers(0, len(BRIEF_OPENERS), c), rng.integers(0, len(BRIEF_CLOSERS), c)
    text = [
        f"{BRIEF_OPENERS[o]} {TOPICS[t]}, {BRIEF_CLOSERS[e]}" for o, t, e in zip(opener, first, closer, strict=True)
    ]
    spent = np.bincount(hired.campaign, weights=hired.fee, minlength=c)
    budget = np.ceil(spent * rng.uniform(1.0, 1.25, c) / 500) * 500
    columns.write(
        folder,
        "campaigns",
        {
            "campaign_id": _campaign_ids(c),
            "brand_id": columns.ids("b", briefs.brand, width=3),
            "vertical": columns.pick(VERTICALS, briefs.vertical),
            "goal": columns.pick(campaigning.GOALS, briefs.goal),
            "topics": columns.lists(columns.pick(TOPICS, topic), np.bincount(row, minlength=c)),
            "brief": columns.pick(text, np.arange(c)),
            "starts_at": columns.times(briefs.starts),
            "ends_at": columns.times(briefs.ends),
            "attribution_days": columns.values(briefs.attribution.astype(np.int64)),
            "value_per_action": columns.values(briefs.value),
            "budget": columns.values(budget, null=rng.random(c) < 0.2),
        },
    )
    slices = [(name, *np.nonzero(share), share[np.nonzero(share)]) for name, share in briefs.audience.items()]
    columns.write(
        folder,
        "campaign_audience",
        {
            "campaign_id": columns.pick(_campaign_ids(c), np.concatenate([s[1] for s in slices])),
            "dimension": columns.pick(
                [s[0] for s in slices], np.repeat(np.arange(len(slices)), [len(s[1]) for s in slices])
            ),
            "bucket": columns.pick(
                [BUCKETS[s[0]][b] for s in slices for b in s[2]], np.arange(sum(len(s[1]) for s in slices))
            ),
            "share": columns.values(np.concatenate([s[3] for s in slices])),
        },
    )


def _write_outcomes(folder: Path, briefs: Briefs, hired: Activations, accounts: int) -> None:
    columns.write(
        folder,
        "outcomes",
        {
            "campaign_id": columns.pick(_campaign_ids(len(briefs)), hired.campaign),
            "account_id": columns.pick(_account_ids(accounts), hired.account),
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
