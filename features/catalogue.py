"""Every feature: its family, unit, meaning, when it is null, and the direction that theory demands.

The order here is the order of the feature matrix. Windows end at decided_at; posts count three days after they were
published. "Rate" is likes plus comments per follower at the time of the post.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

Family = Literal[
    "engagement", "authenticity", "audience fit", "track record", "offer", "cross-platform", "social scores"
]
Direction = Literal["up", "down", "free"]

CATEGORIES = ("goal", "platform", "vertical")
"""Texts that stand behind the features in the matrix."""


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes
    ----------
    name, family, unit, meaning
        In the words of the field.
    null
        When it is unknown (NaN).
    direction
        Whether more of it can only raise ("up") or lower ("down") the likelihood by theory, or either ("free").
    tables
        What it is computed from; the first is the one without which it is always null.
    """

    name: str
    family: Family
    unit: str
    meaning: str
    null: str
    direction: Direction
    tables: tuple[str, ...]


_NO_POST = "no post in the window on which it was measured"
_NO_FOLLOWERS = "no number of followers known, or no post in the window"
_NO_REACTION = "no reaction in the window"
_NEVER = "never"
_NO_READING = "no number of followers known"
_NO_OUTCOME = "no closed activation of that kind"
_NO_BRIEF = "not in the brief"
_NO_AUDIENCE = "no audience report, or the brief does not name that dimension"

