"""Outcomes: who was hired, joined with what was counted, where it is known that everything was counted.

A number that nobody counted is not zero. An activation gets an outcome only where the exports cover its attribution
window from its first to its last day, whatever was counted in it is final, and something says whose it is: a code, a
link or the partner that a conversion names. The others are left out, and counted by the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from features.importers.leaks import leaks
from features.importers.staging import KINDS
from features.problems import fetch, literal

if TYPE_CHECKING:
    import datetime as dt


@dataclass
class OutcomeReport:
    """What became of the activations, and what looks odd.

    Attributes
    ----------
    made
        How many outcomes were made of activations.
    left_out
        Reason to the number of activations, and up to five examples.
    notes
        What was assumed, in words.
    flags
        Codes that seem to be used by others than the influencer's audience, in words.
    """

    made: int = 0
    left_out: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


def make_outcomes(connection: Any, covers: dict[str, list[tuple[dt.datetime, dt.datetime]]]) -> OutcomeReport:
    """Add outcomes of activations to `merged.outcomes`; outcomes that were imported as such stay as they are.

    Parameters
    ----------
    covers
        Kind of conversion to the spans of time that exports cover.
    """
    report = OutcomeReport()
    hired = "SELECT 1 FROM merged.activations UNION ALL SELECT 1 FROM merged.campaign_posts LIMIT 1"
    if not fetch(connection, hired):
        return report
    _activations(connection, report)
    _take_back(connection)
    _attribute(connection)
    _measure(connection, covers)
    reasons = " ".join(f"WHEN {condition} THEN {literal(why)}" for condition, why in _REASONS)
    fetch(connection, f"CREATE TABLE judged AS SELECT *, CASE {reasons} END AS reason FROM measured")
    for reason, count, examples in fetch(
        connection,
        "SELECT reason, count(*), list(campaign_id || '/' || account_id ORDER BY campaign_id, account_id)[:5] "
        "FROM judged WHERE reason IS NOT NULL GROUP BY ALL ORDER BY 2 DESC",
    ):
        report.left_out[reason] = (count, examples)
    fetch(
        connection,
        "INSERT INTO merged.outcomes BY NAME SELECT campaign_id, account_id, decided_at, posted_at, fee, "
        "views AS impressions, clicks, actions, closed_at, propensity, incremental_actions FROM judged "
        "WHERE reason IS NULL",
    )
    report.made = fetch(connection, "SELECT count(*) FROM judged WHERE reason IS NULL")[0][0]
    _notes(connection, report)
    report.flags = leaks(connection)
    return report


def _activations(connection: Any, report: OutcomeReport) -> None:
    """Make the table of activations with their campaign and window, from lists of those hired and from their posts."""
    fetch(
        connection,
        """
        CREATE TABLE activations AS
        WITH posted AS (
            SELECT campaign_id, account_id, min(published_at) AS posted_at FROM merged.campaign_posts GROUP BY ALL
        ),
        paid AS (SELECT campaign_id, influencer_id, sum(amount) AS amount FROM merged.payments GROUP BY ALL),
        hired AS (
            SELECT campaign_id, account_id, a.decided_at, coalesce(a.posted_at, p.posted_at) AS posted_at, a.fee,
                   a.propensity, a.incremental_actions
            FROM merged.activations AS a FULL JOIN posted AS p USING (campaign_id, account_id)
        )
        SELECT h.* EXCLUDE (fee, decided_at), o.influencer_id,
               -- What an influencer was paid for a campaign is shared evenly among the accounts that took part.
               coalesce(h.fee, paid.amount / count(*) OVER (PARTITION BY h.campaign_id, o.influencer_id)) AS fee,
               h.decided_at IS NULL AS assumed,
               coalesce(h.decided_at, least(c.starts_at, h.posted_at)) AS decided_at,
               c.goal, c.attribution_days, c.campaign_id IS NOT NULL AS has_campaign,
               h.posted_at AS opens,
               greatest(coalesce(h.posted_at, c.ends_at, c.starts_at), coalesce(h.decided_at, c.starts_at))
                   + to_days(c.attribution_days::INTEGER) AS closes
        FROM hired AS h
        LEFT JOIN merged.campaigns AS c USING (campaign_id)
        LEFT JOIN merged.accounts AS o USING (account_id)
        LEFT JOIN paid ON paid.campaign_id = h.campaign_id AND paid.influencer_id = o.influencer_id
        WHERE (h.campaign_id, h.account_id) NOT IN (SELECT (campaign_id, account_id) FROM merged.outcomes)
        """,
    )
    assumed = fetch(connection, "SELECT count(*) FROM activations WHERE assumed AND decided_at IS NOT NULL")[0][0]
    if assumed:
        report.notes.append(
            f"{assumed:,} activations name no moment of decision; their campaign's start is taken, or their first post "
            "where that was earlier (to say better: a file activations.csv with decided_at)"
        )


def _take_back(connection: Any) -> None:
    """Make the table of conversions without cancellations: an order that was cancelled as a whole is reversed.

    A cancellation is a conversion of a negative amount; of an order that was cancelled in part something is left.
    """
    fetch(
        connection,
        """
        CREATE TABLE conversions AS
        WITH cancelled AS (
            SELECT order_id, sum(amount) < 0.005 AS whole, max("at") FILTER (WHERE amount < 0) AS cancelled_at
            FROM merged.conversions WHERE order_id IS NOT NULL AND status <> 'reversed'
            GROUP BY order_id HAVING min(amount) < 0
        )
        SELECT v.* REPLACE (CASE WHEN c.whole THEN 'reversed' ELSE v.status END AS status,
                            greatest(v.locked_at, c.cancelled_at) AS locked_at)
        FROM merged.conversions AS v LEFT JOIN cancelled AS c USING (order_id)
        WHERE coalesce(v.amount >= 0, true)
        """,
    )


def _attribute(connection: Any) -> None:
    """Give each conversion to one activation: the one that its code or partner names and whose window it falls into.

    Where windows overlap, the one that opened last has it.
    """
    fetch(
        connection,
        """
        CREATE TABLE owned AS
        SELECT v.* REPLACE (coalesce(o.account_id, k.account_id, p.account_id) AS account_id,
                            coalesce(v.campaign_id, k.campaign_id) AS campaign_id),
               v.account_id AS partner
        FROM conversions AS v
        LEFT JOIN merged.accounts AS o ON o.account_id = v.account_id
        LEFT JOIN merged.codes AS k
          ON k.code = CASE WHEN o.account_id IS NULL AND v.influencer_id IS NULL THEN v.code END
        LEFT JOIN merged.accounts AS p  -- all accounts of an influencer
          ON p.influencer_id = CASE WHEN o.account_id IS NULL AND k.account_id IS NULL
                                    THEN coalesce(v.influencer_id, k.influencer_id) END
        """,
    )
    fetch(
        connection,
        """
        CREATE TABLE attributed AS
        SELECT conversion_id, any_value(kind) AS kind, any_value("at") AS at, any_value(status) AS status,
               any_value(code) AS code, any_value(coalesce(actions, 1)) AS actions, any_value(locked_at) AS locked_at,
               any_value(referrer) AS referrer,
               arg_max(campaign, opens) AS campaign_id, arg_max(account, opens) AS account_id
        FROM (
            SELECT v.* EXCLUDE (campaign_id, account_id), a.campaign_id AS campaign, a.account_id AS account, a.opens
            FROM owned AS v JOIN activations AS a
              ON v.account_id = a.account_id AND coalesce(v.campaign_id = a.campaign_id, true)
             AND v.at >= a.opens AND v.at < a.closes
        )
        GROUP BY conversion_id
        """,
    )


def _measure(connection: Any, covers: dict[str, list[tuple[dt.datetime, dt.datetime]]]) -> None:
    """Make the table of activations with what was counted for each, and what is known of the counting."""
    fetch(connection, "CREATE TABLE spans (kind VARCHAR, first TIMESTAMP, last TIMESTAMP)")
    for kind, spans in covers.items():
        for first, last in joined(spans):
            connection.execute("INSERT INTO spans VALUES (?, ?, ?)", [kind, first, last])
    kinds = " ".join(f"WHEN {literal(goal)} THEN {literal(kind)}" for goal, kind in KINDS.items())
    fetch(
        connection,
        f"""
        CREATE TABLE measured AS
        WITH readings AS (  -- of each post the first reading after the window, else the last one
            SELECT m.campaign_id, m.account_id, m.post_id,
                   arg_min(p, (p.observed_at < a.closes, CASE WHEN p.observed_at < a.closes
                       THEN -epoch_us(p.observed_at) ELSE epoch_us(p.observed_at) END)) AS p
            FROM merged.campaign_posts AS m
            JOIN activations AS a USING (campaign_id, account_id)
            JOIN merged.posts AS p ON p.post_id = m.post_id
            GROUP BY ALL
        ),
        counts AS (
            SELECT campaign_id, account_id, min(p.observed_at) AS read_at,
                   CASE WHEN count(p.views) = count(*) THEN sum(p.views) END AS views,
                   CASE WHEN count(p.clicks) = count(*) THEN sum(p.clicks) END AS clicks,
                   CASE WHEN count(p.likes) = count(*) AND count(p.comments) = count(*)
                        THEN sum(p.likes + p.comments + coalesce(p.shares, 0) + coalesce(p.saves, 0)) END AS engagements
            FROM readings GROUP BY ALL
        ),
        converted AS (
            SELECT campaign_id, account_id, kind,
                   coalesce(sum(actions) FILTER (WHERE status = 'approved'), 0) AS approved,
                   count(*) FILTER (WHERE status = 'pending') AS pending, max(locked_at) AS locked_at
            FROM attributed GROUP BY ALL
        ),
        traces AS (  -- whose sales would be seen: by a code, or because conversions name them
            SELECT DISTINCT account_id, NULL AS campaign_id FROM owned
            WHERE account_id = partner OR influencer_id IS NOT NULL
            UNION SELECT coalesce(k.account_id, p.account_id), k.campaign_id FROM merged.codes AS k
            LEFT JOIN merged.accounts AS p ON k.account_id IS NULL AND p.influencer_id = k.influencer_id
        ),
        joined AS (
            SELECT a.*, c.views, c.clicks, c.engagements, c.read_at, v.approved, coalesce(v.pending, 0) AS pending,
                   v.locked_at, CASE a.goal {kinds} END AS kind
            FROM activations AS a
            LEFT JOIN counts AS c USING (campaign_id, account_id)
            LEFT JOIN converted AS v
              ON v.campaign_id = a.campaign_id AND v.account_id = a.account_id AND v.kind = CASE a.goal {kinds} END
        )
        SELECT j.*,
               EXISTS (SELECT 1 FROM spans AS s WHERE s.kind = j.kind AND s.first::DATE <= j.opens::DATE + 1
                       AND s.last >= j.closes - INTERVAL 1 DAY) AS covered,
               EXISTS (SELECT 1 FROM spans AS s WHERE s.kind = j.kind) AS has_kind,
               EXISTS (SELECT 1 FROM traces AS t WHERE t.account_id = j.account_id
                       AND coalesce(t.campaign_id = j.campaign_id, true)) AS traceable,
               CASE WHEN j.posted_at IS NULL THEN 0
                    WHEN j.goal = 'awareness' THEN j.views
                    WHEN j.goal = 'engagement' THEN j.engagements
                    WHEN j.goal = 'traffic' AND j.clicks IS NOT NULL THEN j.clicks
                    ELSE coalesce(j.approved, 0) END AS actions,
               greatest(j.closes, j.locked_at) AS closed_at
        FROM joined AS j
        """,
    )


_BY_POSTS = "(goal IN ('awareness', 'engagement') OR (goal = 'traffic' AND clicks IS NOT NULL))"
_REASONS = (
    ("NOT has_campaign", "their campaign is not in the table campaigns: write campaigns.csv and import it"),
    ("decided_at IS NULL", "nobody says when they were decided: give decided_at in activations.csv"),
    (
        "posted_at IS NOT NULL AND goal IN ('awareness', 'engagement') AND actions IS NULL",
        "the counts of their posts are not known: export the posts with views, likes and comments",
    ),
    (
        f"posted_at IS NOT NULL AND {_BY_POSTS} AND coalesce(read_at < closes, true)",
        "their posts were read before the attribution window ended: export the posts again later",
    ),
    (
        f"posted_at IS NOT NULL AND NOT {_BY_POSTS} AND NOT has_kind",
        "no export says what was ordered, signed up for or clicked: import orders, actions or sessions",
    ),
    (
        f"posted_at IS NOT NULL AND NOT {_BY_POSTS} AND NOT covered",
        "what was imported does not cover their window; export from before the first post to after it, --exported-at",
    ),
    (
        f"posted_at IS NOT NULL AND NOT {_BY_POSTS} AND NOT traceable",
        "no code, link or partner of theirs is known, so no sale could have been seen: import codes.csv",
    ),
    (
        f"posted_at IS NOT NULL AND NOT {_BY_POSTS} AND pending > 0",
        "some of their conversions are still pending: import a later export",
    ),
)


def joined(spans: list[tuple[dt.datetime, dt.datetime]]) -> list[tuple[dt.datetime, dt.datetime]]:
    """Return spans of time with those made one that overlap or follow each other by a day."""
    found: list[tuple[dt.datetime, dt.datetime]] = []
    for first, last in sorted(spans):
        if found and (first.date() - found[-1][1].date()).days <= 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _notes(connection: Any, report: OutcomeReport) -> None:
    """Say which conversions belong to nobody."""
    unknown, partners = fetch(
        connection,
        "SELECT count(DISTINCT code) FILTER (WHERE account_id IS NULL), "
        "list(DISTINCT partner) FILTER (WHERE partner IS NOT NULL AND partner NOT IN "
        "(SELECT account_id FROM merged.accounts)) FROM owned",
    )[0]
    if unknown:
        report.notes.append(f"{unknown:,} codes in conversions are given to nobody (codes.csv says whose they are)")
    if partners:
        listed = ", ".join(sorted(partners)[:5])
        report.notes.append(
            f"{len(partners):,} partners in conversions have no account; name it with --accounts map.csv "
            f"(columns name, account_id): {listed}"
        )
