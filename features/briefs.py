"""Campaign briefs as arrays: what a pair knows of the campaign that it is for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from features.codes import SLICE_SEPARATOR, codes
from features.errors import DataError, nearest
from features.events import DAY
from features.tables import CONTRACT, DIMENSIONS, GOALS
from features.words import words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from features.events import BoolArray, FloatArray, IntArray

    _Target = tuple[int, str, str, float]

TEXT = pd.StringDtype("python", na_value=np.nan)
"""pandas' own texts, kept as Python's: of Arrow's, taking one entry costs a request as much as fifty sums."""
MINUTE = 60_000_000
"""One minute in microseconds."""
_COLUMNS = (
    *("goal", "vertical", "brand_id", "topics", "brief", "audience"),
    *("attribution_days", "value_per_action", "budget", "campaign_id"),
)


@dataclass(frozen=True)
class Briefs:
    """Campaign briefs, one entry per campaign.

    Texts are numbers (`features.codes.code`). Topics and the slices of the wanted audience lie together by campaign:
    those of campaign i from `topic_offsets[i]` to `topic_offsets[i + 1]`; so do the different words of the text, in the
    order of their codes, with how often each stands there. `brand_word` is the word by which a text names the
    brand: 0 where its id does not hold exactly one. Moments are microseconds.
    """

    campaign_id: list[str]
    goal: list[str]
    vertical: list[str]
    goal_code: IntArray
    vertical_code: IntArray
    brand_code: IntArray
    brand_word: IntArray
    starts_at: IntArray
    attribution_days: FloatArray
    value_per_action: FloatArray
    budget: FloatArray
    topic_offsets: IntArray
    topic_code: IntArray
    word_offsets: IntArray
    word_code: IntArray
    word_count: FloatArray
    target_offsets: IntArray
    target_dimension: IntArray
    target_slice: IntArray
    target_share: FloatArray

    @classmethod
    def of(cls, campaigns: pd.DataFrame, audience: pd.DataFrame | None = None) -> Briefs:
        """Read briefs from rows of the `campaigns` table.

        Parameters
        ----------
        campaigns : DataFrame
            The contract's columns; those that may be null may be absent. A column `audience` holds the wanted audience
            of a campaign as dimension -> bucket -> share, where it does not come from `audience`.
        audience : DataFrame, optional
            The `campaign_audience` table.

        Raises
        ------
        DataError
            Where a column is missing, a goal is unknown, or a start is missing or no moment.
        """
        required = [column.name for column in CONTRACT["campaigns"].columns if not column.nullable]
        for name in required:
            if name not in campaigns:
                raise DataError(f"The campaigns have no column {name!r}; they need {', '.join(required)}.")
        for goal in campaigns["goal"].unique():
            if goal not in GOALS:
                raise DataError(f"Unknown goal {goal!r}; it is one of {', '.join(GOALS)}.{nearest(str(goal), GOALS)}")
        ids = pd.Index(campaigns["campaign_id"], dtype=object)
        if not ids.is_unique:
            raise DataError(f"Campaign {ids[ids.duplicated()][0]!r} is given twice.")
        columns = {name: list(_column(campaigns, name)) for name in _COLUMNS}
        return cls._of(
            {**columns, "campaign_id": ids.tolist()},
            microseconds(campaigns["starts_at"]),
            _targets(columns.pop("audience"), audience, ids),
        )

    @classmethod
    def one(cls, brief: Mapping[str, Any], *, starts_at: int) -> Self:
        """Read one brief, as quickly as a request wants it.

        Parameters
        ----------
        brief : mapping
            The contract's columns of `campaigns`, checked; `audience` is dimension -> bucket -> share, or None.
        starts_at : int
            Microseconds.
        """
        columns = {name: [brief.get(name)] for name in _COLUMNS}
        return cls._of(columns, np.array([starts_at]), sorted(_wanted(columns["audience"])))

    @classmethod
    def _of(cls, columns: dict[str, list[Any]], starts_at: IntArray, targets: list[_Target]) -> Self:
        """Read briefs from columns; `targets` by campaign."""
        topics = [
            sorted({str(word) for word in words if word is not None}) if _is_list(words) else []
            for words in columns["topics"]
        ]
        texts = [text if isinstance(text, str) else None for text in columns["brief"]]
        campaign, dimensions, buckets, shares = map(list, zip(*targets, strict=True)) if targets else ([], [], [], [])
        slices = [
            f"{dimension}{SLICE_SEPARATOR}{bucket}" for dimension, bucket in zip(dimensions, buckets, strict=True)
        ]
        brands, verticals = ([str(word) for word in columns[name]] for name in ("brand_id", "vertical"))
        # All that is new is asked for in one query; below nothing is.
        codes(chain(verticals, brands, dimensions, slices, *topics))
        word_offsets, word_code, word_count = _counted(texts)
        return cls(
            campaign_id=columns["campaign_id"],
            goal=columns["goal"],
            vertical=columns["vertical"],
            goal_code=np.array([GOALS.index(goal) for goal in columns["goal"]], np.int64),
            vertical_code=codes(verticals),
            brand_code=codes(brands),
            brand_word=_names(brands),
            starts_at=starts_at,
            attribution_days=_numbers(columns["attribution_days"]),
            value_per_action=_numbers(columns["value_per_action"]),
            budget=_numbers(columns["budget"]),
            topic_offsets=np.cumsum([0, *(len(words) for words in topics)]),
            topic_code=codes(chain(*topics)),
            word_offsets=word_offsets,
            word_code=word_code,
            word_count=word_count,
            target_offsets=np.searchsorted(np.array(campaign, np.int64), np.arange(len(verticals) + 1)),
            target_dimension=codes(dimensions),
            target_slice=codes(slices),
            target_share=np.array(shares, np.float64),
        )

    @cached_property
    def texts(self) -> dict[str, pd.api.extensions.ExtensionArray]:
        """The (campaigns,) goals and verticals as pandas' texts."""
        return {name: pd.array(getattr(self, name), dtype=TEXT) for name in ("goal", "vertical")}

    @cached_property
    def place_of(self) -> dict[str, int]:
        """The place of each campaign by its id."""
        return {campaign: place for place, campaign in enumerate(self.campaign_id)}

    @cached_property
    def calendar(self) -> dict[str, FloatArray]:
        """The (campaigns,) sine and cosine of where each start lies in its week, its year and its day."""
        day, minute = np.divmod(self.starts_at, DAY)
        date = day.view("datetime64[D]")
        turns = {
            # 1970 began on a Thursday; weeks begin on Monday.
            "start_weekday": (day + 3) % 7 / 7,
            "season": ((date - date.astype("datetime64[Y]")).astype(np.float64) + 1) / 365.25,
            "start_hour": minute // MINUTE / 60 / 24,
        }
        waves = {"sine": np.sin, "cosine": np.cos}
        return {f"{name}_{wave}": of(2 * np.pi * turn) for name, turn in turns.items() for wave, of in waves.items()}

    @cached_property
    def wanted(self) -> FloatArray:
        """The (dimensions, campaigns) sum of the wanted shares; null where the brief does not name the dimension."""
        cells = len(DIMENSIONS) * len(self.goal)
        total = np.bincount(self._cell, self.target_share, minlength=cells)[:cells]
        named = np.bincount(self._cell, minlength=cells)[:cells] > 0
        return np.where(named, total, np.nan).reshape(len(DIMENSIONS), len(self.goal))

    @cached_property
    def most_wanted(self) -> BoolArray:
        """The (targets,) flag whether the brief wants no slice of the dimension more than this one."""
        largest = np.zeros(len(DIMENSIONS) * len(self.goal) + 1)
        np.maximum.at(largest, self._cell, self.target_share)
        return largest[self._cell] == self.target_share

    @cached_property
    def _cell(self) -> IntArray:
        """The (targets,) place of each one's dimension and campaign in `wanted`; behind the last for no dimension."""
        campaign = np.repeat(np.arange(len(self.goal)), np.diff(self.target_offsets))
        match, known = self.target_dimension[:, None] == codes(DIMENSIONS), len(self.goal)
        return np.where(match.any(axis=1), match.argmax(axis=1) * known + campaign, len(DIMENSIONS) * known)


