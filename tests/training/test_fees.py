from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.fees import UsualFees


@pytest.fixture(scope="module")
def past() -> tuple[pd.DataFrame, np.ndarray]:
    """Forty accounts, five fees each: the fee grows with size, and half of the accounts are twice as dear."""
    rng = np.random.default_rng(0)
    account = np.repeat(np.arange(40), 5)
    size = rng.uniform(7, 13, 40)[account]
    fee = np.exp(0.8 * size - 3 + np.where(account % 2, np.log(2), 0.0) + rng.normal(scale=0.1, size=200))
    rows = pd.DataFrame({"account_id": [f"a{n}" for n in account], "platform": "blog", "log_followers": size})
    return rows, fee


def test_fees_follow_size_and_the_habit_of_the_account(past: tuple[pd.DataFrame, np.ndarray]) -> None:
    rows, fee = past
    fees = UsualFees().fit(rows, fee)
    ratio = pd.Series(fees.predict(rows) / fee).groupby(rows["account_id"]).mean()
    assert ratio.between(0.8, 1.25).all()
    assert fees.predict(rows).sum() == pytest.approx(fee.sum(), rel=0.05)
    stranger = rows.iloc[[0, 1]].assign(account_id="new", log_followers=[8.0, 12.0])
    cheap, dear = fees.predict(stranger)
    assert dear / cheap == pytest.approx(np.exp(0.8 * 4), rel=0.15)


def test_what_is_not_known_is_the_average(past: tuple[pd.DataFrame, np.ndarray]) -> None:
    rows, fee = past
    unknown = fee.copy()
    unknown[::3] = np.nan
    fees = UsualFees().fit(rows, unknown)
    odd = pd.DataFrame({"account_id": ["new"], "platform": ["x"], "log_followers": [np.nan]})
    assert np.isfinite(fees.predict(odd)).all()
    assert np.isnan(UsualFees().fit(rows, np.full(len(fee), np.nan)).predict(rows)).all()
