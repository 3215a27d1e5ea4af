"""One fold of the backtest: a model and the usual rules as of one moment, and what they say of later pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from training.evaluate import BASE_RATE, GOAL_RATE, UNKNOWN, size_tier
from training.forecast import foretold
from training.importance import rises
from training.policies import (
    MODEL,
    MODEL_LIKELIHOOD,
    MODEL_VALUE,
    ORACLE,
    PER_FEE,
    SIMPLE,
    OneScore,
    by_likelihood,
    by_money,
    per_fee,
    simple_scores,
)
from training.propensity import VISIBLE
from training.usual import Usual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.progress import Progress
    from serving.distribution import ActionDistribution
    from training.model import ActionModel

INTERVAL = 0.9  # coverage of the intervals of actions that are judged
_CHUNK_ROWS = 50_000  # candidates whose features are in memory at a time


class Candidates(Protocol):
    """All whom campaigns could have hired, built on demand."""

    def candidates(self, campaign_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return all candidates of these campaigns, and their features in the same order.

        The first frame has campaign_id, account_id, decided_at, fee, at_least and, of a simulated marketplace, the true
        expected_actions and likelihood (of at_least actions).
        """


class Accounts(Protocol):
    """Accounts that become candidates once it is known what they ask; see `training.candidates.KnownAccounts`."""

    @property
    def size(self) -> int:
        """Return how many there are."""

    def at(self, rows: pd.DataFrame, X: pd.DataFrame, decided: pd.DataFrame) -> Candidates:
        """Return them as candidates of the campaigns of `decided`, from past activations and their features."""


class Judged(NamedTuple):
    """What a fold says of all candidates of its campaigns.

    Parameters
    ----------
    hired : the rows of those hired, with the truth about them where it is known
    everyone : all candidates, as `evaluate` takes them where the truth is known, and as `earned` does
    too_early : campaigns left out because their candidates stood before the fold's training ended
    """

    hired: pd.DataFrame
    everyone: pd.DataFrame
    too_early: int


