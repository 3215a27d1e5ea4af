"""Kred's statement: every point with the action that earned it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.social_scores.gather import SEASON_DAYS
from features.social_scores.kred import EARNING, FOLLOWED, POINTS, POINTS_BY_THE_FOLLOWED
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    import pandas as pd

    from features.sources import Tables

_STATEMENT = f"""
SELECT interactions.at, 'influence' AS score, kind, actor_id, account_id, post_id,
       CASE WHEN actor_followers > {FOLLOWED} THEN {POINTS_BY_THE_FOLLOWED} ELSE {POINTS} END::DOUBLE AS points
FROM interactions
WHERE account_id = $account AND actor_id <> account_id AND kind IN {EARNING}
      AND interactions.at <= $moment::TIMESTAMP
      AND interactions.at > $moment::TIMESTAMP - INTERVAL {SEASON_DAYS} DAY
UNION ALL
SELECT interactions.at, 'outreach', kind, actor_id, account_id, post_id, {POINTS}::DOUBLE
FROM interactions
WHERE actor_id = $account AND actor_id <> account_id AND kind IN {INTERACTIONS}
      AND interactions.at <= $moment::TIMESTAMP
ORDER BY ALL DESC
"""


def statement(tables: Tables, account_id: str, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """List the points behind Kred's influence and outreach of one account.

    Parameters
    ----------
    tables : Tables
        The source: only it knows who acted, the store keeps numbers for names.
    account_id : str
    as_of : Timestamp
        UTC, without a zone: influence counts the 90 days before it, outreach all that was ever given.

    Returns
    -------
    DataFrame
        One row per action, the newest first: at, score ("influence" for what others did for the account, "outreach" for
        what it did for others), kind, actor_id, account_id (who received it), post_id, points. The points of each
        score add up to exactly those that the score is made of.
    """
    parameters = {"account": account_id, "moment": as_of.to_pydatetime()}
    return tables.connection.execute(_STATEMENT, parameters).df()
