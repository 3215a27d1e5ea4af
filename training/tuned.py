"""What tuning found, as facts and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.bootstrap import Estimate


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes
    ----------
    settings : dict
        The best on the folds; empty where these are the defaults.
    tried, pruned : int
        Settings that were tried, the defaults and those given up early included; of earlier runs too.
    tuning_loss : dict
        Loss on the folds of `default` and `best`: log loss at the number of actions asked for and at four more
        thresholds, all counting the same (`tune.losses`).
    activations, campaigns : int
        Of the held-out part.
    loss : dict
        Loss on the held-out part of `default` and `best`, and by how much the best is `ahead`.
    log_loss : dict
        The same at the number of actions asked for alone.
    """

    settings: dict[str, Any]
    tried: int
    pruned: int
    tuning_loss: dict[str, float]
    activations: int
    campaigns: int
    loss: dict[str, Estimate]
    log_loss: dict[str, Estimate]

    @property
    def beyond_noise(self) -> bool:
        """Whether the best settings are ahead of the defaults on the held-out part by more than chance would bring."""
        return bool(self.loss["ahead"].interval()[0] > 0)

    def facts(self) -> dict[str, Any]:
        """Return all of it as nested dictionaries of numbers."""
        return {
            "settings": self.settings,
            "tried": self.tried,
            "pruned": self.pruned,
            "tuning_loss": self.tuning_loss,
            "held_out": {
                "activations": self.activations,
                "campaigns": self.campaigns,
                "loss": {name: one.to_dict() for name, one in self.loss.items()},
                "log_loss": {name: one.to_dict() for name, one in self.log_loss.items()},
            },
            "beyond_noise": self.beyond_noise,
        }

    def sentences(self) -> list[str]:
        """Return what was tried, what came of it on the part held out, and whether to use it."""
        tried = f"{self.tried} settings tried, {self.pruned} of them given up early"
        if not self.settings:
            return [
                f"{tried}; none had a smaller loss than the defaults ({self.tuning_loss['default']:.4f}).",
                "Tuning brought nothing: keep the defaults.",
            ]
        named = ", ".join(f"{name} {value:.3g}" for name, value in self.settings.items())
        said = [
            f"{tried}; the best: {named}.",
            "Loss on the folds of tuning: {best:.4f}, of the defaults {default:.4f}.".format(**self.tuning_loss),
            f"On {self.activations:,} activations of {self.campaigns:,} later campaigns, which tuning never saw:",
            _line("loss over five thresholds", self.loss),
            _line("log loss at what was asked for", self.log_loss),
        ]
        if self.beyond_noise:
            return [*said, "That is more than noise: train with these settings."]
        return [*said, "Tuning brought nothing beyond noise: keep the defaults."]


def _line(what: str, figures: dict[str, Estimate]) -> str:
    low, high = figures["ahead"].interval()
    interval = f"95 % interval {low:.4f} to {high:.4f}" if low == low else "too few campaigns for an interval"  # noqa: PLR0124
    return (
        f"  {what}: best {figures['best'].value:.4f}, defaults {figures['default'].value:.4f}, ahead by "
        f"{figures['ahead'].value:.4f} ({interval})"
    )
