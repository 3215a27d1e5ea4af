"""What each way of choosing would have earned with the money that past campaigns spent.

Rosters are drawn from all candidates, not from those hired: each policy hires in its own order until the fees, as far
as they are known before asking, add up to what the campaign paid; the last one it hires in part.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from training import metrics
from training.bootstrap import COVERAGE
from training.off_policy import ESTIMATORS, Log, NoOverlapError, OffPolicyEvaluation
from training.policies import MODEL, ORACLE, POLICIES, hire_order, spending_score

if TYPE_CHECKING:
    import numpy.typing as npt

    from training.metrics import FloatArray, IntArray
    from training.off_policy import OffPolicyEstimate

_WIDTH = 3.29  # of a normal distribution's 90 % interval, in standard deviations
HIRED = "hired"


def earned(rows: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """Return what the roster of each policy would have earned at equal spend.

    Parameters
    ----------
    rows : as `selection.with_propensities` returns them
    seed : of ties

    Returns
    -------
    why_not : why nothing is told at all, else None; nothing but it and no policies then
    spend : "fees", or "hires" where fees are unknown: as many accounts as the campaign hired, and fees count 0
    campaigns, candidates, budget : what it is about; the budget is the sum of what was paid
    hired : hires, value, fees and net_value of those who were hired
    policies : for each hires, overlap, why_not and, where something can be said, by estimator: value, fees, net_value,
        against_hired and model_ahead (differences of net values), each with low and high
    true : where the truth is known, in `hired` and each policy: value, fees and net_value
    """
    rows = rows[_money_known(rows)].reset_index(drop=True)
    if not rows["was_hired"].any():
        return {"why_not": "value and fees are not known of all who were hired in any campaign", "policies": {}}
    case = Case.of(rows)
    rosters = {
        name: case.roster(hire_order(rows, case.campaign, spending_score(rows, name), seed=seed))
        for name in POLICIES
        if name != ORACLE and f"score_{name}" in rows and rows[f"score_{name}"].notna().any()
    }
    return {
        "why_not": None,
        "spend": "fees" if case.priced else "hires",
        "campaigns": len(case.budget),
        "candidates": len(rows),
        "budget": float(case.budget.sum()),
        HIRED: case.came() | case.true(case.hired.astype(np.float64)),
        "policies": {
            name: _policy(case, roster, model=None if name == MODEL else rosters[MODEL])
            for name, roster in rosters.items()
        },
    }


@dataclass(frozen=True)
class Case:
    """Candidates of campaigns whose money is known (n,), and three rewards of the same log."""

    rows: pd.DataFrame
    campaign: IntArray
    hired: npt.NDArray[np.bool_]
    priced: bool
    cost: FloatArray
    budget: FloatArray
    rewards: dict[str, OffPolicyEvaluation]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """Read the rows."""

        def numbers(name: str) -> FloatArray:
            return rows[name].to_numpy(dtype=np.float64)

        campaign = pd.factorize(rows["campaign_id"])[0].astype(np.int64)
        hired = rows["was_hired"].to_numpy()
        asked, paid = numbers("fee"), numbers("paid_fee")
        priced = bool(np.isfinite(asked).all())
        cost, spent = (asked, paid) if priced else (np.ones(len(rows)), np.ones(len(rows)))
        asked, paid = (asked, paid) if priced else (np.zeros(len(rows)), np.zeros(len(rows)))
        expected, value = numbers("expected_value"), numbers("paid_value")
        # No interval of whole numbers is narrower than one action.
        width = (numbers("paid_actions_high") - numbers("paid_actions_low") + 1.0) * numbers("paid_value_per_action")

        def evaluation(reward: FloatArray, expected: FloatArray, deviation: FloatArray) -> OffPolicyEvaluation:
            log = Log(hired, numbers("propensity"), reward, expected, deviation)
            return OffPolicyEvaluation(log, coverage=COVERAGE)

        return cls(
            rows,
            campaign,
            hired,
            priced,
            cost,
            metrics.per_campaign(campaign, np.where(hired, spent, 0.0)),
            {
                "value": evaluation(value, expected, width / _WIDTH),
                "fees": evaluation(paid, asked, np.maximum(asked, 1.0)),
                "net_value": evaluation(value - paid, expected - asked, width / _WIDTH),
            },
        )

    def numbers(self, name: str) -> FloatArray:
        """Return a column as float64."""
        return self.rows[name].to_numpy(dtype=np.float64)

    def roster(self, order: IntArray) -> FloatArray:
        """Return which share of each candidate a policy hires, given its order of hiring (n,)."""
        return metrics.bought_share(self.campaign, order, self.cost, self.budget)

    def came(self) -> dict[str, float]:
        """Return what those hired brought."""
        sums = {name: float(one.log.reward[self.hired].sum()) for name, one in self.rewards.items()}
        return {"hires": float(self.hired.sum())} | sums

    def true(self, roster: FloatArray) -> dict[str, dict[str, float]]:
        """Return what a roster is truly expected to bring; nothing where the truth is not known."""
        if "value" not in self.rows:
            return {}
        value, fees = (float(roster @ self.numbers(name)) for name in ("value", "fee"))
        return {"true": {"value": value, "fees": fees, "net_value": value - fees}}


def _policy(case: Case, roster: FloatArray, *, model: FloatArray | None) -> dict[str, Any]:
    """Return the figures of one policy, against the roster of the model where it is not the model itself."""
    net = case.rewards["net_value"]
    overlap = net.overlap(roster)
    found = {"hires": float(roster.sum()), "overlap": asdict(overlap), "why_not": overlap.refusal()} | case.true(roster)
    if found["why_not"]:
        return found
    figures: dict[str, dict[str, OffPolicyEstimate]] = {
        name: reward.estimate(roster) for name, reward in case.rewards.items()
    }
    figures["against_hired"] = net.against_hired(roster)
    if model is not None:
        with suppress(NoOverlapError):  # said of the model itself
            figures["model_ahead"] = net.estimate(model, against=roster)
    return found | {
        one.name: {figure: estimates[one.name].to_dict() for figure, estimates in figures.items()} for one in ESTIMATORS
    }


def _money_known(rows: pd.DataFrame) -> pd.Series:
    """Return whether value and, unless no fee is known at all, fees are known of all who were hired in the campaign."""
    hired = rows["was_hired"]
    unknown = hired & rows["paid_value"].isna()
    if rows["paid_fee"].notna().any():
        unknown |= (hired & rows["paid_fee"].isna()) | rows["fee"].isna()
    return ~unknown.groupby(rows["campaign_id"]).transform("any")
