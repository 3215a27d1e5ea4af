"""What an account usually asks: fees are known of those who were hired only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

if TYPE_CHECKING:
    from training.metrics import FloatArray

_PRIOR_FEES = 1.0  # own fees that weigh as much as what is typical of size and platform
_COLUMNS = ("account_id", "platform", "log_followers")


class UsualFees:
    """Fees by platform and followers, times what each account has asked above or below that.

    A linear regression of the log of the fee; the habit of an account is the mean of its own residuals, shrunk to 0;
    means of fees come from means of logs by the factor of Duan (1983).
    """

    def fit(self, accounts: pd.DataFrame, fee: FloatArray) -> Self:
        """Learn from past fees (n,), NaN where unknown; `accounts` has account_id, platform and log_followers."""
        known = np.isfinite(fee) & (fee > 0)
        self.known_ = bool(known.any())
        if not self.known_:
            return self
        rows, logs = accounts.loc[known, list(_COLUMNS)], np.log(fee[known])
        self.platforms_ = sorted(rows["platform"].dropna().unique())
        self.centre_ = float(np.nan_to_num(rows["log_followers"].mean()))
        self.model_ = Ridge(alpha=1.0).fit(self._design(rows), logs)
        residual = logs - self.model_.predict(self._design(rows))
        own = pd.Series(residual).groupby(rows["account_id"].to_numpy())
        self.habit_ = own.sum() / (own.size() + _PRIOR_FEES)
        left = residual - rows["account_id"].map(self.habit_).to_numpy()
        self.factor_ = float(np.exp(left).mean())
        return self

    def predict(self, accounts: pd.DataFrame) -> FloatArray:
        """Return the expected fee of each account (n,), in the same columns; NaN where no fee was ever known."""
        if not self.known_:
            return np.full(len(accounts), np.nan)
        habit = accounts["account_id"].map(self.habit_).fillna(0.0).to_numpy(dtype=np.float64)
        return np.asarray(self.factor_ * np.exp(self.model_.predict(self._design(accounts)) + habit))

    def _design(self, accounts: pd.DataFrame) -> FloatArray:
        followers = accounts["log_followers"].to_numpy(dtype=np.float64) - self.centre_
        unknown = np.isnan(followers)
        size = np.where(unknown, 0.0, followers)
        platforms = [(accounts["platform"] == name).to_numpy(dtype=np.float64) for name in self.platforms_]
        return np.column_stack([size, unknown, *platforms])
