"""Compare a log with what its model was trained on, and with what came of its predictions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.catalogue import CATEGORIES, FEATURES
from training import metrics
from training.bootstrap import FEWEST_CAMPAIGNS, CampaignBootstrap
from training.monitor.checks import ALL
from training.monitor.seen import look
from training.monitor.thresholds import Thresholds

if TYPE_CHECKING:
    from pathlib import Path

    from features.store import EventStore
    from serving.reference import Binned, Reference
    from training.checks.check import Finding
    from training.monitor.seen import Against

FEWEST_OUTCOMES = 100
"""Outcomes below which nothing is said about calibration."""
_SUPPORT = ("in", "edge", "outside")


@dataclass(frozen=True)
class Monitored:
    """What a log tells.

    Attributes
    ----------
    figures
        All figures as plain values.
    findings
        What each check says.
    """

    figures: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def crossed(self) -> tuple[Finding, ...]:
        """Return the findings whose threshold is crossed."""
        return tuple(one for one in self.findings if one.outcome == "issue")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        return self.figures | {"checks": [asdict(one) for one in self.findings]}


def monitor(
    log: str | Path,
    *,
    thresholds: Thresholds | None = None,
    days: float = 30,
    store: EventStore | None = None,
    against: Against = "training",
) -> Monitored:
    """Look at a log.

    Parameters
    ----------
    log : str or Path
        Its folder, or the URL of its database.
    thresholds : Thresholds, optional
        By default their own defaults.
    days : float
        How far back from the last prediction features and likelihoods are looked at.
    store : EventStore, optional
        Its outcomes count beside those that were reported.
    against : "training" or "before"
        Whether features and likelihoods are compared with training, or with all predictions of as many days before.

    Raises
    ------
    DataError
        Where there is no log, or it holds no prediction, or none before.
    """
    seen = look(log, days=days, store=store, against=against)
    limits = thresholds or Thresholds()
    figures = {
        "log": seen.figures,
        "thresholds": asdict(limits),
        "features": _features(seen.rows, seen.reference),
        "categories": _categories(seen.rows, seen.reference),
        "support": {name: float((seen.rows["support"] == name).mean()) for name in _SUPPORT},
        "likelihoods": _likelihoods(seen.rows, seen.reference),
        "calibration": _calibration(seen.joined),
    }
    return Monitored(figures, tuple(check.run(figures, limits) for check in ALL))


def _features(rows: pd.DataFrame, reference: Reference | None) -> list[dict[str, Any]]:
    """Return per feature how far it has moved, and the share of unknown values, now and in what is compared with."""
    if reference is None:
        return []
    found = []
    for name, before in reference.features.items():
        if name not in rows:
            continue
        after = _counts(before, rows[name])
        found.append(
            {
                "feature": name,
                "family": FEATURES[name].family if name in FEATURES else "",
                "stability": metrics.population_stability(before.counts, after),
                "bins": len(before.counts),
                "rows_before": sum(before.counts),
                "missing": float(after[-1] / max(after.sum(), 1)),
                "missing_before": before.missing,
            }
        )
    return sorted(found, key=lambda one: -one["stability"])


def _counts(before: Binned, values: pd.Series) -> metrics.IntArray:
    place = before.place(values.to_numpy(np.float64, na_value=np.nan))
    return np.bincount(place, minlength=len(before.counts))


def _categories(rows: pd.DataFrame, reference: Reference | None) -> dict[str, Any]:
    """Return per text the share of predictions with a value that was not there before, and the most frequent such."""
    found = {}
    for name in CATEGORIES if reference is not None else ():
        known = set(reference.categories.get(name, ())) if reference is not None else set()
        unknown = rows[name][rows[name].notna() & ~rows[name].isin(known)]
        most = unknown.value_counts().head(5)
        found[name] = {
            "unknown": len(unknown) / max(len(rows), 1),
            "values": {str(text): int(count) for text, count in most.items()},
        }
    return found


def _likelihoods(rows: pd.DataFrame, reference: Reference | None) -> dict[str, Any]:
    """Return how the likelihoods lie now and lay before: in training, in its walk-forward predictions."""
    now = rows["likelihood"].to_numpy(np.float64)
    found: dict[str, Any] = {"mean": float(now.mean()), "now": np.histogram(now, 20, (0, 1))[0].tolist()}
    before = None if reference is None else reference.likelihoods
    if before is not None:
        found["edges"] = list(before.edges)
        found["after"] = _counts(before, rows["likelihood"]).tolist()
        found["before"] = list(before.counts)
        found["stability"] = metrics.population_stability(before.counts, found["after"])
    return found


def _calibration(joined: pd.DataFrame) -> dict[str, Any]:
    """Return whether the likelihoods and intervals were kept, or why that cannot be said."""
    rows, campaigns = len(joined), joined["campaign_id"].nunique()
    if rows < FEWEST_OUTCOMES or campaigns < FEWEST_CAMPAIGNS:
        return {
            "why_not": f"{rows:,} outcomes of {campaigns:,} campaigns have come in for predictions of this model; "
            f"{FEWEST_OUTCOMES} of {FEWEST_CAMPAIGNS} campaigns are needed"
        }
    actions, said = (joined[name].to_numpy(np.float64) for name in ("actions", "likelihood"))
    reached = (actions >= joined["at_least"]).to_numpy(np.float64)
    boot = CampaignBootstrap(pd.factorize(joined["campaign_id"])[0].astype(np.int64))
    inside = metrics.interval_coverage(actions, *(joined[f"actions_{end}"].to_numpy() for end in ("low", "high")))
    table = metrics.reliability(reached, said)
    chance, chance_high = metrics.calibration_error_by_chance(said)
    return {
        "said": float(said.mean()),
        "reached": float(reached.mean()),
        "gap": boot.mean(reached - said).to_dict(),
        "error": metrics.calibration_error(table),
        "error_by_chance": chance,
        "error_by_chance_high": chance_high,
        "log_loss": boot.mean(metrics.log_losses(reached, said)).to_dict(),
        "brier": boot.mean(metrics.brier_scores(reached, said)).to_dict(),
        "interval_coverage": boot.mean(inside).to_dict(),
        "reliability": table.to_dict("records"),
        "spread": np.histogram(said, 20, (0, 1))[0].tolist(),
    }
