"""What the event store reads from the tables of a source, in DuckDB's SQL.

Each query of `EVENTS` gives bucket, owner and at first. Words become hashes; what looks across accounts is joined from
tables that `prepare` has worked out before.
"""

from __future__ import annotations

from features.codes import SLICE_SEPARATOR
from features.events import DAY
from features.tables import GOALS, INTERACTIONS

POST_LAG = 3 * DAY
"""A post is known three days after it was published: most engagement arrives within two (data-contract.md)."""
UNSPACED = {r"\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}": 6, r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}": 12}
"""Scripts written without spaces (RE2), and how many of their characters stand for three words (assumption)."""
_UNSPACED_WORDS = " OR ".join(f"len(regexp_extract_all(text, '[{of}]')) >= {size}" for of, size in UNSPACED.items())
# A branch of CASE is worked out for the rows alone that come to it, unlike a side of OR. ASCII has none of the scripts.
_SHORT = rf"""CASE WHEN regexp_matches(text, '\S\s+\S+\s+\S') THEN false
                 WHEN strlen(text) = length(text) THEN true
                 ELSE NOT ({_UNSPACED_WORDS}) END"""


def _number(value: str) -> str:
    """Return SQL of a number as events hold it: NaN for null, so that no later step fills them in."""
    return f"coalesce(({value})::DOUBLE, 'nan'::DOUBLE)"


def _numbers(*names: str) -> str:
    return ", ".join(f"{_number(name)} AS {name}" for name in names)


SOURCES = {
    "stats": ("account_stats",),
    "posts": ("posts",),
    "interactions": ("interactions",),
    "given": ("interactions", "recalled"),
    "audiences": ("audiences",),
    "followers": ("followers",),
    "outcomes": ("outcomes",),
}
"""The events of a store, and the tables that each comes from."""

LISTED = {
    # Accounts keep the number in their bucket under which they arrived, so that what is stored of them stays as it is.
    "accounts": """
        WITH fresh AS (
            SELECT *, (hash(influencer_id) % {buckets})::USMALLINT AS bucket, hash(account_id) AS actor
            FROM accounts ANTI JOIN known_accounts USING (account_id)),
        taken AS (SELECT bucket, count(*) AS number FROM known_accounts GROUP BY bucket)
        FROM known_accounts
        UNION ALL
        SELECT fresh.*, (coalesce(number, 0) - 1 + row_number()
                         OVER (PARTITION BY bucket ORDER BY influencer_id, account_id))::INTEGER AS arrival
        FROM fresh LEFT JOIN taken USING (bucket)
    """,
    "campaigns": "FROM known_campaigns UNION ALL FROM campaigns ANTI JOIN known_campaigns USING (campaign_id)",
}
"""The tables that others refer to: what is known of them, and what is new."""

REACTIONS = f"""
CREATE OR REPLACE TEMP TABLE reactions AS
SELECT receiving.bucket, receiving.arrival AS owner, epoch_us(interactions.at) AS moment, hash(actor_id) AS actor,
       giving.bucket AS giving_bucket, giving.arrival AS giving_owner, hash(interactions.account_id) AS receiver,
       (list_position({list(INTERACTIONS)}, kind) - 1)::BIGINT AS kind, {_numbers("actor_followers")},
       hash(post_id) AS post, post_id IS NOT NULL AS post_known,
       -- Hardly a text has white space around it, and trimming is dear.
       CASE WHEN text IS NOT NULL THEN
            hash(lower(CASE WHEN text[1] <= ' ' OR text[-1] <= ' ' THEN trim(text, ' \t\n\r') ELSE text END))
       END AS text,
       CASE WHEN text IS NOT NULL AND kind IN ('comment', 'reply')
            THEN {_SHORT} END AS short
FROM interactions LEFT JOIN listed_accounts receiving ON receiving.account_id = interactions.account_id
LEFT JOIN listed_accounts giving ON giving.account_id = actor_id
WHERE kind IN {INTERACTIONS}
"""
"""All interactions of a known kind, with all that is asked of them, out of one pass over the table."""

EXCHANGES = """
SELECT DISTINCT moment, actor AS giver, receiver FROM reactions
WHERE owner IS NOT NULL AND giving_owner IS NOT NULL AND actor <> receiver
UNION SELECT "at", actor, receiver FROM recalled
"""
"""Reactions between accounts that are new, or have become such because an account is new."""

TEXTS = """
SELECT text, min(moment) AS first_at, max(moment) AS last_at FROM reactions WHERE text IS NOT NULL GROUP BY text
"""

