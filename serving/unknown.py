"""From the raw tables of a request to the event store that features are computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from features import EventStore, open_tables
from features.tables import CONTRACT, Kind
from serving.raw import ROWS

if TYPE_CHECKING:
    from serving.raw import Influencer


def prepared(influencer: Influencer, *, missing: tuple[str, ...]) -> EventStore:
    """Prepare the event store of an influencer, in a temporary folder; `missing` tables of the known data stay so.

    Of campaigns and outcomes there are none: nobody has hired an influencer who is not known.
    """
    tables = {"accounts": [{**row.__dict__, "influencer_id": "unknown"} for row in influencer.accounts]}
    tables |= {
        name: [row.__dict__ for row in rows]
        for name in ROWS
        if (rows := getattr(influencer, name)) is not None and name not in missing
    }
    tables |= {name: [] for name in ("campaigns", "campaign_audience", "outcomes") if name not in missing}
    arrow = {name: pa.Table.from_pylist(rows, schema=_SCHEMAS[name]) for name, rows in tables.items()}
    with open_tables(arrow, partial=True) as opened:
        return EventStore.prepare(opened, buckets=1)


_TYPES: dict[Kind, Any] = {
    **dict.fromkeys(("id", "text", "code"), pa.string()),
    **dict.fromkeys(("number", "share"), pa.float64()),
    "time": pa.timestamp("us", tz="UTC"),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "list": pa.list_(pa.string()),
}
_SCHEMAS = {
    name: pa.schema([(column.name, _TYPES[column.kind]) for column in table.columns])
    for name, table in CONTRACT.items()
}
