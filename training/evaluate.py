"""From scored rows to the figures of a backtest, each with its interval.

The same functions judge those who were hired (what happened) and, on simulated data, all candidates (what would
have happened). Rows are a DataFrame with the columns

    campaign_id, account_id, goal
    outcome                   1, 0 or the true probability of at least `at_least` actions
    actions                   that came, or are truly expected
    value, fee                actions * value_per_action, and what was paid; NaN where unknown
    score_<policy>            NaN where the policy knows nothing; with _per_fee, see `policies.spending_score`
    likelihood_<policy>       of those policies that state one; likelihood_base_rate and likelihood_goal_rate: the
                              share that reached it, among all past activations and among those with the goal
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training import metrics
from training.bootstrap import CampaignBootstrap, Estimate, difference, ratio
from training.policies import MODEL, ORACLE, OTHER_ORDERS, POLICIES, hire_order, spending_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.metrics import FloatArray, IntArray

BASE_RATE, GOAL_RATE = "base_rate", "goal_rate"
FEWEST_ROWS = 30
TOP = (1, 3, 5, 10, 20, 50)
SPENT_SHARE = 0.5
GAIN_SHARES = tuple(round(0.05 * step, 2) for step in range(21))
TIERS = (
    "nano (below 10,000)",
    "micro (10,000 to 50,000)",
    "mid (50,000 to 500,000)",
    "macro (500,000 to 1 million)",
    "mega (1 million and more)",
)
_TIER_EDGES = (1e4, 5e4, 5e5, 1e6)
UNKNOWN, ALL = "unknown", "all"


class Pool:
    """Rows of many campaigns with one set of resamples, and each policy's order of hiring in them."""

    def __init__(self, rows: pd.DataFrame, *, seed: int = 0, resamples: int = 300) -> None:
        self.rows = rows.reset_index(drop=True)
        self.seed = seed
        codes, names = pd.factorize(self.rows["campaign_id"])
        self.campaign: IntArray = codes.astype(np.int64)
        self.sizes = np.bincount(self.campaign, minlength=len(names))
        self.bootstrap = CampaignBootstrap(self.campaign, resamples=resamples, seed=seed)
        scores = {name: self.array(f"score_{name}") for name in POLICIES if f"score_{name}" in rows}
        self.scores = {name: score for name, score in scores.items() if np.isfinite(score).any()}
        # A likelihood made of a score that nobody has is a base rate under another name.
        self.likelihoods = {
            name: self.array(f"likelihood_{name}")
            for name in (*self.scores, GOAL_RATE, BASE_RATE)
            if f"likelihood_{name}" in rows and rows[f"likelihood_{name}"].notna().all()
        }
        self.order = {
            name: hire_order(self.rows, self.campaign, score, seed=seed) for name, score in self.scores.items()
        }
        self.spending_order = self.order | {
            name: hire_order(self.rows, self.campaign, spending_score(self.rows, name), seed=seed)
            for name in (MODEL, ORACLE)
            if name in self.scores
        }

    def array(self, column: str) -> FloatArray:
        """Return a column as float64."""
        return self.rows[column].to_numpy(dtype=np.float64)


def likelihood_figures(pool: Pool, *, bins: int = 10) -> dict[str, dict[str, Any]]:
    """Return per policy how good its likelihoods are, and how far the model is ahead of it.

    AUC of the score as it is, AUC of the likelihood made of it, log loss, Brier score, skill against the base rate
    known at training time, calibration error beside the one that chance alone would show; *model_ahead: the paired
    differences, above 0 where the model is better.
    """
    outcome, boot = pool.array("outcome"), pool.bootstrap
    base = metrics.brier_scores(outcome, pool.likelihoods[BASE_RATE])
    model = _losses(boot, outcome, pool.likelihoods[MODEL])
    figures: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys([*pool.scores, *pool.likelihoods]):
        if name in OTHER_ORDERS:  # the model's likelihoods, used for another order
            continue
        found: dict[str, Any] = {}
        if name in pool.likelihoods:
            likelihood = pool.likelihoods[name]
            losses = _losses(boot, outcome, likelihood)
            brier = metrics.brier_scores(outcome, likelihood)
            left = boot.mean(brier, weight=base)
            found |= {figure: estimate.to_dict() for figure, estimate in losses.items()}
            found["brier_skill"] = Estimate(1.0 - left.value, 1.0 - left.draws).to_dict()
            found["calibration_error"] = calibration(outcome, likelihood, bins=bins)
            if name != MODEL:
                found["model_ahead"] = {
                    "auc": difference(model["auc"], losses["auc"]).to_dict(),
                    "log_loss": difference(losses["log_loss"], model["log_loss"]).to_dict(),
                    "brier": difference(losses["brier"], model["brier"]).to_dict(),
                }
        if name in pool.scores:
            # Whom to hire first and how likely it is are two questions: the model answers the second by its likelihood.
            score = pool.likelihoods[name] if name in {MODEL, ORACLE} else pool.scores[name]
            auc = boot.auc(outcome, score)
            found["score_auc"] = auc.to_dict()
            found["score_auc_model_ahead"] = difference(model["auc"], auc).to_dict()
        figures[name] = found
    return figures


