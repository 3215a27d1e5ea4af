"""Every feature: its family, unit, meaning, when it is null, and the direction that theory demands.

The order here is the order of the feature matrix. What the texts below take as said:

- A window of n days holds what is younger than n days: decided_at - n days < time <= decided_at.
- A post is known from three days after it was published and for 180 days, as its last reading by decided_at tells it;
  a reading without a time counts as read after three days, and gives way to one with that time.
- Engagements are likes plus comments, as far as they were measured. "Rate" is engagements per follower at the time of
  the post: by the last reading up to then, or else the first after it that is known.
- Means, medians and standard deviations (of the population) leave nulls out; what would divide by 0 is null. Logarithms
  are natural; log1p(x) is log(1 + x). Where only the newest are taken, those of one moment stand in the order of the
  hash of their id.
- Interactions are what others did (what an account does to itself is left out); reactions are those but follows.
- A follower looks fake with at least two of: following over 1,500, following over ten times the followers (taken as at
  least 1), at most five posts, no picture. A follower counts as often as sampled.
- A comment, or reply, with text is generic where it has under three words, or a text that anybody wrote anywhere before
  (case and outer white space aside).
- The overlap of two audiences is the sum of the smaller shares; the report of each dimension is its newest.
- An activation is known when it has closed and was decided before. Usual for a goal is the mean logarithm of the
  actions of all posted activations with that goal that closed before; "shrunk" is sum / (n + 3), here of log1p actions
  less what was usual.
- Social scores are published every thirty days since 1970; a pair reads the last publication. Only accounts of which
  something is known by then take part: a reading, a post in 180 days, an interaction received or given. A rank is the
  share of those below, ties (to nine decimals) halved.
- Klout is the rank of the sum of the z-scores of its three parts, null as average: ten points for each halving of those
  above. Kred's points are 10, and 50 by an actor with over 10,000 followers; influence is log1p of the points against
  the most points of the same platform and language. PeerIndex is 0.6 authority, 0.2 rank by reach and 0.2 rank by posts
  in 90 days; the weight of a null part goes to the others.

A feature is null everywhere where the first of its tables is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

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


_NEVER = "never"
_NO_POST = "no post in the window on which it was measured"
_NO_RATE = "no post in the window with engagements and with followers above 0"
_NO_PAIR = "no post in the window on which both were measured, or a sum of 0 below"
_NO_REACTION = "no reaction in the window"
_NO_READING = "no number of followers known"
_NO_OUTCOME = "no closed activation of that kind"
_NO_SURPRISE = "no posted activation of that kind with something to compare with"
_NO_BRIEF = "not in the brief"
_NO_AUDIENCE = "no audience report of that dimension, or the brief does not name it"
_NO_DIMENSION = "no dimension that both report and brief have"
_NOTHING = "nothing known of the account when the scores were published"

_ENTRIES: dict[Family, tuple[tuple[str, str, str, str, Direction, tuple[str, ...]], ...]] = {
    "engagement": (
        ("log_followers", "log1p", "followers by the last reading", _NO_READING, "free", ("account_stats",)),
        ("posts_90d", "posts", "posts in 90 days", _NEVER, "free", ("posts",)),
        ("days_since_last_post", "days", "days since the last known post", "no known post in 180 days", "free",
         ("posts",)),
        ("posting_irregularity_180d", "ratio", "standard deviation of the time between posts over its mean, 180 days",
         "fewer than three posts, or all at one moment", "free", ("posts",)),
        ("engagement_rate_median_90d", "per follower", "median rate, 90 days", _NO_RATE, "free",
         ("posts", "account_stats")),
        ("engagement_rate_spread_90d", "ratio", "standard deviation of the rate over its mean, 90 days",
         "fewer than two posts with a rate, or rates of 0", "free", ("posts", "account_stats")),
        ("engagement_rate_trend", "ratio", "mean rate of 30 days over that of 180 days, less 1",
         "no post with a rate in 30 days, or rates of 0 in 180 days", "free", ("posts", "account_stats")),
        ("engagements_log_median_90d", "log1p", "median of the logarithm of engagements a post, 90 days", _NO_POST,
         "free", ("posts",)),
        ("likes_log_mean_newest", "log1p", "mean logarithm of likes on the newest 20 posts", _NO_POST, "free",
         ("posts",)),
        ("comments_log_mean_newest", "log1p", "mean logarithm of comments on the newest 20 posts", _NO_POST, "free",
         ("posts",)),
        ("comments_log_spread_newest", "log1p", "standard deviation of the logarithm of comments, newest 20 posts",
         "fewer than two posts on which they were measured", "free", ("posts",)),
        ("views_per_follower_median_90d", "per follower", "median of views per follower at that time, 90 days",
         "no post in the window with views and with followers above 0", "free", ("posts", "account_stats")),
        ("comments_per_like_90d", "ratio", "all comments per all likes of posts with both, 90 days", _NO_PAIR, "free",
         ("posts",)),
        ("shares_per_like_90d", "ratio", "all shares per all likes of posts with both, 90 days", _NO_PAIR, "free",
         ("posts",)),
        ("saves_per_like_90d", "ratio", "all saves per all likes of posts with both, 90 days", _NO_PAIR, "free",
         ("posts",)),
        ("clicks_per_view_90d", "ratio", "all clicks per all views of posts with both, 90 days", _NO_PAIR, "free",
         ("posts",)),
        ("sponsored_share_90d", "share", "share of posts that are sponsored, 90 days", "no post in the window", "free",
         ("posts",)),
        ("sponsored_to_organic_180d", "ratio", "mean engagements of sponsored over those of organic posts, 180 days",
         "no post of one of the two kinds with engagements, or none on the organic", "free", ("posts",)),
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
        ("suspicious_follower_share", "share", "share of sampled followers that look fake, one year",
         "no sampled follower of which following, posts or picture is known", "down", ("followers",)),
        ("follower_sample_log_size", "log1p", "sampled followers, one year", _NEVER, "free", ("followers",)),
        ("following_per_follower", "ratio", "accounts followed per follower by the last reading",
         "no last reading with both, or 0 followers", "free", ("account_stats",)),
        ("follower_growth_30d", "ratio", "followers over those of the last reading 30 days ago, less 1",
         "no number of followers known 30 days ago, or 0", "free", ("account_stats",)),
        ("follower_jump_180d", "log", "largest step of log followers between readings, less the median step, 180 days",
         "no two readings in a row with followers above 0", "free", ("account_stats",)),
        ("engagement_rate_for_size_90d", "log", "log of the median rate, corrected for size by 0.2 log followers",
         "no rate in 90 days or no followers known, or 0", "free", ("posts", "account_stats")),
        ("generic_comment_share_90d", "share", "share of comments that are generic: short or repeated, 90 days",
         "no comment or reply with text in the window", "free", ("interactions",)),
        ("reciprocal_reaction_share_90d", "share",
         "share of interactions by accounts that the account itself had turned to in the 90 days before, 90 days",
         "no interaction in the window", "free", ("interactions",)),
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
        ("audience_fit_joint", "share", "geometric mean of the overlaps, city included, each at least 0.01",
         _NO_DIMENSION, "free", ("audiences", "campaign_audience")),
        ("audience_divergence", "nats", "mean Jensen-Shannon divergence of audience and target, city included",
         _NO_DIMENSION, "free", ("audiences", "campaign_audience")),
        ("effective_audience_log", "log1p", "followers that are not suspicious (all where unknown) times joint fit",
         "no number of followers, or no dimension that both have", "free",
         ("account_stats", "audiences", "campaign_audience", "followers")),
        ("own_language_share", "share", "share of the target that speaks the account's language, 0 where not named",
         "no language of the account or in the brief", "free", ("campaign_audience", "accounts")),
        ("topic_share_180d", "share", "share of posts with known topics that are on a topic of the brief, 180 days",
         "no post with known topics in the window, or no topic in the brief", "free", ("posts", "campaigns")),
        ("topic_engagement_ratio_180d", "ratio",
         "mean engagements on the brief's topics over those of all posts, 180 days",
         "no post on the topics with engagements, or none on any", "free", ("posts", "campaigns")),
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
        ("past_actions_log_spread_newest", "log1p", "standard deviation of the logarithm of actions, the same 20",
         "fewer than two closed activations with the same goal", "free", ("outcomes",)),
        ("past_actions_log_last", "log1p", "actions of the activation with the same goal that closed last",
         _NO_OUTCOME, "free", ("outcomes",)),
        ("past_performance", "log", "log actions of posted activations against what was usual for the goal, shrunk",
         _NO_SURPRISE, "free", ("outcomes",)),
        ("past_performance_same_goal", "log", "past performance in activations with the same goal", _NO_SURPRISE,
         "free", ("outcomes",)),
        ("past_performance_same_vertical", "log", "past performance in the same vertical", _NO_SURPRISE, "free",
         ("outcomes",)),
        ("past_performance_weight", "share", "weight of the own record against the average of all: n / (n + 3)",
         _NEVER, "free", ("outcomes",)),
        ("influencer_past_performance", "log", "past performance over all accounts of the influencer", _NO_SURPRISE,
         "free", ("outcomes",)),
        ("past_no_show_share", "share",
         "share of activations that were never posted, shrunk towards 20 % as by three more",
         "no closed activation", "free", ("outcomes",)),
        ("past_break_even_share", "share", "share of closed activations whose actions were worth the fee",
         "no closed activation with fee and value", "free", ("outcomes",)),
        ("days_since_last_outcome", "days", "days since an activation of the account closed", "no closed activation",
         "free", ("outcomes",)),
    ),
    "offer": (
        ("fee_log", "log1p", "the fee", "no fee given", "free", ("outcomes",)),
        ("fee_per_1000_followers_log", "log", "fee per 1,000 followers", "no fee or followers known, or 0", "free",
         ("account_stats", "outcomes")),
        ("log_break_even", "log", "number of actions that pay for the fee: rounded up, at least 1",
         "no fee or value per action, or a value of 0", "free", ("outcomes", "campaigns")),
        ("value_per_action_log", "log", "value of one action", "not in the brief, or 0", "free", ("campaigns",)),
        ("budget_log", "log1p", "the campaign's budget", _NO_BRIEF, "free", ("campaigns",)),
        ("attribution_days", "days", "days within which actions count", _NO_BRIEF, "free", ("campaigns",)),
        ("days_to_start", "days", "days from the decision to the start of the campaign", _NEVER, "free",
         ("campaigns",)),
        ("season_sine", "sine", "day of the year of the start, of 365.25", _NEVER, "free", ("campaigns",)),
        ("season_cosine", "cosine", "day of the year of the start, of 365.25", _NEVER, "free", ("campaigns",)),
        ("start_hour_sine", "sine", "hour and minute of the start, UTC", _NEVER, "free", ("campaigns",)),
        ("start_hour_cosine", "cosine", "hour and minute of the start, UTC", _NEVER, "free", ("campaigns",)),
        ("account_age_days", "days", "age of the account", "no date given, or a later one", "free", ("accounts",)),
    ),
    "cross-platform": (
        ("influencer_accounts", "accounts", "accounts of the influencer with a known number of followers",
         "no account with a number", "free", ("account_stats", "accounts")),
        ("influencer_followers_log", "log1p", "followers over all accounts of the influencer",
         "no account with a number", "free", ("account_stats", "accounts")),
        ("account_follower_share", "share", "this account's share of the influencer's followers",
         "no number of followers known, or 0 in all", "free", ("account_stats", "accounts")),
        ("influencer_engagements_log_90d", "log1p", "engagements over all accounts, 90 days",
         "no post of any account in the window with engagements", "free", ("posts", "accounts")),
        ("account_engagement_share_90d", "share", "this account's share of the influencer's engagements, 90 days",
         "no post of the account in the window with engagements, or 0 in all", "free", ("posts", "accounts")),
    ),
    "social scores": (
        ("klout_reach", "log1p", "Klout: followers that are not suspicious (all where unknown)", _NO_READING, "free",
         ("account_stats", "followers")),
        ("klout_amplification", "log1p",
         "Klout: shares of posts (where none were measured: reshares) and mentions in 90 days",
         "nothing known of the account, or no interactions table and no shares", "free",
         ("posts", "interactions", "account_stats")),
        ("klout_network", "log1p", "Klout: mean logarithm of the followers of those who interact, 90 days",
         "no interaction in the window by somebody whose followers are known", "free", ("interactions",)),
        ("klout_score", "1 to 100", "Klout, after its first form", "none of its three parts known", "free",
         ("account_stats", "posts", "interactions", "followers")),
        ("kred_influence", "0 to 1,000",
         "Kred influence: points for replies, reshares and mentions in 90 days, by platform and language", _NOTHING,
         "free", ("interactions", "account_stats", "posts")),
        ("kred_outreach", "level", "Kred outreach: level for 10 points per interaction that the account ever gave",
         _NOTHING, "free", ("interactions", "account_stats", "posts")),
        ("peerindex_authority", "0 to 100",
         "PeerIndex authority: rank in the graph of comments, mentions and reshares, each once a day, 120 days",
         _NOTHING, "free", ("interactions", "account_stats", "posts")),
        ("peerindex", "0 to 100", "PeerIndex: authority, audience and activity", _NOTHING, "free",
         ("interactions", "account_stats", "posts", "followers")),
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


def without(missing: Collection[str]) -> dict[Family, tuple[str, ...]]:
    """Return the features that are null without the missing tables, by family; families that lose none are left out."""
    lost: dict[Family, list[str]] = {}
    for feature in FEATURES.values():
        if feature.tables[0] in missing:
            lost.setdefault(feature.family, []).append(feature.name)
    return {family: tuple(names) for family, names in lost.items()}


def lost_families(missing: Collection[str]) -> list[str]:
    """Say in words which families lose how many of their features without the missing tables."""
    sizes = Counter(feature.family for feature in FEATURES.values())
    return [f"{family} ({len(names)} of {sizes[family]})" for family, names in without(missing).items()]
