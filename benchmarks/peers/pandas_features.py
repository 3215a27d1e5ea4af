"""The compared features in idiomatic pandas: merges, merge_asof and groupby, no loop over rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.compared import COMPARED
from benchmarks.peers import COLUMNS, PER_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Frames = Mapping[str, pd.DataFrame]

DAY = pd.Timedelta(days=1)
PAIRS_AT_ONCE = 100_000


def run(folder: Path, out: Path) -> None:
    """Compute the features of a generated folder in chunks of influencers: at full size a whole would not fit."""
    tables = {name: frame(pq.read_table(_place(folder, name), columns=columns)) for name, columns in COLUMNS.items()}
    tables["outcomes"] = with_surprise(tables["outcomes"], tables["campaigns"])
    pairs = frame(pq.read_table(folder / "pairs.parquet"))
    chunks = max(len(pairs) // PAIRS_AT_ONCE, 1)
    accounts = tables["accounts"].set_index("account_id")["influencer_id"]
    chunk = pd.util.hash_array(accounts.to_numpy(object)) % chunks

    def divided(table: pd.DataFrame) -> dict[int, pd.DataFrame]:
        return dict(list(table.groupby(chunk[accounts.index.get_indexer(table["account_id"])])))

    parts = {"pairs": divided(pairs)}
    for name in PER_ACCOUNT:
        parts[name] = divided(tables.pop(name))
    done = []
    for number in range(chunks):
        of_chunk = {name: of_each.pop(number) for name, of_each in parts.items()}
        done.append(features_of(of_chunk.pop("pairs"), {**tables, **of_chunk}))
    pq.write_table(pa.Table.from_pandas(pd.concat(done).reset_index()), out, compression="none", use_dictionary=False)


def frame(table: pa.Table) -> pd.DataFrame:
    """Turn Arrow into pandas, lists left as they are: as objects they would be arrays by the million."""
    return table.to_pandas(types_mapper=lambda kind: pd.ArrowDtype(kind) if pa.types.is_list(kind) else None)


def _place(folder: Path, name: str) -> Path:
    whole = folder / "source" / name
    return whole if whole.is_dir() else whole.with_suffix(".parquet")


def with_surprise(outcomes: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    """Add to outcomes their goal, and the log of their actions less what was usual for the goal when they closed."""
    outcomes = outcomes.merge(campaigns[["campaign_id", "goal"]], on="campaign_id")
    outcomes["log_actions"] = np.log1p(outcomes["actions"])
    outcomes["posted"] = outcomes["posted_at"].notna()
    posted = outcomes[outcomes["posted"]]
    closings = posted.groupby(["goal", "closed_at"])["log_actions"].agg(["sum", "count"]).sort_index()
    usual = closings.groupby("goal").cumsum()
    usual = (usual["sum"] / usual["count"]).rename("usual").reset_index().sort_values("closed_at")
    outcomes = pd.merge_asof(
        outcomes.sort_values("closed_at"), usual, on="closed_at", by="goal", allow_exact_matches=False
    )
    outcomes["surprise"] = (outcomes["log_actions"] - outcomes["usual"]).where(outcomes["posted"])
    return outcomes


def features_of(pairs: pd.DataFrame, tables: Frames) -> pd.DataFrame:
    """Return the compared features of pairs (pair, campaign_id, account_id, decided_at, fee), indexed by pair."""
    asked = (
        pairs.rename(columns={"decided_at": "d"})
        .merge(tables["accounts"], on="account_id")
        .merge(tables["campaigns"], on="campaign_id")
        .sort_values("d")
    )
    counters = _counters(asked, tables)
    posts = _known_posts(tables)
    parts = [
        counters,
        _of_posts(asked, posts),
        _of_topics(asked, posts, tables["campaigns"]),
        _of_siblings(asked, posts, tables["accounts"]),
        _of_reactions(asked, tables["interactions"]),
        _of_followers(asked, tables["followers"]),
        _of_audience(asked, tables["audiences"], tables["campaign_audience"]),
        _of_outcomes(asked, tables["outcomes"]),
        _offer(asked.set_index("pair")),
    ]
    x = pd.DataFrame(index=pairs["pair"]).join(parts)
    counted = ["posts_90d", "brand_posts_180d", "past_activations", "past_activations_same_goal"]
    x[counted] = x[counted].fillna(0)
    x["reactions_log_90d"] = np.log1p(x["reactions"].fillna(0))
    x["follower_sample_log_size"] = np.log1p(x["size"].fillna(0))
    x["fee_per_1000_followers_log"] = _log(_ratio(1_000 * x["fee"], x["followers"]))
    x["account_follower_share"] = _ratio(x["followers"], x["influencer_followers"])
    x["influencer_engagements_log_90d"] = np.log1p(x["reached"])
    x["account_engagement_share_90d"] = _ratio(x["engagements_90d"], x["reached"])
    has_topics = x["wants_topics"] & (x["posts_with_topics"] > 0)
    x["topic_share_180d"] = _ratio(x["on_topic"].fillna(0), x["posts_with_topics"]).where(has_topics)
    return x[list(COMPARED)].astype("float64")


def _ratio(top: pd.Series, bottom: pd.Series) -> pd.Series:
    return top / bottom.where(bottom != 0)


def _log(values: pd.Series) -> pd.Series:
    return np.log(values.where(values > 0))


def _counters(asked: pd.DataFrame, tables: Frames) -> pd.DataFrame:
    stats = tables["account_stats"].sort_values("observed_at")
    siblings = asked[["pair", "d", "account_id", "influencer_id"]].merge(
        tables["accounts"][["influencer_id", "account_id"]], on="influencer_id", suffixes=("_asked", "")
    )
    siblings = pd.merge_asof(siblings.sort_values("d"), stats, left_on="d", right_on="observed_at", by="account_id")
    own = siblings[siblings["account_id"] == siblings["account_id_asked"]].set_index("pair")
    before = pd.merge_asof(
        asked[["pair", "d", "account_id"]].assign(d=asked["d"] - 30 * DAY),
        stats,
        left_on="d",
        right_on="observed_at",
        by="account_id",
    ).set_index("pair")
    of_all = siblings.groupby("pair")["followers"].agg(["sum", "count"])
    known = of_all["count"] > 0
    return pd.DataFrame(
        {
            "followers": own["followers"],
            "log_followers": np.log1p(own["followers"]),
            "following_per_follower": _ratio(own["following"], own["followers"]),
            "follower_growth_30d": _ratio(own["followers"], before["followers"]) - 1,
            "influencer_accounts": of_all["count"].where(known),
            "influencer_followers": of_all["sum"].where(known),
            "influencer_followers_log": np.log1p(of_all["sum"].where(known)),
        }
    )


def _known_posts(tables: Frames) -> pd.DataFrame:
    """Return each reading of a post with the time from and until which it counts, and the followers at its time."""
    posts = tables["posts"]
    posts = posts.assign(
        known_at=posts["observed_at"].fillna(posts["published_at"] + 3 * DAY), dated=posts["observed_at"].notna()
    ).sort_values("published_at")
    several = posts[posts["post_id"].duplicated(keep=False)].sort_values(["known_at", "dated"])
    posts["superseded_at"] = several.groupby("post_id")["known_at"].shift(-1)
    posts["engagements"] = posts[["likes", "comments"]].sum(axis=1, min_count=1)
    stats = tables["account_stats"][["account_id", "observed_at", "followers"]].sort_values("observed_at")
    return pd.merge_asof(
        posts.drop(columns="observed_at"), stats, left_on="published_at", right_on="observed_at", by="account_id"
    ).assign(
        rate=lambda posts: _ratio(posts["engagements"], posts["followers"]),
        views_per_follower=lambda posts: _ratio(posts["views"], posts["followers"]),
    )


def _seen(asked: pd.DataFrame, posts: pd.DataFrame, days: int, on: list[str]) -> pd.DataFrame:
    """Return what each pair knows of the posts of so many days."""
    seen = asked.merge(posts, on=on)
    d = seen["d"]
    return seen[
        (seen["published_at"] <= d - 3 * DAY)
        & (seen["published_at"] > d - days * DAY)
        & (seen["known_at"] <= d)
        & ~(seen["superseded_at"] <= d)
    ]


def _of_posts(asked: pd.DataFrame, posts: pd.DataFrame) -> pd.DataFrame:
    columns = ["pair", "d", "account_id", "brand_id"]
    narrow = posts.drop(columns=["post_id", "topics", "observed_at", "followers", "dated"]).assign(
        topics_known=posts["topics"].notna()
    )
    seen = _seen(asked[columns], narrow, 180, ["account_id"]).sort_values(["pair", "published_at"])
    season = seen[seen["published_at"] > seen["d"] - 90 * DAY]
    month = seen[seen["published_at"] > seen["d"] - 30 * DAY]
    newest = seen[["pair", "likes", "comments"]].groupby("pair").tail(20)
    newest = np.log1p(newest.set_index("pair")).groupby("pair")
    gap = seen.groupby("pair")["published_at"].diff().dt.total_seconds().groupby(seen["pair"])
    gaps = gap.agg(["mean", "count"]).assign(std=gap.std(ddof=0))
    sponsored = seen["sponsor_id"].notna()
    paid = seen[sponsored].groupby("pair")["engagements"].mean()
    organic = seen[~sponsored].groupby("pair")["engagements"].mean()
    by_pair, by_season = seen.groupby("pair"), season.groupby("pair")
    rates = by_season["rate"]
    last = by_pair[["d", "published_at"]].last()
    comments = newest["comments"]
    return pd.DataFrame(
        {
            "posts_90d": by_season.size(),
            "days_since_last_post": (last["d"] - last["published_at"]) / DAY,
            "posting_irregularity_180d": _ratio(gaps["std"], gaps["mean"]).where(gaps["count"] > 1),
            "engagement_rate_median_90d": rates.median(),
            "engagement_rate_spread_90d": _ratio(rates.std(ddof=0), rates.mean()).where(rates.count() > 1),
            "engagement_rate_trend": _ratio(month.groupby("pair")["rate"].mean(), by_pair["rate"].mean()) - 1,
            "engagements_log_median_90d": np.log1p(season["engagements"]).groupby(season["pair"]).median(),
            "likes_log_mean_newest": newest["likes"].mean(),
            "comments_log_mean_newest": comments.mean(),
            "comments_log_spread_newest": comments.std(ddof=0).where(comments.count() > 1),
            "views_per_follower_median_90d": by_season["views_per_follower"].median(),
            "comments_per_like_90d": _of_both(season, "comments", "likes"),
            "shares_per_like_90d": _of_both(season, "shares", "likes"),
            "saves_per_like_90d": _of_both(season, "saves", "likes"),
            "clicks_per_view_90d": _of_both(season, "clicks", "views"),
            "sponsored_share_90d": season["sponsor_id"].notna().groupby(season["pair"]).mean(),
            "sponsored_to_organic_180d": _ratio(paid, organic),
            "brand_posts_180d": (seen["sponsor_id"] == seen["brand_id"]).groupby(seen["pair"]).sum(),
            "posts_with_topics": by_pair["topics_known"].sum(),
            "engagements_90d": by_season["engagements"].sum(min_count=1),
        }
    )


def _of_both(posts: pd.DataFrame, top: str, bottom: str) -> pd.Series:
    """Divide two sums over the posts on which both were measured."""
    sums = posts[["pair", top, bottom]].dropna().groupby("pair").sum()
    return _ratio(sums[top], sums[bottom])


def _of_topics(asked: pd.DataFrame, posts: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    topics = campaigns["topics"].list.flatten().rename("topic")
    wanted = campaigns[["campaign_id"]].join(topics, how="inner").drop_duplicates()
    asked_topics = asked[["pair", "d", "account_id", "campaign_id"]].merge(wanted, on="campaign_id")
    columns = ["post_id", "account_id", "published_at", "known_at", "superseded_at"]
    of_posts = posts[columns].join(posts["topics"].list.flatten().rename("topic"), how="inner")
    on_topic = _seen(asked_topics, of_posts, 180, ["account_id", "topic"])
    return pd.DataFrame(
        {
            "on_topic": on_topic.groupby("pair")["post_id"].nunique(),
            "wants_topics": asked.set_index("pair")["campaign_id"].isin(wanted["campaign_id"]),
        }
    )


def _of_siblings(asked: pd.DataFrame, posts: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    siblings = asked[["pair", "d", "influencer_id"]].merge(
        accounts[["influencer_id", "account_id"]], on="influencer_id"
    )
    narrow = posts[["account_id", "published_at", "known_at", "superseded_at", "engagements"]]
    seen = _seen(siblings[["pair", "d", "account_id"]], narrow, 90, ["account_id"])
    return seen.groupby("pair")["engagements"].sum(min_count=1).to_frame("reached")


def _of_reactions(asked: pd.DataFrame, interactions: pd.DataFrame) -> pd.DataFrame:
    others = interactions[interactions["actor_id"] != interactions["account_id"]]
    seen = asked[["pair", "d", "account_id"]].merge(others, on="account_id")
    seen = seen[(seen["at"] <= seen["d"]) & (seen["at"] > seen["d"] - 90 * DAY)]
    of_people = seen[seen["kind"] != "follow"].groupby(["pair", "actor_id"]).size()
    times = of_people.groupby("pair")
    reactions = times.sum()
    replies = (seen["kind"] == "reply").groupby(seen["pair"]).sum()
    comments = (seen["kind"] == "comment").groupby(seen["pair"]).sum()
    return pd.DataFrame(
        {
            "reactions": reactions,
            "returning_responder_share_90d": (of_people > 1).groupby("pair").mean(),
            "responder_concentration_90d": _ratio(
                of_people.mul(of_people - 1).groupby("pair").sum(), reactions * (reactions - 1)
            ),
            "replies_per_comment_90d": _ratio(replies, comments),
        }
    )


def _of_followers(asked: pd.DataFrame, followers: pd.DataFrame) -> pd.DataFrame:
    following = followers["following"]
    samples = (
        pd.DataFrame({"judged": following.notna(), "massive": following > 1_500, "size": 1})
        .groupby([followers["account_id"], followers["observed_at"]])
        .sum()
        .reset_index()
    )
    seen = asked[["pair", "d", "account_id"]].merge(samples, on="account_id")
    seen = seen[(seen["observed_at"] <= seen["d"]) & (seen["observed_at"] > seen["d"] - 365 * DAY)]
    sums = seen.groupby("pair")[["judged", "massive", "size"]].sum()
    return sums.assign(mass_following_share=_ratio(sums["massive"], sums["judged"]))


def _of_audience(asked: pd.DataFrame, audiences: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    dimensions = wanted.groupby(["campaign_id", "dimension"])["share"].sum().rename("asked").reset_index()
    reports = audiences[["account_id", "dimension", "observed_at"]].drop_duplicates().sort_values("observed_at")
    newest = pd.merge_asof(
        asked[["pair", "d", "account_id", "campaign_id"]].merge(dimensions, on="campaign_id").sort_values("d"),
        reports.assign(report=reports["observed_at"]),
        left_on="d",
        right_on="observed_at",
        by=["account_id", "dimension"],
    ).dropna(subset="report")
    slices = (
        newest.drop(columns="report")
        .merge(audiences, on=["account_id", "dimension", "observed_at"])
        .merge(wanted.rename(columns={"share": "wants"}), on=["campaign_id", "dimension", "bucket"], how="left")
    )
    p, q = slices["share"], slices["wants"]
    matched = q.notna()
    near = (p * _log(2 * p / (p + q))).fillna(0) + (q * _log(2 * q / (p + q))).fillna(0)
    parts = pd.DataFrame(
        {
            "overlap": np.minimum(p, q.fillna(0)),
            "near": near.where(matched, 0.0),
            "alone": p.where(~matched, 0.0) - q.fillna(0),
        }
    )
    fits = parts.groupby([slices["pair"], slices["dimension"], slices["asked"]]).sum().reset_index("asked")
    overlap = fits["overlap"].unstack("dimension")  # noqa: PD010, nothing is to be averaged
    divergence = (fits["near"] + np.log(2) * (fits["alone"] + fits["asked"])) / 2
    names = {name: f"audience_overlap_{name}" for name in ("country", "age", "gender", "language", "interest")}
    return (
        overlap.reindex(columns=list(names))
        .rename(columns=names)
        .assign(
            audience_fit_joint=np.exp(np.log(overlap.clip(lower=0.01)).mean(axis=1)),
            audience_divergence=divergence.groupby("pair").mean(),
        )
    )


def _of_outcomes(asked: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    columns = ["account_id", "decided_at", "closed_at", "goal", "actions", "log_actions", "posted", "surprise"]
    seen = asked[["pair", "d", "account_id", "goal"]].merge(outcomes[columns], on="account_id", suffixes=("_asked", ""))
    seen = seen[(seen["closed_at"] <= seen["d"]) & (seen["decided_at"] < seen["d"])].sort_values("closed_at")
    same = seen[seen["goal"] == seen["goal_asked"]]
    by_pair, by_goal = seen.groupby("pair"), same.groupby("pair")
    newest = same.groupby("pair").tail(20).groupby("pair")["log_actions"]
    count, last = by_pair.size(), by_pair[["d", "closed_at"]].last()
    return pd.DataFrame(
        {
            "past_activations": count,
            "past_activations_same_goal": by_goal.size(),
            "past_actions_mean": by_goal["actions"].mean(),
            "past_actions_log_mean_newest": newest.mean(),
            "past_actions_log_spread_newest": newest.std(ddof=0).where(newest.count() > 1),
            "past_actions_log_last": by_goal["log_actions"].last(),
            "past_performance": by_pair["surprise"].sum(min_count=1) / (by_pair["surprise"].count() + 3),
            "past_performance_same_goal": by_goal["surprise"].sum(min_count=1) / (by_goal["surprise"].count() + 3),
            "past_no_show_share": (count - by_pair["posted"].sum() + 0.6) / (count + 3),
            "days_since_last_outcome": (last["d"] - last["closed_at"]) / DAY,
        }
    )


def _offer(asked: pd.DataFrame) -> pd.DataFrame:
    value = asked["value_per_action"].where(asked["value_per_action"] > 0)
    needed = np.ceil(asked["fee"] / value * (1 - 4 * np.finfo(np.float64).eps))
    created = asked["created_at"].where(asked["created_at"] <= asked["d"])
    return pd.DataFrame(
        {
            "fee": asked["fee"],
            "fee_log": np.log1p(asked["fee"]),
            "log_break_even": np.log(needed.clip(lower=1)),
            "value_per_action_log": _log(asked["value_per_action"]),
            "budget_log": np.log1p(asked["budget"]),
            "attribution_days": asked["attribution_days"],
            "days_to_start": (asked["starts_at"] - asked["d"]) / DAY,
            "account_age_days": (asked["d"] - created) / DAY,
        }
    )