def reliability_tables(pool: Pool, *, bins: int = 10) -> dict[str, list[dict[str, Any]]]:
    """Return the `metrics.reliability` table of each policy that states likelihoods."""
    outcome = pool.array("outcome")
    return {
        name: metrics.reliability(outcome, likelihood, bins=bins).to_dict("records")
        for name, likelihood in pool.likelihoods.items()
        if name not in {BASE_RATE, GOAL_RATE}
    }


def spread(pool: Pool) -> list[int]:
    """Return how many rows have a likelihood of the model from 0 to 5 %, 5 to 10 % and so on."""
    return np.histogram(pool.likelihoods[MODEL], bins=20, range=(0.0, 1.0))[0].tolist()


def top_figures(pool: Pool, *, tops: Sequence[int] = TOP) -> list[dict[str, Any]]:
    """Return for each k what the first k of each campaign bring under each policy.

    Only campaigns with more than k rows count: with fewer there is nothing to choose. Money is summed over the
    campaigns whose value (for the net value: and whose every fee) is known; shares of actions are means over
    campaigns, each counting the same.
    """
    return [_top(pool, k) for k in tops if (pool.sizes > k).any()]


def spend_figures(pool: Pool, *, share: float = SPENT_SHARE) -> dict[str, Any]:
    """Return what a share of each campaign's fees would have bought among those hired, in the order of each policy.

    Of campaigns with several rows whose value and fee are known of everybody. `hired` is what was bought in fact for as
    much: the same share of everything; *_ahead: the paired differences, above 0 where the model is better.
    """
    value, fee = pool.array("value"), pool.array("fee")
    whole, fees = (metrics.per_campaign(pool.campaign, amount) for amount in (value, fee))
    known = np.isfinite(whole) & (fees > 0) & (pool.sizes > 1)
    if not known.any():
        return {"share": share, "campaigns": 0, "policies": {}}
    budget = np.where(known, share * fees, 0.0)
    price = np.where(np.isnan(fee), 0.0, fee)

    def bought(order: IntArray) -> Estimate:
        part = metrics.bought_share(pool.campaign, order, price, budget)
        return pool.bootstrap.total(np.where(known, metrics.per_campaign(pool.campaign, part * value), np.nan))

    values = {name: bought(order) for name, order in pool.spending_order.items()}
    hired = pool.bootstrap.total(np.where(known, share * whole, np.nan))
    return {
        "share": share,
        "campaigns": int(known.sum()),
        "fees": float(budget.sum()),
        "hired": {"value": hired.to_dict(), "model_ahead": difference(values[MODEL], hired).to_dict()},
        "policies": {
            name: {"value": one.to_dict()}
            | ({} if name == MODEL else {"model_ahead": difference(values[MODEL], one).to_dict()})
            for name, one in values.items()
        },
    }


def gain_curves(pool: Pool) -> dict[str, Any]:
    """Return for each policy the mean share of a campaign's actions that its first hires bring.

    Two curves: `by_hires` over the share of the accounts hired, `by_fees` over the share of the fees paid, the latter
    of campaigns whose every fee is known. Campaigns with one row, or without any actions, have no curve.
    """
    actions, fee = pool.array("actions"), pool.array("fee")
    brought = metrics.per_campaign(pool.campaign, actions) > 0
    several = brought & (pool.sizes > 1)
    paid = several & (metrics.per_campaign(pool.campaign, fee) > 0)
    return {
        "share": list(GAIN_SHARES),
        "by_hires": _gains(pool, pool.order, several, actions, np.ones(len(actions))),
        "by_fees": _gains(pool, pool.spending_order, paid, actions, fee),
    }


