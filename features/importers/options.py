"""What files do not say, and whoever imports them must."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from features.errors import SettingError, nearest

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Options:
    """What files do not say.

    Attributes
    ----------
    time_zone
        The zone of times that name none, such as `Europe/Berlin`.
    currency
        The currency of amounts; rows in another are refused.
    exported_at
        The moment of the export, in UTC.
    account
        Whose the numbers are where a file does not say, such as `youtube:anna`.
    """

    time_zone: str | None = None
    currency: str | None = None
    exported_at: pd.Timestamp | None = None
    account: str | None = None


def checked(options: Options) -> Options:
    """Return options as they are used; SettingError where a zone or currency cannot be one."""
    zone, currency = options.time_zone, options.currency
    if zone is not None and zone not in available_timezones():
        raise SettingError(
            f"There is no time zone {zone!r}; write one such as Europe/Berlin.{nearest(zone, available_timezones())}"
        )
    if currency is not None and (len(currency) != 3 or not currency.isalpha()):
        raise SettingError(f"{currency!r} is no currency; write its three letters, such as EUR.")
    moment = options.exported_at
    if moment is not None and moment.tzinfo is not None:
        moment = moment.tz_convert("UTC").tz_localize(None)
    account = options.account
    if account is not None and not re.fullmatch(r"[a-z]+:\S+", account):
        raise SettingError(f"{account!r} is no account; write platform and handle, such as youtube:anna.")
    return Options(zone, currency and currency.upper(), moment, account)