def _names(brands: list[str]) -> IntArray:
    """Return the code of the word by which a text names each brand; 0 where the id does not hold exactly one word."""
    offsets, code = words_in(brands)
    return np.where(np.diff(offsets) == 1, np.append(code, 0)[offsets[:-1]], 0)


def microseconds(moments: pd.Series) -> IntArray:
    """Return moments as microseconds since 1970; those without a time zone are UTC.

    Raises
    ------
    DataError
        Where one is missing or is no moment.
    """
    if pd.api.types.is_datetime64_any_dtype(moments):
        # Those with a time zone come out in UTC.
        plain = moments.to_numpy("datetime64[us]")
        if not np.isnat(plain).any():
            return plain.astype(np.int64)
    if moments.isna().any():
        raise DataError(f"{moments.name} is empty in {int(moments.isna().sum())} of {len(moments)} rows.")
    if pd.api.types.is_numeric_dtype(moments):
        raise DataError(f"{moments.name} holds numbers; write times as 2026-01-31T18:30:00Z.")
    # One form only: pandas would otherwise guess which of 01/02/2026 is the month.
    parsed = pd.to_datetime(moments, utc=True, format="ISO8601", errors="coerce")
    if parsed.isna().any():
        wrong = moments[parsed.isna()].iloc[0]
        raise DataError(f"{moments.name} holds {wrong!r}, which is no moment; write times as 2026-01-31T18:30:00Z.")
    return parsed.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)


def _wanted(audiences: list[Any]) -> Iterator[_Target]:
    return (
        (campaign, str(dimension), str(bucket), float(share))
        for campaign, wanted in enumerate(audiences)
        if isinstance(wanted, dict)
        for dimension, shares in wanted.items()
        for bucket, share in shares.items()
    )


def _targets(audiences: list[Any], audience: pd.DataFrame | None, ids: pd.Index) -> list[_Target]:
    # In the order in which the store keeps its own, so that sums come out the same to the last bit.
    given = sorted(_wanted(audiences))
    if audience is None or audience.empty:
        return given
    table = audience.assign(campaign=ids.get_indexer(audience["campaign_id"]))
    table = table.loc[table["campaign"] >= 0, ["campaign", "dimension", "bucket", "share"]]
    return sorted([*given, *table.itertuples(index=False, name=None)], key=itemgetter(0))


def _column(frame: pd.DataFrame, name: str) -> Iterable[Any]:
    return frame[name] if name in frame else [None] * len(frame)


def _numbers(values: list[Any]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _counted(texts: list[str | None]) -> tuple[IntArray, IntArray, FloatArray]:
    """Return where each text's words begin, the codes of its different words in their order, and their counts."""
    offsets, code = words_in(texts)
    text = np.repeat(np.arange(len(texts)), np.diff(offsets))
    both, count = np.unique(np.stack([text, code]), axis=1, return_counts=True)
    return np.searchsorted(both[0], np.arange(len(texts) + 1)), both[1], count.astype(np.float64)
