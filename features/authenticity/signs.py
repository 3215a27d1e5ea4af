"""Signs that followers or reactions were bought or traded: the features of the family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import peers
from features.authenticity import kernels
from features.authenticity.fake_audience import default_outlook, fake_audience
from features.authenticity.growth import jumps
from features.events import DAY, BoolArray, Features, FloatArray, IntArray, divide, log_positive
from features.known import INTERACTION_DAYS
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import KnownAccount

MASS_FOLLOWING = 1_500
"""Following more is called mass following (HypeAuditor)."""
BENFORD = np.log10(1 + 1 / np.arange(1, 10))
"""Share of each first digit of numbers that grew by themselves (Benford 1938). How far a sample departs from it is told
by the mean absolute deviation of the nine shares (Nigrini, "Benford's Law", 2012)."""
FEWEST_DIGITS = 30
NOTICED = 100
"""A post with so many likes usually has a comment: published rates are about three comments per hundred likes."""
UNFOLLOWED = 10
"""An actor with fewer followers than this has none to speak of."""
SOON = DAY // 24
"""Members of pods react within the first hour, as most pods ask for; others over days."""


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single readings, posts, reactions and sampled followers."""
    posts, reactions, sample = (bucket.events[name] for name in ("posts", "interactions", "followers"))
    likes, comments = posts.numbers("likes"), posts.numbers("comments")
    kind, actor_followers = reactions.codes("kind"), reactions.numbers("actor_followers")
    is_reaction = kind != INTERACTIONS.index("follow")
    following = bucket.events["stats"].numbers("following")
    return {
        "churn": np.abs(bucket.events["stats"].step(np.log1p(following))),
        "log likes": log_positive(divide(likes, bucket.post_followers)),
        "noticed": (likes >= NOTICED) & ~np.isnan(comments),
        "silent": comments == 0,
        "reaction": is_reaction,
        "in circle": is_reaction & (reactions.numbers("pod_links") > 0),
        "comment": np.isin(kind, [INTERACTIONS.index("comment"), INTERACTIONS.index("reply")]),
        "unfollowed": np.where(
            is_reaction & ~np.isnan(actor_followers), (actor_followers < UNFOLLOWED).astype(np.float64), np.nan
        ),
        "digit": _first_digit(sample.numbers("following")) - 1,
        "mass following": _flag(sample.numbers("following"), sample.numbers("following") > MASS_FOLLOWING),
        "no post": _flag(sample.numbers("posts"), sample.numbers("posts") == 0),
    }


def features(known: KnownAccount) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    of, stats, reactions, sample = known.measured(measures), known.stats, known.interactions, known.follower_sample
    followers, following = stats.events.numbers("followers"), stats.events.numbers("following")
    month_ago = known.decided_at - 30 * DAY
    is_reaction, growth = of["reaction"], jumps(known)
    signs = {
        "follower_jump_180d": growth.largest,
        "follower_drop_180d": -growth.fall,
        "unexplained_jump_180d": growth.unexplained,
        "unexplained_jumps_180d": growth.number,
        "unexplained_growth_share_180d": growth.share,
        **_against_peers(known),
        "generic_comment_share_90d": reactions.mean(reactions.numbers("generic")),
        "prompt_comment_share_90d": _prompt(known, of["comment"]),
        "unfollowed_actor_share_90d": reactions.mean(of["unfollowed"]),
    }
    return {
        **signs,
        **_fake_audience(known, signs),
        "suspicious_follower_share": known.suspicious_share,
        "follower_sample_log_size": np.log1p(sample.count()),
        "mass_following_share": sample.mean(of["mass following"]),
        "silent_follower_share": sample.mean(of["no post"]),
        "following_benford_excess": kernels.benford_excess(
            sample.row, sample.start, sample.stop, of["digit"], BENFORD, FEWEST_DIGITS
        ),
        "following_per_follower": divide(stats.as_of(following), known.followers),
        "following_churn_180d": stats.window(days=180).sum(of["churn"]),
        "follower_growth_30d": divide(known.followers, stats.as_of(followers, month_ago)) - 1,
        "uncommented_post_share_90d": known.season.share(of["silent"], of["noticed"]),
        "likes_spread_180d": known.rated_posts.deviation(of["log likes"]),
        "pod_reaction_share_90d": reactions.share(of["in circle"], is_reaction),
        "reciprocal_reaction_share_90d": reactions.share(reactions.flags("reciprocal")),
    }


def _prompt(known: KnownAccount, comment: BoolArray) -> FloatArray:
    """Return the share of comments within an hour of the last post before, of those whose posts may be known."""
    comments = known.beside_posts("interactions", days=INTERACTION_DAYS)
    posts = known.posts.recent(INTERACTION_DAYS)
    followed, soon = kernels.soon_after(
        comments.at,
        comments.row,
        comments.start,
        comments.stop,
        comment,
        posts.at,
        posts.row,
        posts.start,
        posts.stop,
        SOON,
    )
    return divide(soon, followed)


def _against_peers(known: KnownAccount) -> Features:
    apart = peers.apart(known, ("rate", "comments"))
    return {"engagement_rate_for_size": apart["rate"], "comment_depth_for_size": apart["comments"]}


def _fake_audience(known: KnownAccount, signs: Features) -> Features:
    outlook = default_outlook()
    found = fake_audience(known.fake_sample, outlook.share(signs), outlook.followers)
    return {"fake_share": found.share, "fake_share_low": found.low, "fake_share_high": found.high}


def _flag(known: FloatArray, flag: BoolArray) -> FloatArray:
    return np.where(np.isnan(known), np.nan, flag)


def _first_digit(counts: FloatArray) -> IntArray:
    """Return the first digit of each count, 0 where it has none."""
    known = counts >= 1
    usable = np.where(known, counts, 1.0)
    first = usable // 10.0 ** np.floor(np.log10(usable))
    return np.where(known, first, 0).astype(np.int64)