EVENTS = {
    "stats": f"""
        SELECT bucket, arrival AS owner, epoch_us(observed_at) AS at, {_numbers("followers", "following")}
        FROM account_stats JOIN listed_accounts USING (account_id)
    """,
    "posts": f"""
        SELECT bucket, arrival AS owner, epoch_us(published_at) AS at, hash(post_id) AS post,
               coalesce(epoch_us(observed_at), epoch_us(published_at) + {POST_LAG}) AS known_at,
               observed_at IS NOT NULL AS dated,
               hash(sponsor_id) AS sponsor, sponsor_id IS NOT NULL AS sponsored,
               {_numbers("views", "likes", "comments", "shares", "saves", "clicks")},
               topics IS NOT NULL AS topics_known, topics,
               caption IS NOT NULL AS caption_known, caption
        FROM posts JOIN listed_accounts USING (account_id)
    """,
    # A comment is generic when it is short, or its text was read before, anywhere (case and outer white space aside);
    # what the account does to itself is read, but is no reaction.
    "interactions": f"""
        SELECT bucket, owner, reactions.moment AS at, actor, kind, actor_followers, post, post_known,
               {_number("CASE WHEN short IS NOT NULL THEN short OR coalesce(reactions.moment > first_at, false) END")}
               AS generic,
               coalesce(reciprocal, false) AS reciprocal, coalesce(pod_links, 0.0) AS pod_links,
               CASE WHEN short IS NULL THEN 0 ELSE text END AS text
        FROM reactions LEFT JOIN heard USING (text)
        LEFT JOIN judged ON giver = actor AND judged.receiver = reactions.receiver AND judged.moment = reactions.moment
        WHERE owner IS NOT NULL AND actor <> reactions.receiver
    """,
    "given": """
        SELECT giving_bucket AS bucket, giving_owner AS owner, moment AS at, kind, receiver FROM reactions
        WHERE owner IS NOT NULL AND giving_owner IS NOT NULL AND actor <> receiver
        UNION ALL
        SELECT giving.bucket, giving.arrival, recalled.at, kind, receiver
        FROM recalled JOIN listed_accounts giving USING (actor)
    """,
    "audiences": f"""
        SELECT listed_accounts.bucket, arrival AS owner, epoch_us(observed_at) AS at, hash(dimension) AS dimension,
               hash(dimension || chr({ord(SLICE_SEPARATOR)}) || audiences.bucket) AS slice, {_numbers("share")}
        FROM audiences JOIN listed_accounts USING (account_id)
    """,
    "followers": f"""
        SELECT bucket, arrival AS owner, epoch_us(observed_at) AS at,
               {_numbers("followers", "following", "posts", "has_picture", "is_private")}
        FROM followers JOIN listed_accounts USING (account_id)
    """,
    "outcomes": f"""
        SELECT bucket, arrival AS owner, epoch_us(closed_at) AS at, hash(campaign_id) AS campaign,
               epoch_us(decided_at) AS decided_at, (list_position({list(GOALS)}, goal) - 1)::BIGINT AS goal,
               hash(vertical) AS vertical, hash(brand_id) AS brand,
               posted_at IS NOT NULL AS posted, {_number("epoch_us(posted_at)")} AS posted_at,
               {_numbers("actions", "impressions", "clicks")}, {_number("incremental_actions")} AS incremental,
               {_numbers("fee", "value_per_action")}
        FROM outcomes JOIN listed_accounts USING (account_id) JOIN listed_campaigns USING (campaign_id)
    """,
}

WHOLE = {
    "accounts": (
        """
        SELECT account_id, influencer_id, platform, country, language, created_at, bucket, actor,
               row_number() OVER (PARTITION BY bucket ORDER BY influencer_id, account_id) - 1 AS owner,
               dense_rank() OVER (PARTITION BY bucket ORDER BY influencer_id) - 1 AS influencer, arrival
        FROM listed_accounts
        """,
        "bucket, owner",
    ),
    "campaigns": ("FROM listed_campaigns", "campaign_id"),
    "campaign_audience": ("FROM campaign_audience", "ALL"),
    "activations": (
        """
        SELECT campaign_id, account_id, decided_at, fee, goal, value_per_action, actions::DOUBLE AS actions,
               incremental_actions, posted_at IS NOT NULL AS posted, closed_at, propensity
        FROM outcomes JOIN listed_campaigns USING (campaign_id)
        """,
        "decided_at, campaign_id, account_id, closed_at, actions, fee",
    ),
    "slices": ("SELECT DISTINCT dimension, bucket FROM audiences SEMI JOIN listed_accounts USING (account_id)", "ALL"),
    "follower_labels": (
        """
        SELECT follower_id, observed_at, followers::DOUBLE AS followers, following::DOUBLE AS following,
               posts::DOUBLE AS posts, has_picture::DOUBLE AS has_picture, is_private::DOUBLE AS is_private,
               fake::DOUBLE AS fake
        FROM followers SEMI JOIN listed_accounts USING (account_id) WHERE fake IS NOT NULL
        """,
        "ALL",
    ),
}
"""The tables of a store that are read whole, and their order."""

CORRECTED = """
SELECT stored.* REPLACE (
    CASE WHEN generic = 0 AND stored.at > first_at THEN 1.0 ELSE generic END AS generic,
    stored.reciprocal OR coalesce(judged.reciprocal, false) AS reciprocal,
    greatest(stored.pod_links, coalesce(judged.pod_links, 0.0)) AS pod_links)
FROM stored LEFT JOIN changed USING (text)
LEFT JOIN listed_accounts receiving ON receiving.bucket = {bucket} AND arrival = owner
LEFT JOIN judged ON giver = stored.actor AND judged.receiver = receiving.actor AND judged.moment = stored.at
"""
"""Stored interactions as they are once rows have come late: what is said of a reaction only ever becomes more."""
