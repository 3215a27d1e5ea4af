"""The compared features in Polars: one lazy query, written for speed, on the streaming engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from polars import col

from benchmarks.compared import COMPARED
from benchmarks.peers import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Frames = Mapping[str, pl.LazyFrame]
    Engine = Literal["streaming", "in-memory"]

DAY = 86_400_000_000
EVER = np.iinfo(np.int64).max
READING = ("a", "published_at", "known_at", "superseded_at")


def run(folder: Path, out: Path) -> None:
    """Compute the features of a generated folder."""
    tables = {
        name: pl.scan_parquet(place / "*.parquet" if place.is_dir() else place.with_suffix(".parquet"))
        for name, place in ((name, folder / "source" / name) for name in COLUMNS)
    }
    features = features_of(pl.scan_parquet(folder / "pairs.parquet"), tables)
    features.collect(engine="streaming").write_parquet(out, compression="uncompressed")


def features_of(pairs: pl.LazyFrame, tables: Frames, engine: Engine = "streaming") -> pl.LazyFrame:
    """Return the pair and the compared features of pairs (pair, campaign_id, account_id, decided_at, fee)."""
    # Texts become numbers and moments microseconds once, at the door.
    ids = tables["accounts"].select("account_id", "influencer_id", _us("created_at")).with_row_index("a")
    briefs = (
        tables["campaigns"].with_columns(_us("starts_at"), col("brand_id").hash().alias("brand")).with_row_index("c")
    )
    asked = (
        pairs.with_columns(_us("decided_at").alias("d"))
        .join(ids, on="account_id")
        .join(briefs, on="campaign_id")
        .select(
            *("pair", "d", "a", "c", "fee", "influencer_id", "created_at", "brand", "goal"),
            *("value_per_action", "budget", "attribution_days", "starts_at", "topics"),
        )
        .sort("d")
    )
    asked = asked.collect().lazy()
    keyed = {
        name: _keyed(tables[name], ids)
        for name in ("account_stats", "posts", "interactions", "audiences", "followers", "outcomes")
    }
    stats = keyed["account_stats"].select("a", _us("observed_at"), "followers", "following").sort("observed_at")
    siblings = asked.select("pair", "d", "influencer_id", col("a").alias("asked")).join(
        ids.select("influencer_id", "a"), on="influencer_id"
    )
    readings = _readings(keyed["posts"], stats).collect(engine=engine).lazy()
    parts = [
        _counters(asked, siblings, stats),
        _of_posts(asked, readings),
        _of_topics(asked, readings),
        _of_siblings(siblings, readings),
        _of_reactions(asked, keyed["interactions"]),
        _of_followers(asked, keyed["followers"]),
        _of_audience(
            asked,
            keyed["audiences"],
            tables["campaign_audience"].join(briefs.select("campaign_id", "c"), on="campaign_id"),
        ),
        _of_outcomes(asked, keyed["outcomes"].join(briefs.select("campaign_id", "goal"), on="campaign_id")),
    ]
    x = asked
    for part in pl.collect_all(parts, engine=engine):
        x = x.join(part.lazy(), on="pair", how="left")
    value = col("value_per_action")
    needed = (col("fee") / _positive(value) * (1 - 4 * np.finfo(np.float64).eps)).ceil()
    counted = ("posts_90d", "brand_posts_180d", "past_activations", "past_activations_same_goal")
    return x.with_columns(
        *(col(name).fill_null(0) for name in counted),
        col("reactions").fill_null(0).log1p().alias("reactions_log_90d"),
        col("size").fill_null(0).log1p().alias("follower_sample_log_size"),
        col("fee").log1p().alias("fee_log"),
        _positive(_ratio(1_000 * col("fee"), col("followers"))).log().alias("fee_per_1000_followers_log"),
        needed.clip(lower_bound=1).log().alias("log_break_even"),
        _positive(value).log().alias("value_per_action_log"),
        col("budget").log1p().alias("budget_log"),
        ((col("starts_at") - col("d")) / DAY).alias("days_to_start"),
        pl.when(col("created_at") <= col("d")).then((col("d") - col("created_at")) / DAY).alias("account_age_days"),
        _ratio(col("followers"), col("influencer_followers")).alias("account_follower_share"),
        col("reached").log1p().alias("influencer_engagements_log_90d"),
        _ratio(col("engagements_90d"), col("reached")).alias("account_engagement_share_90d"),
        pl.when(col("topics").list.len() > 0)
        .then(_ratio(col("on_topic").fill_null(0), col("posts_with_topics")))
        .alias("topic_share_180d"),
    ).select("pair", *(col(name).cast(pl.Float64) for name in COMPARED))


def _keyed(table: pl.LazyFrame, ids: pl.LazyFrame) -> pl.LazyFrame:
    return table.join(ids.select("account_id", "a"), on="account_id")


def _us(name: str) -> pl.Expr:
    return col(name).dt.epoch("us")


def _positive(values: pl.Expr) -> pl.Expr:
    return pl.when(values > 0).then(values)


def _ratio(top: pl.Expr, bottom: pl.Expr) -> pl.Expr:
    return pl.when(bottom != 0).then(top / bottom)


def _total(values: pl.Expr) -> pl.Expr:
    """Add up; null, not 0, where there is nothing."""
    return pl.when(values.count() > 0).then(values.sum())


def _counters(asked: pl.LazyFrame, siblings: pl.LazyFrame, stats: pl.LazyFrame) -> pl.LazyFrame:
    of_all = siblings.sort("d").join_asof(stats, left_on="d", right_on="observed_at", by="a", check_sortedness=False)
    self = col("a") == col("asked")
    before = (
        asked.select("pair", "a", col("d") - 30 * DAY)
        .join_asof(stats, left_on="d", right_on="observed_at", by="a", check_sortedness=False)
        .select("pair", before="followers")
    )
    followers = col("followers")
    return (
        of_all.group_by("pair")
        .agg(
            followers.filter(self).first(),
            col("following").filter(self).first(),
            followers.count().alias("accounts"),
            _total(followers).alias("influencer_followers"),
        )
        .join(before, on="pair", how="left")
        .with_columns(
            followers.log1p().alias("log_followers"),
            _ratio(col("following"), followers).alias("following_per_follower"),
            (_ratio(followers, col("before")) - 1).alias("follower_growth_30d"),
            _positive(col("accounts")).alias("influencer_accounts"),
            col("influencer_followers").log1p().alias("influencer_followers_log"),
        )
    )


def _readings(posts: pl.LazyFrame, stats: pl.LazyFrame) -> pl.LazyFrame:
    """Return each reading of a post with the time from and until which it counts, and the followers at its time."""
    counts = ("views", "likes", "comments", "shares", "saves", "clicks")
    readings = posts.select(
        "a",
        col("post_id").hash().alias("post"),
        _us("published_at"),
        _us("observed_at").fill_null(_us("published_at") + 3 * DAY).alias("known_at"),
        col("observed_at").is_not_null().alias("dated"),
        col("sponsor_id").hash().alias("sponsor"),
        col("sponsor_id").is_not_null().alias("sponsored"),
        "topics",
        *counts,
    )
    several = col("post").is_duplicated()
    again = readings.filter(several).sort("post", "known_at", "dated")
    until = pl.when(col("post") == col("post").shift(-1)).then(col("known_at").shift(-1)).fill_null(EVER)
    followers = stats.select("a", "observed_at", "followers")
    return (
        pl.concat(
            [
                readings.filter(~several).with_columns(pl.lit(EVER).alias("superseded_at")),
                again.with_columns(until.alias("superseded_at")),
            ]
        )
        .sort("published_at")
        .join_asof(followers, left_on="published_at", right_on="observed_at", by="a", check_sortedness=False)
        .with_columns(
            pl.when(col("likes").is_not_null() | col("comments").is_not_null())
            .then(col("likes").fill_null(0) + col("comments").fill_null(0))
            .alias("engagements")
        )
        .with_columns(
            _ratio(col("engagements"), col("followers")).alias("rate"),
            _ratio(col("views"), col("followers")).alias("views_per_follower"),
        )
        .drop("dated", "observed_at", "followers")
    )


def _known(days: int) -> pl.Expr:
    d, published = col("d"), col("published_at")
    return (
        (published <= d - 3 * DAY) & (published > d - days * DAY) & (col("known_at") <= d) & (col("superseded_at") > d)
    )


def _of_posts(asked: pl.LazyFrame, readings: pl.LazyFrame) -> pl.LazyFrame:
    seen = (
        asked.select("pair", "d", "a", "brand")
        .join(readings.with_columns(col("topics").is_not_null().alias("topics_known")).drop("post", "topics"), on="a")
        .filter(_known(180))
        .with_columns(
            (col("published_at") > col("d") - 90 * DAY).alias("in_90d"),
            (col("published_at") > col("d") - 30 * DAY).alias("in_30d"),
            *(col(name).log1p().alias(f"log_{name}") for name in ("likes", "comments", "engagements")),
        )
    )
    season = col("in_90d")
    rate, engagements, published = col("rate"), col("engagements"), col("published_at")
    rate_90d = rate.filter(season)
    gap = published.sort().diff().drop_nulls()
    newest = {name: col(f"log_{name}").sort_by(published, descending=True).head(20) for name in ("likes", "comments")}

    def both(top: str, bottom: str) -> pl.Expr:
        keep = season & col(top).is_not_null() & col(bottom).is_not_null()
        return _ratio(col(top).filter(keep).sum(), col(bottom).filter(keep).sum())

    def spread(values: pl.Expr) -> pl.Expr:
        return pl.when(values.count() > 1).then(values.std(ddof=0))

    return seen.group_by("pair").agg(
        season.sum().alias("posts_90d"),
        ((col("d").first() - published.max()) / DAY).alias("days_since_last_post"),
        _ratio(spread(gap), gap.mean()).alias("posting_irregularity_180d"),
        rate_90d.median().alias("engagement_rate_median_90d"),
        _ratio(spread(rate_90d), rate_90d.mean()).alias("engagement_rate_spread_90d"),
        (_ratio(rate.filter(col("in_30d")).mean(), rate.mean()) - 1).alias("engagement_rate_trend"),
        col("log_engagements").filter(season).median().alias("engagements_log_median_90d"),
        newest["likes"].mean().alias("likes_log_mean_newest"),
        newest["comments"].mean().alias("comments_log_mean_newest"),
        spread(newest["comments"]).alias("comments_log_spread_newest"),
        col("views_per_follower").filter(season).median().alias("views_per_follower_median_90d"),
        both("comments", "likes").alias("comments_per_like_90d"),
        both("shares", "likes").alias("shares_per_like_90d"),
        both("saves", "likes").alias("saves_per_like_90d"),
        both("clicks", "views").alias("clicks_per_view_90d"),
        col("sponsored").filter(season).mean().alias("sponsored_share_90d"),
        _ratio(engagements.filter(col("sponsored")).mean(), engagements.filter(~col("sponsored")).mean()).alias(
            "sponsored_to_organic_180d"
        ),
        (col("sponsored") & (col("sponsor") == col("brand"))).sum().alias("brand_posts_180d"),
        col("topics_known").sum().alias("posts_with_topics"),
        _total(engagements.filter(season)).alias("engagements_90d"),
    )


def _of_topics(asked: pl.LazyFrame, readings: pl.LazyFrame) -> pl.LazyFrame:
    topics = col("topics").list.unique()
    wanted = asked.select("pair", "d", "a", topics).explode("topics").drop_nulls("topics")
    posted = readings.select(*READING, "post", topics).explode("topics").drop_nulls("topics")
    on_topic = wanted.join(posted, on=["a", "topics"]).filter(_known(180))
    return on_topic.group_by("pair").agg(col("post").n_unique().alias("on_topic"))


def _of_siblings(siblings: pl.LazyFrame, readings: pl.LazyFrame) -> pl.LazyFrame:
    seen = siblings.select("pair", "d", "a").join(readings.select(*READING, "engagements"), on="a").filter(_known(90))
    return seen.group_by("pair").agg(_total(col("engagements")).alias("reached"))


def _of_reactions(asked: pl.LazyFrame, interactions: pl.LazyFrame) -> pl.LazyFrame:
    others = interactions.filter(col("actor_id") != col("account_id")).select(
        "a",
        _us("at"),
        col("actor_id").hash().alias("actor"),
        *((col("kind") == kind).alias(kind) for kind in ("follow", "reply", "comment")),
    )
    times = col("times")
    return (
        asked.select("pair", "d", "a")
        .join(others, on="a")
        .filter((col("at") <= col("d")) & (col("at") > col("d") - 90 * DAY))
        .group_by("pair", "actor")
        .agg((~col("follow")).sum().alias("times"), col("reply").sum(), col("comment").sum())
        .with_columns(times.cast(pl.Int64))
        .group_by("pair")
        .agg(
            times.sum().alias("reactions"),
            _ratio((times > 1).sum(), (times > 0).sum()).alias("returning_responder_share_90d"),
            _ratio((times * (times - 1)).sum(), times.sum() * (times.sum() - 1)).alias("responder_concentration_90d"),
            _ratio(col("reply").sum(), col("comment").sum()).alias("replies_per_comment_90d"),
        )
    )


def _of_followers(asked: pl.LazyFrame, followers: pl.LazyFrame) -> pl.LazyFrame:
    samples = followers.group_by("a", _us("observed_at")).agg(
        pl.len().alias("size"),
        col("following").count().alias("judged"),
        (col("following") > 1_500).sum().alias("massive"),
    )
    return (
        asked.select("pair", "d", "a")
        .join(samples, on="a")
        .filter((col("observed_at") <= col("d")) & (col("observed_at") > col("d") - 365 * DAY))
        .group_by("pair")
        .agg(col("size").sum(), _ratio(col("massive").sum(), col("judged").sum()).alias("mass_following_share"))
    )


def _of_audience(asked: pl.LazyFrame, audiences: pl.LazyFrame, wanted: pl.LazyFrame) -> pl.LazyFrame:
    slices = audiences.select("a", "dimension", _us("observed_at"), col("bucket").hash(), "share")
    wanted = wanted.select("c", "dimension", col("bucket").hash(), col("share").alias("wants"))
    dimensions = wanted.group_by("c", "dimension").agg(col("wants").sum().alias("asked"))
    reports = slices.select("a", "dimension", "observed_at").unique().sort("observed_at")
    newest = (
        asked.select("pair", "d", "a", "c")
        .join(dimensions, on="c")
        .sort("d")
        .join_asof(
            reports, left_on="d", right_on="observed_at", by=["a", "dimension"], coalesce=False, check_sortedness=False
        )
        .drop_nulls("observed_at")
        .select("pair", "a", "c", "dimension", "observed_at", "asked")
    )
    p, q = col("share"), col("wants")
    fits = (
        newest.join(slices, on=["a", "dimension", "observed_at"])
        .join(wanted, on=["c", "dimension", "bucket"], how="left")
        .with_columns(
            pl.min_horizontal(p, q.fill_null(0)).alias("overlap"),
            (
                (p * _positive(2 * p / (p + q)).log()).fill_null(0)
                + (q * _positive(2 * q / (p + q)).log()).fill_null(0)
            ).alias("near"),
            (pl.when(q.is_null()).then(p).otherwise(0.0) - q.fill_null(0)).alias("alone"),
        )
        .group_by("pair", "dimension")
        .agg(
            col("overlap").sum(),
            ((col("near").sum() + np.log(2) * (col("alone").sum() + col("asked").first())) / 2).alias("divergence"),
        )
    )
    return fits.group_by("pair").agg(
        *(
            col("overlap").filter(col("dimension") == name).max().alias(f"audience_overlap_{name}")
            for name in ("country", "age", "gender", "language", "interest")
        ),
        col("overlap").clip(lower_bound=0.01).log().mean().exp().alias("audience_fit_joint"),
        col("divergence").mean().alias("audience_divergence"),
    )


def _of_outcomes(asked: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    told = outcomes.select(
        *("a", "goal", "actions", _us("decided_at"), _us("closed_at")),
        col("posted_at").is_not_null().alias("posted"),
        col("actions").log1p().alias("log_actions"),
    )
    usual = (
        told.filter("posted")
        .group_by("goal", "closed_at")
        .agg(col("log_actions").sum(), pl.len().alias("n"))
        .sort("closed_at")
        .select(
            "goal",
            "closed_at",
            (col("log_actions").cum_sum().over("goal") / col("n").cum_sum().over("goal")).alias("usual"),
        )
    )
    told = (
        told.sort("closed_at")
        .join_asof(usual, on="closed_at", by="goal", allow_exact_matches=False, check_sortedness=False)
        .with_columns(pl.when("posted").then(col("log_actions") - col("usual")).alias("surprise"))
    )
    same = col("same_goal")
    newest = col("log_actions").filter(same).sort_by(col("closed_at").filter(same)).tail(20)
    surprise, of_goal = col("surprise"), col("surprise").filter(same)
    return (
        asked.select("pair", "d", "a", col("goal").alias("asked_goal"))
        .join(told, on="a")
        .filter((col("closed_at") <= col("d")) & (col("decided_at") < col("d")))
        .with_columns((col("goal") == col("asked_goal")).alias("same_goal"))
        .group_by("pair")
        .agg(
            pl.len().alias("past_activations"),
            same.sum().alias("past_activations_same_goal"),
            col("actions").filter(same).mean().alias("past_actions_mean"),
            newest.mean().alias("past_actions_log_mean_newest"),
            pl.when(newest.count() > 1).then(newest.std(ddof=0)).alias("past_actions_log_spread_newest"),
            newest.last().alias("past_actions_log_last"),
            (_total(surprise) / (surprise.count() + 3)).alias("past_performance"),
            (_total(of_goal) / (of_goal.count() + 3)).alias("past_performance_same_goal"),
            (((~col("posted")).sum() + 0.6) / (pl.len() + 3)).alias("past_no_show_share"),
            ((col("d").first() - col("closed_at").max()) / DAY).alias("days_since_last_outcome"),
        )
    )
