"""The demo marketplace: simulated from published effects, with a hidden truth that tells the best possible answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import SettingError
from features.progress import quiet
from training.marketplace import activations as hiring
from training.marketplace import briefs as campaigning
from training.marketplace import columns, interactions, population, posts, readings, tables

if TYPE_CHECKING:
    from features.progress import Progress
    from training.marketplace.activations import Activations, Truth
    from training.marketplace.briefs import Briefs
    from training.marketplace.population import Population


def simulate(
    folder: str | Path,
    *,
    influencers: int = 2500,
    campaigns: int = 300,
    seed: int = 0,
    truth: bool = False,
    progress: Progress = quiet,
) -> Path:
    """Write the tables of a simulated marketplace, two and a half years of it, that keep the data contract.

    Followers, reach, engagement, fake followers, pods, fees and response follow published figures (see `published`).
    Trust, skill, fake followers and pods are hidden; they show in comments, saves, replies, samples of followers and
    past outcomes, as they would in life.

    Parameters
    ----------
    folder
        Where to write; made if missing, and must be empty.
    influencers, campaigns
        At least 50 and 5. An influencer has one to four accounts; a campaign hires about 22 of them.
    seed
        The same seed gives the same bytes.
    truth
        Also write `truth.parquet`, which is no table of the contract: for every campaign and account the true
        distribution of actions given all that is hidden, but not the luck of the one activation. Columns: campaign_id,
        account_id, decided_at, fee, at_least (break-even), propensity (of being hired; 0 for who asks for more than the
        campaign can pay), posted_probability, mean_actions and dispersion (mean and size of the negative binomial,
        given posted), expected_actions, likelihood = P(actions >= at_least).
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
    people, briefing, outcomes, posting, counting, reacting, reading, words = generators(seed)
    progress(f"{influencers} influencers and their audiences", 0.0)
    market = population.draw(influencers, people)
    briefs = campaigning.draw(campaigns, briefing)
    progress(f"{campaigns} campaigns and their outcomes", 0.1)
    hired = _play(folder, market, briefs, outcomes, truth=truth)
    progress("posts", 0.3)
    posted = posts.draw(market, briefs, hired, posting)
    posts.write(folder, posted, market, briefs, hired, rng=counting)
    progress("comments, replies and mentions", 0.6)
    interactions.write(folder, posted, market, reacting)
    progress("follower counts, audience reports and samples of followers", 0.8)
    readings.write_stats(folder, posted, market, reading)
    readings.write_audiences(folder, market, reading)
    readings.write_followers(folder, market, reading)
    tables.write_accounts(folder, market, words)
    tables.write_campaigns(folder, briefs, hired, words)
    tables.write_outcomes(folder, briefs, hired, len(market.owner))
    return folder


def generators(seed: int) -> list[np.random.Generator]:
    """Return one generator per step: a change in one table leaves the others as they are.

    The first three draw what is hidden: the influencers, the briefs, and who was hired with what came of it.
    """
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(8)]


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"The folder {folder} cannot be made ({error.strerror}); name another one.") from error
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
        for name in ("fee", "at_least", "propensity", "posted_probability", "mean_actions", "dispersion")
    }
    return {
        "campaign_id": columns.pick(columns.campaign_ids(len(briefs)), row),
        "account_id": columns.pick(columns.account_ids(accounts), np.tile(np.arange(accounts), campaigns)),
        "decided_at": columns.times(briefs.decided[row]),
        **{name: columns.values(array) for name, array in numbers.items()},
        "expected_actions": columns.values(numbers["posted_probability"] * numbers["mean_actions"]),
        "likelihood": columns.values(true.likelihood.ravel()),
    }