_ENTRIES: dict[Family, tuple[tuple[str, str, str, str, Direction, tuple[str, ...]], ...]] = {
    "engagement": (
        ("log_followers", "log1p", "followers", _NO_READING, "free", ("account_stats",)),
        ("posts_90d", "posts", "posts in 90 days", _NEVER, "free", ("posts",)),
        ("days_since_last_post", "days", "days since the last known post", "no post in 180 days", "free", ("posts",)),
        ("posting_irregularity_180d", "ratio", "standard deviation of the time between posts over its mean, 180 days",
         "fewer than three posts", "free", ("posts",)),
        ("engagement_rate_median_90d", "per follower", "median rate, 90 days", _NO_FOLLOWERS, "free",
         ("posts", "account_stats")),
        ("engagement_rate_spread_90d", "ratio", "standard deviation of the rate over its mean, 90 days",
         "fewer than two posts with a rate", "free", ("posts", "account_stats")),
        ("engagement_rate_trend", "ratio", "mean rate of 30 days over that of 180 days, less 1", _NO_FOLLOWERS, "free",
         ("posts", "account_stats")),
        ("engagements_log_median_90d", "log1p", "median of likes plus comments a post, 90 days", _NO_POST, "free",
         ("posts",)),
        ("likes_log_mean_newest", "log1p", "mean logarithm of likes on the newest 20 posts", _NO_POST, "free",
         ("posts",)),
        ("comments_log_mean_newest", "log1p", "mean logarithm of comments on the newest 20 posts", _NO_POST, "free",
         ("posts",)),
        ("comments_log_spread_newest", "log1p", "standard deviation of the logarithm of comments, newest 20 posts",
         "fewer than two posts on which they were measured", "free", ("posts",)),
        ("views_per_follower_median_90d", "per follower", "median of views per follower, 90 days", _NO_FOLLOWERS,
         "free", ("posts", "account_stats")),
        ("comments_per_like_90d", "ratio", "comments per like, 90 days", _NO_POST, "free", ("posts",)),
        ("shares_per_like_90d", "ratio", "shares per like, 90 days", _NO_POST, "free", ("posts",)),
        ("saves_per_like_90d", "ratio", "saves per like, 90 days", _NO_POST, "free", ("posts",)),
        ("clicks_per_view_90d", "ratio", "clicks per view, 90 days", _NO_POST, "free", ("posts",)),
        ("sponsored_share_90d", "share", "share of posts that are sponsored, 90 days", "no post in the window", "free",
         ("posts",)),
        ("sponsored_to_organic_180d", "ratio", "mean engagements of sponsored over those of organic posts, 180 days",
         "no post of one of the two kinds", "free", ("posts",)),
        ("reactions_log_90d", "log1p", "comments, replies, mentions and reshares by others, 90 days", _NEVER, "free",
         ("interactions",)),
        ("responders_per_reaction_90d", "ratio", "distinct people per reaction, 90 days", _NO_REACTION, "free",
         ("interactions",)),
        ("returning_responder_share_90d", "share", "share of people who reacted more than once, 90 days", _NO_REACTION,
         "free", ("interactions",)),
        ("responder_concentration_90d", "index", "sum of squared shares of people in the reactions, 90 days",
         _NO_REACTION, "free", ("interactions",)),
        ("replies_per_comment_90d", "ratio", "replies per comment, 90 days", "no comment in the window", "free",
         ("interactions",)),
    ),
    "authenticity": (
        ("suspicious_follower_share", "share", "share of sampled followers whose profile looks fake, one year",
         "no sampled follower with a profile", "down", ("followers",)),
        ("follower_sample_log_size", "log1p", "sampled followers, one year", _NEVER, "free", ("followers",)),
        ("following_per_follower", "ratio", "accounts followed per follower", _NO_READING, "free", ("account_stats",)),
        ("follower_growth_30d", "ratio", "growth of followers in 30 days", "no number of followers known 30 days ago",
         "free", ("account_stats",)),
        ("follower_jump_180d", "log", "largest step of log followers between readings, less the median step, 180 days",
         "fewer than two readings", "free", ("account_stats",)),
        ("engagement_rate_for_size_90d", "log", "log of the median rate, corrected for size by 0.2 log followers",
         _NO_FOLLOWERS, "free", ("posts", "account_stats")),
        ("generic_comment_share_90d", "share", "share of comments of under three words or with a text that was read before",
         "no comment with text in the window", "free", ("interactions",)),
        ("reciprocal_reaction_share_90d", "share",
         "share of reactions by accounts that the account itself reacted to in the 90 days before", _NO_REACTION,
         "free", ("interactions",)),
    ),
    "audience fit": (
        ("audience_overlap_country", "share", "overlap of audience and target by country", _NO_AUDIENCE, "free",
         ("audiences", "campaign_audience")),
        ("audience_overlap_age", "share", "overlap of audience and target by age", _NO_AUDIENCE, "free",
         ("audiences", "campaign_audience")),
        ("audience_overlap_gender", "share", "overlap of audience and target by gender", _NO_AUDIENCE, "free",
         ("audiences", "campaign_audience")),
        ("audience_overlap_language", "share", "overlap of audience and target by language", _NO_AUDIENCE, "free",
         ("audiences", "campaign_audience")),
        ("audience_overlap_interest", "share", "overlap of audience and target by interest", _NO_AUDIENCE, "free",
         ("audiences", "campaign_audience")),
        ("audience_fit_joint", "share", "geometric mean of the overlaps, each at least 0.01",
         "no dimension that both have", "free", ("audiences", "campaign_audience")),
        ("audience_divergence", "nats", "mean Jensen-Shannon divergence of audience and target",
         "no dimension that both have", "free", ("audiences", "campaign_audience")),
        ("effective_audience_log", "log1p", "followers that are not suspicious times joint fit",
         "no number of followers, or no dimension that both have", "free",
         ("account_stats", "audiences", "campaign_audience", "followers")),
        ("own_language_share", "share", "share of the target that speaks the account's language",
         "no language of the account or in the brief", "free", ("campaign_audience", "accounts")),
        ("topic_share_180d", "share", "share of posts on a topic of the brief, 180 days",
         "no post in the window, or no topic in the brief", "free", ("posts", "campaigns")),
        ("topic_engagement_ratio_180d", "ratio", "mean engagements on the brief's topics over those of all posts, 180 days",
         "no post on the topics", "free", ("posts", "campaigns")),
        ("brand_posts_180d", "posts", "posts sponsored by this brand, 180 days", _NEVER, "free",
         ("posts", "campaigns")),
    ),
    "track record": (
        ("past_activations", "activations", "closed activations of the account", _NEVER, "free", ("outcomes",)),
        ("past_activations_same_goal", "activations", "closed activations with the same goal", _NEVER, "free",
         ("outcomes",)),
        ("past_actions_mean", "actions", "mean actions of closed activations with the same goal", _NO_OUTCOME, "free",
         ("outcomes",)),
        ("past_actions_log_mean_newest", "log1p", "mean logarithm of actions, newest 20 with the same goal",
         _NO_OUTCOME, "free", ("outcomes",)),
        ("past_actions_log_spread_newest", "log1p", "standard deviation of that logarithm",
         "fewer than two closed activations with the same goal", "free", ("outcomes",)),
        ("past_actions_log_last", "log1p", "actions of the activation with the same goal that closed last",
         _NO_OUTCOME, "free", ("outcomes",)),
        ("past_performance", "log", "log actions of posted activations against what was usual for the goal, shrunk",
         "no posted activation with something to compare with", "free", ("outcomes",)),
        ("past_performance_same_goal", "log", "the same for activations with the same goal",
         "no such posted activation", "free", ("outcomes",)),
        ("past_performance_same_vertical", "log", "the same for activations in the same vertical",
         "no such posted activation", "free", ("outcomes",)),
        ("past_performance_weight", "share", "weight of the own record against the average of all: n / (n + 3)",
         _NEVER, "free", ("outcomes",)),
        ("influencer_past_performance", "log", "past performance over all accounts of the influencer",
         "no posted activation with something to compare with", "free", ("outcomes",)),
        ("past_no_show_share", "share", "share of activations that were never posted, shrunk towards 20 %",
         "no closed activation", "free", ("outcomes",)),
        ("past_break_even_share", "share", "share of closed activations whose actions were worth the fee",
         "no closed activation with fee and value", "free", ("outcomes",)),
        ("days_since_last_outcome", "days", "days since an activation of the account closed", "no closed activation",
         "free", ("outcomes",)),
    ),
    "offer": (
        ("fee_log", "log1p", "the fee", "no fee given", "free", ("outcomes",)),
        ("fee_per_1000_followers_log", "log", "fee per 1,000 followers", "no fee or followers known, or a fee of 0",
         "free", ("account_stats", "outcomes")),
        ("log_break_even", "log", "number of actions that pay for the fee", "no fee or value per action", "free",
         ("outcomes", "campaigns")),
        ("value_per_action_log", "log", "value of one action", _NO_BRIEF, "free", ("campaigns",)),
        ("budget_log", "log1p", "the campaign's budget", _NO_BRIEF, "free", ("campaigns",)),
        ("attribution_days", "days", "days within which actions count", _NO_BRIEF, "free", ("campaigns",)),
        ("days_to_start", "days", "days from the decision to the start of the campaign", _NEVER, "free",
         ("campaigns",)),
        ("season_sine", "sine", "day of the year of the start", _NEVER, "free", ("campaigns",)),
        ("season_cosine", "cosine", "day of the year of the start", _NEVER, "free", ("campaigns",)),
        ("start_hour_sine", "sine", "hour of the day of the start, UTC", _NEVER, "free", ("campaigns",)),
        ("start_hour_cosine", "cosine", "hour of the day of the start, UTC", _NEVER, "free", ("campaigns",)),
        ("account_age_days", "days", "age of the account", "no date given", "free", ("accounts",)),
    ),
    "cross-platform": (
        ("influencer_accounts", "accounts", "accounts of the influencer with a known number of followers",
         "no account with a number", "free", ("account_stats", "accounts")),
        ("influencer_followers_log", "log1p", "followers over all accounts of the influencer",
         "no account with a number", "free", ("account_stats", "accounts")),
        ("account_follower_share", "share", "this account's share of them", _NO_READING, "free",
         ("account_stats", "accounts")),
        ("influencer_engagements_log_90d", "log1p", "likes and comments over all accounts, 90 days", _NO_POST, "free",
         ("posts", "accounts")),
        ("account_engagement_share_90d", "share", "this account's share of them", _NO_POST, "free",
         ("posts", "accounts")),
    ),
    "social scores": (
        ("klout_reach", "log1p", "Klout: followers that are not spam", _NO_READING, "free",
         ("account_stats", "followers")),
        ("klout_amplification", "log1p", "Klout: reshares and mentions in 90 days", "no shares or reactions known",
         "free", ("posts", "interactions")),
        ("klout_network", "log1p", "Klout: mean logarithm of the followers of those who react, 90 days", _NO_REACTION,
         "free", ("interactions",)),
        ("klout_score", "1 to 100", "Klout, after its first form", "none of its three parts known", "free",
         ("account_stats", "posts", "interactions")),
        ("kred_influence", "0 to 1,000", "Kred influence: points received, by platform and language",
         "no interactions table, or nothing known of the account", "free", ("interactions",)),
        ("kred_outreach", "level", "Kred outreach: points of what the account gave", "as for influence", "free",
         ("interactions",)),
        ("peerindex_authority", "0 to 100", "PeerIndex authority: standing in the graph of endorsements, 120 days",
         "no interactions table, or nothing known of the account", "free", ("interactions",)),
        ("peerindex", "0 to 100", "PeerIndex: authority, audience and activity", "neither authority nor audience known",
         "free", ("interactions", "account_stats", "posts")),
    ),
}  # fmt: skip

FEATURES: dict[str, Feature] = {
    entry[0]: Feature(entry[0], family, *entry[1:]) for family, entries in _ENTRIES.items() for entry in entries
}
"""All features by name, in the order of the matrix."""


def digest() -> str:
    """Return a hash of the catalogue: a model fits only the features that it was trained on."""
    text = json.dumps([asdict(feature) for feature in FEATURES.values()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
