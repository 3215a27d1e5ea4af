"""Rules by which a campaign could choose whom to hire: the usual ones, the model's and the best there is.

A policy gives each pair a score, higher is hired first. A rule that the data cannot feed is reported as not
available, never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression

from training.metrics import FloatArray, IntArray, per_campaign, places


@dataclass(frozen=True)
class Policy:
    """One rule.

    Parameters
    ----------
    name, label : for files, and for readers
    column : the feature that is the score; None where it is computed
    needs : what the data must have for it
    is_log : the feature is a logarithm already
    """

    name: str
    label: str
    column: str | None = None
    needs: str = ""
    is_log: bool = False


RANDOM, MODEL, ORACLE = "random", "model", "oracle"
MODEL_LIKELIHOOD, MODEL_VALUE = "model_likelihood", "model_value"
OTHER_ORDERS = (MODEL_LIKELIHOOD, MODEL_VALUE)
"""The model's figures put in another order than its own: by expected value less fee, or per fee (`spending_score`)."""
PER_FEE = "_per_fee"
SIMPLE = (
    Policy("followers", "most followers", "log_followers", "followers (table account_stats)", is_log=True),
    Policy("engagement_rate", "engagement rate", "engagement_rate_median_90d", "posts and followers (account_stats)"),
    Policy("klout", "Klout-like score", "klout_score", "followers (account_stats) or interactions"),
    Policy("kred", "Kred-like influence", "kred_influence", "interactions"),
    Policy("peerindex", "PeerIndex-like score", "peerindex", "interactions"),
    Policy("past_outcomes", "mean of own past outcomes", "past_actions_mean", "earlier outcomes of the same accounts"),
)
POLICIES = {
    policy.name: policy
    for policy in (
        Policy(MODEL, "Impel"),
        Policy(MODEL_LIKELIHOOD, "Impel, by likelihood"),
        Policy(MODEL_VALUE, "Impel, by value whatever the fee"),
        *SIMPLE,
        Policy(RANDOM, "chance"),
        Policy(ORACLE, "best possible (truth known)"),
    )
}


def keys(pairs: pd.DataFrame, *, salt: str) -> npt.NDArray[np.uint64]:
    """Return a random number per pair of campaign_id and account_id (n,), the same in whatever order the pairs come."""
    ids = pd.DataFrame({name: pairs[name].astype(object) for name in ("campaign_id", "account_id")})
    hashed: npt.NDArray[np.uint64] = pd.util.hash_pandas_object(
        ids, index=False, hash_key=f"{salt:>16}"[-16:]
    ).to_numpy()
    return hashed


def simple_scores(pairs: pd.DataFrame, X: pd.DataFrame, *, seed: int) -> dict[str, FloatArray]:
    """Return the score of each rule that needs no model (n,); a feature that X lacks is NaN throughout."""
    unknown = np.full(len(X), np.nan)
    scores = {
        policy.name: X[policy.column].to_numpy(dtype=np.float64) if policy.column in X.columns else unknown
        for policy in SIMPLE
    }
    return scores | {RANDOM: keys(pairs, salt=f"random{seed}").astype(np.float64)}