@dataclass(frozen=True)
class Fold:
    """The model and the usual rules, fitted on what was known at one moment."""

    model: ActionModel
    rules: dict[str, OneScore]
    usual: Usual
    base_rate: float
    seed: int

    @classmethod
    def fit(cls, model: ActionModel, rows: pd.DataFrame, X: pd.DataFrame, *, seed: int) -> Self:
        """Learn from activations with the column `outcome` (1 where they brought what was asked for)."""
        fitted = clone(model).fit(
            X,
            rows["actions"],
            decided_at=rows["decided_at"],
            closed_at=rows["closed_at"],
            posted=rows["posted"],
            incremental_actions=rows.get("incremental_actions"),
            campaign_id=rows["campaign_id"],
        )
        reached = rows["outcome"].to_numpy(dtype=np.float64)
        scores = simple_scores(rows, X, seed=seed)
        rules = {
            rule.name: OneScore(is_log=rule.is_log).fit(scores[rule.name], rows["goal"], reached) for rule in SIMPLE
        }
        # Half a row of each outcome: no share of finitely many rows is certain.
        base_rate = float((reached.sum() + 0.5) / (len(reached) + 1.0))
        return cls(fitted, rules, Usual.of(rows["goal"], rows["actions"]), base_rate, seed)

    def hired(self, rows: pd.DataFrame, X: pd.DataFrame) -> pd.DataFrame:
        """Return activations with what the model and every rule say of them."""
        answers = self.model.bundle_.distribution(X)
        low, high = answers.interval(INTERVAL)
        incremental, incremental_low, incremental_high = self.model.bundle_.incremental(
            X["goal"].to_numpy(dtype=object), answers
        )
        said = self._said(rows, X, answers)
        return rows.assign(
            likelihood=said[f"likelihood_{MODEL}"],
            expected_actions=answers.expected(),
            actions_low=low,
            actions_high=high,
            expected_incremental_actions=incremental,
            incremental_low=incremental_low,
            incremental_high=incremental_high,
            support=self.model.bundle_.support(X),
            platform=X["platform"].fillna(UNKNOWN).to_numpy() if "platform" in X else UNKNOWN,
            tier=size_tier(np.expm1(said["score_followers"])),
            **foretold(answers, rows, self.usual),
            **rises(
                self.model.bundle_,
                X,
                rows["actions"].to_numpy(np.float64),
                [rows["at_least"].to_numpy(np.float64), *self.usual.thresholds(rows["goal"])],
                seed=self.seed,
            ),
            **said,
        )

    def candidates(self, hired: pd.DataFrame, source: Candidates, *, progress: Progress) -> Judged:
        """Judge all candidates of the campaigns of `hired`, some campaigns at a time."""
        start = hired["decided_at"].min()
        values = hired.groupby("campaign_id")["value_per_action"].first()
        left, chunk = list(values.index), 1
        everyone, truths, too_early, done = [], [], 0, 0
        while left:
            names, left = left[:chunk], left[chunk:]
            pairs, X = source.candidates(names)
            pairs, X = pairs.reset_index(drop=True), X.reset_index(drop=True)
            pairs["value_per_action"] = pairs["campaign_id"].map(values)
            pairs["goal"] = X["goal"]
            pairs["decided_at"] = pd.to_datetime(pairs["decided_at"], utc=True).dt.tz_localize(None)
            true = _true(pairs)
            truths.append(true[_keys(pairs).isin(_keys(hired))])
            early = pairs.groupby("campaign_id")["decided_at"].transform("min") < start
            too_early += int(pairs["campaign_id"][early].nunique())
            keep = ~early.to_numpy()
            everyone.append(self._everyone(pairs[keep], X[keep], true[keep]))
            done += len(pairs)
            chunk = max(1, int(_CHUNK_ROWS / max(len(pairs) / len(names), 1)))
            progress(f"judged {done:,} candidates", 1.0 - len(left) / len(values))
        known = pd.concat(truths).drop_duplicates(["campaign_id", "account_id"])
        merged = hired.reset_index(names="row").merge(known, on=["campaign_id", "account_id"], how="left")
        return Judged(merged.set_index("row"), pd.concat(everyone, ignore_index=True), too_early)

    def _everyone(self, pairs: pd.DataFrame, X: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `Judged.everyone`; single precision, as they are many."""
        answers = self.model.bundle_.distribution(X)
        figures = self._said(pairs, X, answers) | {
            "fee": pairs["fee"],
            "expected_value": answers.expected() * pairs["value_per_action"].to_numpy(dtype=np.float64),
        }
        figures |= {name: X[name] for name in VISIBLE if name in X}
        if "likelihood" in pairs:
            figures |= {
                "outcome": pairs["likelihood"],
                "actions": pairs["expected_actions"],
                "value": pairs["expected_actions"] * pairs["value_per_action"],
                f"score_{ORACLE}": true[f"score_{ORACLE}"],
                f"score_{ORACLE}{PER_FEE}": true[f"score_{ORACLE}{PER_FEE}"],
                f"likelihood_{ORACLE}": true[f"likelihood_{ORACLE}"],
            }
        numbers = pd.DataFrame(figures, index=pairs.index).astype(np.float32)
        return pd.concat([pairs[["campaign_id", "account_id", "goal", "decided_at"]], numbers], axis=1)

    def _said(self, pairs: pd.DataFrame, X: pd.DataFrame, answers: ActionDistribution) -> dict[str, Any]:
        """Return score and likelihood of each policy; pairs has at_least, fee and value_per_action."""
        likelihood, expected = answers.likelihood(pairs["at_least"].to_numpy()), answers.expected()
        ordered = by_likelihood(likelihood, expected)
        value = expected * pairs["value_per_action"].to_numpy(dtype=np.float64)
        fee = pairs["fee"].to_numpy(dtype=np.float64)
        campaign = _campaign(pairs)
        simple = simple_scores(pairs, X, seed=self.seed)
        said = {
            f"score_{MODEL}": by_money(campaign, value - fee, ordered),
            f"score_{MODEL}{PER_FEE}": per_fee(campaign, value, fee, ordered),
            f"score_{MODEL_LIKELIHOOD}": ordered,
            f"score_{MODEL_VALUE}": by_money(campaign, value, ordered),
        }
        said |= {f"score_{name}": score for name, score in simple.items()}
        said[f"likelihood_{MODEL}"] = likelihood
        said |= {
            f"likelihood_{name}": rule.likelihood(simple[name], pairs["goal"]) for name, rule in self.rules.items()
        }
        said[f"likelihood_{GOAL_RATE}"] = self.usual.likelihood(pairs["goal"], pairs["at_least"].to_numpy(np.float64))
        said[f"likelihood_{BASE_RATE}"] = np.full(len(pairs), self.base_rate)
        return said


def _true(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the truth about pairs, nothing but their keys where it is not known."""
    keys = pairs[["campaign_id", "account_id"]]
    if "likelihood" not in pairs:
        return keys
    expected = pairs["expected_actions"].to_numpy(dtype=np.float64)
    value = expected * pairs["value_per_action"].to_numpy(dtype=np.float64)
    fee = pairs["fee"].to_numpy(dtype=np.float64)
    campaign = _campaign(pairs)
    return keys.assign(
        **{
            f"score_{ORACLE}": by_money(campaign, value - fee, expected),
            f"score_{ORACLE}{PER_FEE}": per_fee(campaign, value, fee, expected),
            f"likelihood_{ORACLE}": pairs["likelihood"].to_numpy(dtype=np.float64),
        }
    )


def _campaign(pairs: pd.DataFrame) -> Any:
    return pd.factorize(pairs["campaign_id"])[0].astype(np.int64)


def _keys(pairs: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(pairs[["campaign_id", "account_id"]])