def _gains(
    pool: Pool,
    orders: Mapping[str, IntArray],
    campaigns: npt.NDArray[np.bool_],
    actions: FloatArray,
    cost: FloatArray,
) -> dict[str, Any]:
    if not campaigns.any():
        return {"campaigns": 0, "policies": {}}
    chosen = campaigns[pool.campaign]
    campaign = pd.factorize(pool.campaign[chosen])[0].astype(np.int64)
    return {
        "campaigns": int(campaigns.sum()),
        "policies": {
            name: metrics.gains(campaign, order[chosen], actions[chosen], cost[chosen], shares=GAIN_SHARES)
            .mean(axis=0)
            .tolist()
            for name, order in orders.items()
        },
    }


def slice_figures(pool: Pool, *, columns: Mapping[str, str], bins: int = 10) -> list[dict[str, Any]]:
    """Return the figures of parts of the rows, or why there are none.

    Parameters
    ----------
    columns : column of the rows -> what it is called for readers
    """
    everything = pd.Series("everything", index=pool.rows.index)
    found = [_part(pool, ALL, "everything", everything, bins=bins)]
    for column, title in columns.items():
        values = pool.rows[column].astype(str)
        order = {tier: place for place, tier in enumerate(TIERS)} | {UNKNOWN: len(TIERS) + 1}
        names = sorted(set(values), key=lambda name: (order.get(name, len(TIERS)), name))
        if len(names) > 1:  # a single part is the whole
            found += [_part(pool, title, name, values, bins=bins) for name in names]
    return found


def size_tier(followers: FloatArray) -> npt.NDArray[np.object_]:
    """Return the tier of each number of followers (n,), "unknown" for NaN."""
    tiers = np.array(TIERS, dtype=object)[
        np.searchsorted(_TIER_EDGES, followers, side="right").clip(max=len(TIERS) - 1)
    ]
    return np.where(np.isnan(followers), UNKNOWN, tiers)


def calibration(outcome: FloatArray, likelihood: FloatArray, *, bins: int) -> dict[str, float]:
    """Return the calibration error, beside the one that perfect likelihoods would show by chance."""
    error = {"value": metrics.calibration_error(metrics.reliability(outcome, likelihood, bins=bins))}
    if np.isin(outcome, (0.0, 1.0)).all():  # true probabilities have no chance in them
        mean, high = metrics.calibration_error_by_chance(likelihood, bins=bins)
        error |= {"by_chance": mean, "by_chance_high": high}
    return error


def _losses(boot: CampaignBootstrap, outcome: FloatArray, likelihood: FloatArray) -> dict[str, Estimate]:
    return {
        "auc": boot.auc(outcome, likelihood),
        "log_loss": boot.mean(metrics.log_losses(outcome, likelihood)),
        "brier": boot.mean(metrics.brier_scores(outcome, likelihood)),
    }