def by_money(campaign: IntArray, money: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Return the score (n,) of who hires for money: the value or net value, where it is known.

    Campaigns in which it is not known of everybody go by the score `otherwise`.

    Parameters
    ----------
    campaign : codes 0..n-1
    money : expected actions * value_per_action, with or without the fee taken off; NaN where unknown
    """
    unknown = per_campaign(campaign, np.isnan(money).astype(np.float64)) > 0
    return np.where(unknown[campaign], otherwise, money)


def per_fee(campaign: IntArray, value: FloatArray, fee: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Return the score (n,) of who hires for money while money, not places, is short: value per fee; see `by_money`."""
    free = np.where(value > 0, np.inf, 0.0)
    return by_money(
        campaign, np.divide(value, fee, out=np.where(np.isnan(fee), np.nan, free), where=fee > 0), otherwise
    )


def spending_score(rows: pd.DataFrame, policy: str) -> FloatArray:
    """Return the score (n,) by which a policy hires until its money is spent; NaN where it knows nothing.

    Who knows value and fee then hires by value per fee: with the last one hired in part, no other roster brings more
    value for the same money (the fractional knapsack: Dantzig 1957). By value less fee, the best for a number of
    places, one dear account would come before ten cheap ones that together bring more. Other rules hire as ever.
    """
    known = f"score_{policy}{PER_FEE}"
    return rows[known if known in rows else f"score_{policy}"].to_numpy(dtype=np.float64)


def by_likelihood(likelihood: FloatArray, expected: FloatArray) -> FloatArray:
    """Return the order of the likelihoods as a score (n,).

    Calibrated likelihoods are often equal, near 1 above all: the one that expects more actions then comes first.
    """
    order = np.lexsort((expected, likelihood))
    higher = (np.diff(likelihood[order], prepend=-1.0) != 0) | (np.diff(expected[order], prepend=-1.0) != 0)
    score = np.empty(len(order))
    score[order] = np.cumsum(higher)
    return score


def hire_order(pairs: pd.DataFrame, campaign: IntArray, score: FloatArray, *, seed: int) -> IntArray:
    """Return each pair's place in its campaign, 0 is hired first; NaN comes last.

    A seeded random key breaks ties, not the id: ids often follow age or size.
    """
    return places(campaign, score, keys(pairs, salt=f"tie{seed}"))


class OneScore:
    """The likelihood that one score and the goal allow to state, so that a rule can be judged like the model.

    A logistic regression on log1p of the score (or on the score, where it is a logarithm), on whether it is unknown
    and on the goal. Where the training rows all have one outcome, its share among them is the answer.
    """

    def __init__(self, *, is_log: bool) -> None:
        self.is_log = is_log

    def fit(self, score: FloatArray, goal: pd.Series, reached: FloatArray) -> Self:
        """Learn from the training rows: score (n,) with NaN for unknown, goal (n,), reached (n,) of 0 and 1."""
        x = self._transformed(score)
        known = np.isfinite(x)
        self.centre_ = float(x[known].mean()) if known.any() else 0.0
        self.scale_ = float(x[known].std()) if known.any() else 0.0
        self.goals_ = sorted(goal.dropna().unique())
        # Half a row of each outcome: no share of finitely many rows is certain.
        self.share_ = float((reached.sum() + 0.5) / (len(reached) + 1.0))
        self.model_ = None
        if len(np.unique(reached)) > 1:
            self.model_ = LogisticRegression(solver="newton-cholesky").fit(self._design(score, goal), reached)
        return self

    def likelihood(self, score: FloatArray, goal: pd.Series) -> FloatArray:
        """Return P(reached) (n,). A goal that training did not meet counts as none of those it met."""
        if self.model_ is None:
            return np.full(len(score), self.share_)
        answer: FloatArray = self.model_.predict_proba(self._design(score, goal))[:, 1]
        return answer

    def _transformed(self, score: FloatArray) -> FloatArray:
        return score if self.is_log else np.log1p(np.maximum(score, 0.0))

    def _design(self, score: FloatArray, goal: pd.Series) -> FloatArray:
        x = self._transformed(score)
        unknown = ~np.isfinite(x)
        standard = np.where(unknown, 0.0, (x - self.centre_) / (self.scale_ or 1.0))
        goals = [(goal == name).to_numpy(dtype=np.float64) for name in self.goals_]
        return np.column_stack([standard, unknown, *goals])


def availability(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Return for each policy whether the data can feed it, the share of rows it knows, and why where it cannot.

    Parameters
    ----------
    rows : with columns score_<policy>
    """
    return [_available(policy, rows.get(f"score_{policy.name}")) for policy in POLICIES.values()]


def _available(policy: Policy, score: pd.Series | None) -> dict[str, object]:
    known = 0.0 if score is None else float(score.notna().mean())
    reason = None
    if score is None:
        reason = "the truth is known of simulated data only"
    elif not known:
        reason = f"{policy.column} is unknown throughout; it needs {policy.needs}"
    return {"name": policy.name, "label": policy.label, "available": known > 0, "known_share": known, "reason": reason}
