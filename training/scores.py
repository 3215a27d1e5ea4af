"""The card of one account: its social scores with their parts, its topics, and the statement of its points."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd
from rich.console import Console

from features import open_tables
from features.briefs import microseconds
from features.codes import code
from features.errors import DataError, nearest
from features.known import KnownAccount
from features.social_scores import GENERAL, standing_at, statement
from training import console

if TYPE_CHECKING:
    from features.social_scores import ByTopic, Standing
    from features.store import EventStore

_ROWS = (
    ("Klout", "klout.score", ".0f", "1 to 100, the form of 2009: rank by the three parts below"),
    ("  reach", "klout.reach", ".2f", "log1p of followers that do not look fake"),
    ("  amplification", "klout.amplification", ".2f", "log1p of shares and mentions, 90 days"),
    ("  network", "klout.network", ".2f", "mean log1p of the followers of those who react, 90 days"),
    ("Klout, networks", "klout.networks", ".0f", "0 to 100, the form of 2015: all accounts of the influencer"),
    ("  this account", "klout.strength", ".0f", "0 to 100, rank on its platform by reactions, 90 days"),
    ("Kred influence", "kred.influence", ".0f", "0 to 1,000, points against the most in {community}, 90 days"),
    ("  points", "kred.points", ",.0f", "for replies, mentions and reshares received, 90 days"),
    ("Kred outreach", "kred.outreach", ".0f", "level, for all that the account ever did for others"),
    ("  points", "kred.points_given", ",.0f", "10 for each action"),
    ("PeerIndex", "peerindex.score", ".0f", "0 to 100: 0.6 authority + 0.2 audience + 0.2 activity"),
    ("  authority", "peerindex.authority", ".0f", "0 to 100, rank by endorsements in each topic, 120 days"),
    ("  audience", "peerindex.audience", ".0f", "0 to 100, rank by followers neither fake nor inactive"),
    ("  activity", "peerindex.activity", ".0f", "0 to 100, rank by posts in each topic, 90 days"),
    ("Followers", "also.followers", ",.0f", "the last reading"),
    ("Engagement rate", "also.engagement_rate", ".2%", "(likes + comments) / followers, median of 90 days"),
    ("Earned media value", "also.earned_media_value", ",.0f", "views of 90 days at {cpm:g} per 1,000; no standard"),
)

_FORMATS = dict.fromkeys(("strength", "authority", "endorsements", "activity", "posts", "points"), ",.0f")


@dataclass(frozen=True)
class Card:
    """What is known of one account's scores at a moment.

    Attributes
    ----------
    facts : dict
        Plain values, as `impel scores --json` prints them; NaN where unknown.
    """

    facts: dict[str, Any]

    def show(self) -> None:
        """Print it for people, as tables that fit the width."""
        facts, screen = self.facts, Console()
        total, actions = facts["statement"]["total"], facts["statement"]["actions"]
        tables = {
            f"{facts['account_id']} on {facts['platform']}, as of {facts['as_of']} UTC": self._overview(),
            "Klout: the accounts of the influencer": facts["klout"]["accounts"],
            "PeerIndex by topic": facts["peerindex"]["topics"],
            f"Kred statement: the newest {len(actions):,} of {total:,} actions": actions,
        }
        for title, rows in tables.items():
            if rows:
                click.echo(f"\n{title}")
                console.shown(pd.DataFrame(rows), screen, formats=_FORMATS)

    def _overview(self) -> list[dict[str, str]]:
        facts = self.facts
        said = {"community": facts["kred"]["community"], "cpm": facts["also"]["cpm"]}
        rows = [(name, _picked(facts, path), form, text.format(**said)) for name, path, form, text in _ROWS]
        rows += [
            (f"Past {past['goal']}", past["mean_actions"], ",.1f", f"mean actions, {past['activations']} closed")
            for past in facts["also"]["past"]
        ]
        values = ["-" if np.isnan(value) else format(value, form) for _, value, form, _ in rows]
        width = max(map(len, values))
        return [
            {"score": name, "value": value.rjust(width), "what it is": text}
            for (name, _, _, text), value in zip(rows, values, strict=True)
        ]


def card(
    store: EventStore, source: str, *, account: str, as_of: pd.Timestamp | None, statement_rows: int, cpm: float
) -> Card:
    """Work out the card of an account as of exactly one moment, not of the last publication before it.

    Parameters
    ----------
    store : EventStore
        Prepared from `source`.
    source : str
        Where the tables are: the statement names who acted, which the store does not know.
    account : str
    as_of : Timestamp, optional
        UTC, without a zone; by default the newest moment of the data.
    statement_rows : int
        How many of the newest actions of Kred's statement to name.
    cpm : float
        What a thousand impressions cost, for the earned media value.

    Raises
    ------
    DataError
        Where the account is unknown, or the data hold no moment.
    """
    row = store.row_of.get(account)
    if row is None:
        raise DataError(f"There is no account {account!r} in the data.{nearest(account, islice(store.row_of, 10_000))}")
    moment = store.newest if as_of is None else as_of
    if moment is pd.NaT:
        raise DataError("The data hold no event at all; give --as-of TIME.")
    at = int(microseconds(pd.Series([moment]))[0])
    with open_tables(source) as tables:
        rows = statement(tables, account, as_of=moment)
        posted = tables.connection.execute("SELECT topics FROM posts WHERE account_id = ?", [account]).fetchall()
    standing = standing_at(store, at)
    words = {code(word): word for (topics,) in posted for word in topics or () if word is not None}
    own = store.accounts.iloc[row]
    language = f" in {own['language']}" if isinstance(own["language"], str) else ""
    facts = {
        "account_id": account,
        "influencer_id": own["influencer_id"],
        "platform": own["platform"],
        "as_of": moment.isoformat(sep=" ", timespec="seconds"),
        **_scores(standing, row, words | {GENERAL: "(general)"}),
        "also": _also(store, own, at, cpm) | {"past": _past(store, account, moment)},
        "statement": {"total": len(rows), "actions": _actions(rows.head(statement_rows))},
    }
    facts["kred"]["community"] = f"{own['platform']}{language}"
    facts["klout"]["accounts"] = _siblings(store, standing, own)
    return Card(facts)


def _scores(standing: Standing, row: int, words: dict[int, str]) -> dict[str, Any]:
    known = standing.accounts.iloc[row]
    klout = ("score", "reach", "amplification", "network", "networks", "strength")
    return {
        "klout": {name: known[f"klout_{name}"] for name in klout},
        "kred": {
            **{name: known[f"kred_{name}"] for name in ("influence", "outreach")},
            "points": known["points"],
            "points_given": known["given"],
        },
        "peerindex": {
            "score": known["peerindex"],
            **{name: known[f"peerindex_{name}"] for name in ("authority", "audience", "activity")},
            "topics": _topics(standing, row, words),
        },
    }


def _topics(standing: Standing, row: int, words: dict[int, str]) -> list[dict[str, Any]]:
    def of(by_topic: ByTopic, rank: str, amount: str) -> pd.DataFrame:
        mine = by_topic.account == row
        topic = [words[code] for code in by_topic.topic[mine].tolist()]
        return pd.DataFrame({"topic": topic, rank: by_topic.rank[mine], amount: by_topic.amount[mine]})

    both = of(standing.authority, "authority", "endorsements").merge(
        of(standing.activity, "activity", "posts"), on="topic", how="outer"
    )
    both = both.fillna({"endorsements": 0.0, "posts": 0.0})
    both = both.sort_values(["endorsements", "posts", "topic"], ascending=[False, False, True])
    return list(both.to_dict("records"))


def _siblings(store: EventStore, standing: Standing, own: pd.Series) -> list[dict[str, Any]]:
    mine = (store.accounts["influencer_id"] == own["influencer_id"]).to_numpy()
    accounts = store.accounts.loc[mine, ["account_id", "platform"]]
    return list(accounts.assign(strength=standing.accounts.loc[mine, "klout_strength"]).to_dict("records"))


def _also(store: EventStore, own: pd.Series, at: int, cpm: float) -> dict[str, Any]:
    """Return what marketers ask besides."""
    bucket = store.bucket(int(own["bucket"]))
    known = KnownAccount(bucket, np.array([own["owner"]], np.int64), np.array([at]))
    views = known.posts.recent(90).sum(bucket.events["posts"].numbers("views"))[0]
    return {
        "followers": known.followers[0],
        "engagement_rate": known.rated_posts.recent(90).median(bucket.engagement_rate)[0],
        "earned_media_value": views * cpm / 1_000,
        "cpm": cpm,
    }


def _past(store: EventStore, account: str, moment: pd.Timestamp) -> list[dict[str, Any]]:
    """Average the account's own closed outcomes, goal by goal: an order and an impression are no equals."""
    made = store.activations()
    made = made[(made["account_id"] == account) & (made["closed_at"] <= moment) & (made["decided_at"] < moment)]
    means = made.groupby("goal")["actions"].agg(activations="size", mean_actions="mean")
    return list(means.reset_index().to_dict("records"))


def _actions(rows: pd.DataFrame) -> list[dict[str, Any]]:
    shown = rows.assign(at=rows["at"].dt.strftime("%Y-%m-%d %H:%M:%S")).astype(object)
    return list(shown.where(shown.notna(), None).to_dict("records"))


def _picked(facts: dict[str, Any], path: str) -> float:
    group, name = path.split(".")
    return float(facts[group][name])
