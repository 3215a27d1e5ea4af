"""Codes that seem to be used by others than the influencer's audience: a reason to look, not a verdict."""

from __future__ import annotations

from typing import Any

from features.problems import fetch

LEAK_SHARE = 0.02
"""Orders per follower above which a code is flagged: one for every fifty, many times what posts usually bring."""
COUPON_SITES = (
    "coupon",
    "voucher",
    "promocode",
    "retailmenot",
    "honey",
    "slickdeals",
    "groupon",
    "dealspotr",
    "mydealz",
)
"""Parts of the names of sites that spread discount codes."""


def leaks(connection: Any) -> list[str]:
    """Say which activations and codes bring more than the audience explains, in words; nothing is taken away.

    Looks at the tables that `outcomes.make_outcomes` leaves behind.
    """
    sites = "|".join(COUPON_SITES)
    crowded = fetch(
        connection,
        f"""
        SELECT a.campaign_id, a.account_id, a.actions, s.followers FROM judged AS a
        ASOF JOIN (SELECT account_id, observed_at, followers FROM merged.account_stats) AS s
          ON s.account_id = a.account_id AND s.observed_at <= a.closes
        WHERE a.kind = 'sale' AND a.actions > s.followers * {LEAK_SHARE} AND a.actions >= 10 ORDER BY 3 DESC
        """,
    )
    early = fetch(
        connection,
        """
        SELECT k.code, count(*), min(v.at), min(a.opens) FROM merged.conversions AS v
        JOIN merged.codes AS k ON k.code = v.code
        JOIN activations AS a ON (k.account_id = a.account_id OR k.influencer_id = a.influencer_id)
         AND coalesce(k.campaign_id = a.campaign_id, true)
        GROUP BY k.code HAVING min(v.at) < min(a.opens) ORDER BY 2 DESC
        """,
    )
    spread = fetch(
        connection,
        f"SELECT coalesce(code, account_id), count(*), any_value(referrer) FROM attributed "
        f"WHERE regexp_matches(lower(referrer), '{sites}') GROUP BY ALL ORDER BY 2 DESC",
    )
    return [
        *(
            f"{campaign}/{account}: {actions:,} orders for {followers:,} followers, more than one for every fifty; "
            "look whether the code has leaked"
            for campaign, account, actions, followers in crowded
        ),
        *(
            f"code {code}: used from {first:%Y-%m-%d} on, before the first post of {opens:%Y-%m-%d}; "
            "look who else has it"
            for code, _, first, opens in early
        ),
        *(
            f"{code}: {count:,} conversions came from sites such as {site}; look whether the code is listed there"
            for code, count, site in spread
        ),
    ]