def _top(pool: Pool, k: int) -> dict[str, Any]:
    several = (pool.sizes > k)[pool.campaign]
    campaign = pd.factorize(pool.campaign[several])[0].astype(np.int64)
    boot = CampaignBootstrap(campaign, resamples=len(pool.bootstrap.weights), seed=pool.seed)
    actions, value, fee = (pool.array(name)[several] for name in ("actions", "value", "fee"))
    goal = pool.rows["goal"].to_numpy()[several]
    whole_value, whole_net = (metrics.per_campaign(campaign, amount) for amount in (value, value - fee))

    estimates: dict[str, dict[str, Estimate]] = {}
    by_goal: dict[str, dict[str, float]] = {}
    for name, order in ((name, order[several]) for name, order in pool.order.items()):

        def money(amount: FloatArray, whole: FloatArray, order: IntArray = order) -> Estimate:
            """Sum over the campaigns where the amount is known of everybody, not of those hired only."""
            return boot.total(np.where(np.isfinite(whole), metrics.captured(campaign, order, amount, k=k), np.nan))

        figures = {
            "actions_share": boot.over_campaigns(metrics.captured_share(campaign, order, actions, k=k)),
            "ndcg": boot.over_campaigns(metrics.ndcg(campaign, order, actions, k=k)),
        }
        if np.isfinite(whole_value).any():
            figures["value"] = money(value, whole_value)
            figures["value_share"] = ratio(figures["value"], boot.total(whole_value))
        if np.isfinite(whole_net).any():
            figures |= {"fees": money(fee, whole_net), "net_value": money(value - fee, whole_net)}
        estimates[name] = figures
        by_goal[name] = {str(one): float(actions[(order < k) & (goal == one)].sum()) for one in sorted(set(goal))}
    if ORACLE in estimates:
        best = "net_value" if "net_value" in estimates[ORACLE] else "actions_share"
        for figures in estimates.values():
            figures["regret"] = difference(estimates[ORACLE][best], figures[best])
            figures["regret_share"] = ratio(figures["regret"], estimates[ORACLE][best])
    return {
        "k": k,
        "campaigns": boot.campaigns,
        "campaigns_with_value": int(np.isfinite(whole_value).sum()),
        "campaigns_with_fees": int(np.isfinite(whole_net).sum()),
        "policies": {
            name: {figure: estimate.to_dict() for figure, estimate in figures.items()}
            | {"actions_by_goal": by_goal[name]}
            for name, figures in estimates.items()
        },
        "model_against": {
            name: _against(estimates[MODEL], figures) for name, figures in estimates.items() if name != MODEL
        },
    }


def _against(model: dict[str, Estimate], other: dict[str, Estimate]) -> dict[str, dict[str, float]]:
    """Return the model's figures less another's, and as multiples of it."""
    names = [name for name in ("actions_share", "ndcg", "value", "fees", "net_value") if name in model]
    found = {f"{name}_difference": difference(model[name], other[name]).to_dict() for name in names}
    return found | {f"{name}_ratio": ratio(model[name], other[name]).to_dict() for name in names}


def _part(pool: Pool, title: str, name: str, values: pd.Series, *, bins: int) -> dict[str, Any]:
    outcome, boot, chosen = pool.array("outcome"), pool.bootstrap, (values == name).to_numpy()
    facts = {
        "by": title,
        "slice": name,
        "rows": int(chosen.sum()),
        "campaigns": len(np.unique(pool.campaign[chosen])),
        "reached_share": float(outcome[chosen].mean()),
    }
    if why := _too_little(outcome[chosen]):
        return facts | {"not_enough": why}
    likelihood = pool.likelihoods[MODEL]
    losses, brier = metrics.log_losses(outcome, likelihood), metrics.brier_scores(outcome, likelihood)
    base = metrics.brier_scores(outcome, pool.likelihoods[BASE_RATE])
    left = boot.mean(brier, weight=base, rows=chosen)
    table = metrics.reliability(outcome[chosen], likelihood[chosen], bins=bins)
    inside = metrics.interval_coverage(*(pool.array(name) for name in ("actions", "actions_low", "actions_high")))
    scores = {
        name: pool.likelihoods[name] if name in {MODEL, ORACLE} else score
        for name, score in pool.scores.items()
        if name not in OTHER_ORDERS and np.isfinite(score[chosen]).any()
    }
    return facts | {
        "score_auc": {name: boot.auc(outcome, score, rows=chosen).to_dict() for name, score in scores.items()},
        "log_loss": boot.mean(losses, rows=chosen).to_dict(),
        "brier_skill": Estimate(1.0 - left.value, 1.0 - left.draws).to_dict(),
        "calibration_error": metrics.calibration_error(table),
        "interval_coverage": boot.mean(inside, rows=chosen).to_dict(),
        "reliability": table.to_dict("records"),
    }


def _too_little(outcome: FloatArray) -> str:
    if len(outcome) < FEWEST_ROWS:
        return f"{len(outcome)} rows; {FEWEST_ROWS} are needed"
    if outcome.sum() == 0 or outcome.sum() == len(outcome):
        return "all reached it" if outcome.sum() else "none reached it"
    return ""
