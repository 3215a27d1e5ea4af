"""What the data contract asks of the values in a table, each rule in one place, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.casts import raw
from features.errors import nearest
from features.problems import GroupRule, Rule, quoted
from features.tables import CONTRACT, DIMENSIONS, GOALS, INTERACTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from features.problems import Severity
    from features.tables import Column, Table

NULL_EVERYWHERE = "followers-null-everywhere"

_PERCENT = Rule(
    "share",
    "share-in-percent",
    "share > 1",
    "{rows} with shares above 1, such as {received}: the table looks like percentages; divide its shares by 100.",
    value="share",
)


def row_rules(table: Table, columns: Collection[str], *, percent: bool = False) -> list[Rule]:
    """Return the rules about single rows of a table that was received with these columns.

    `percent` says that its shares are percentages, which is then the one thing said about shares.
    """
    found = [rule for column in table.columns if column.name in columns for rule in _of_column(column)]
    found += [rule for rule in _OF_TABLE.get(table.name, ()) if rule.column in columns]
    return [_PERCENT, *(rule for rule in found if rule.name != "share-out-of-range")] if percent else found


def reference_rules(
    table: Table, columns: Collection[str], relations: Mapping[str, str], stored: Mapping[str, str]
) -> Iterator[Rule]:
    """Return the rules that ids are listed in the table they refer to, and outcomes not stored already.

    `relations` are the SQL of the tables there are, and `stored` of what the store has of them that they are appended
    to. It knows no ids of posts, so which posts are meant is asked only where nothing is stored.
    """
    for name, other in table.references.items():
        places = [of[other] for of in (relations, stored) if other in of]
        if name in columns and places and (other in stored or not stored):
            known = " UNION ALL ".join(
                f"SELECT {quoted(name)} FROM {place} AS known WHERE {quoted(name)} IS NOT NULL" for place in places
            )
            optional = table.column(name).nullable
            yield Rule(
                name,
                "dangling-reference",
                f"{quoted(name)} IS NOT NULL AND {quoted(name)} NOT IN ({known})",
                f"{{rows}} whose {name} is not in {other}, such as {{received}}; "
                + ("they count as rows without one." if optional else f"add it to {other} or remove the rows."),
                value=quoted(name),
                severity="warning" if optional else "error",
            )
    if table.name == "outcomes" and "outcomes" in stored and set(table.key) <= set(columns):
        key = ", ".join(table.key)
        yield Rule(
            key,
            "already-stored",
            f"({key}) IN (SELECT ({key}) FROM {stored['outcomes']})",
            "{rows} whose campaign_id, account_id are in the store already; append only what is new.",
        )


def group_rules(table: Table, columns: Collection[str], *, percent: bool = False) -> list[GroupRule]:
    """Return the rules about rows that belong together, for a table that was received with these columns."""
    found = [rule for rule in _OF_GROUPS.get(table.name, ()) if not rule.column or rule.column in columns]
    if percent:
        found = [rule for rule in found if rule.name != "shares-sum"]
    required = [name for name in table.key if not table.column(name).nullable]
    if not required or any(name not in columns for name in required):
        return found
    duplicate = GroupRule(
        ", ".join(table.key),
        "duplicate-key",
        tuple(quoted(name) for name in table.key),
        "count(*) > 1",
        f"{{rows}} share their {', '.join(table.key)} with another; keep one row of each.",
        where=" AND ".join(f"{quoted(name)} IS NOT NULL" for name in required),
    )
    return [duplicate, *found]


def _of_column(column: Column) -> Iterator[Rule]:
    name, x = column.name, quoted(column.name)
    if not column.nullable:
        yield Rule(
            name, "null-in-required", f"{raw(name)} IS NULL", "{rows} without a value; fill it in or remove the rows."
        )
    match column.kind:
        case "id":
            yield Rule(name, "blank-id", f"trim({x}) = ''", "{rows} with a blank id; give each its id.")
            message = (
                "{rows} with spaces around the id, such as {received}; ids match only letter by letter, so trim them."
            )
            spaces = f"trim({x}) <> '' AND {x} <> trim({x}, ' \t\n\r')"
            yield Rule(name, "spaces-in-id", spaces, message, value=x, severity="warning")
        case "count" if name != "attribution_days":
            message = "{rows} below 0, such as {received}; a count is 0 or more, and null where it was not measured."
            yield Rule(name, "negative-count", f"{x} < 0", message, value=x)
        case "time":
            message = "{rows} before 1990 or after 2099, such as {received}; the unit may have been misread."
            where = f"({x} < TIMESTAMP '1990-01-01' OR {x} >= TIMESTAMP '2100-01-01')"
            yield Rule(name, "implausible-time", where, message, value=x, severity="warning")
    if name == "dimension":
        yield _vocabulary(name, "unknown-dimension", DIMENSIONS)
    elif name == "bucket":
        rest = "lower(bucket) NOT IN ('other', 'unknown') AND "
        yield _code(name, "bad-country-code", _COUNTRY, f"dimension = 'country' AND {rest}")
        yield _code(name, "bad-language-code", _LANGUAGE, f"dimension = 'language' AND {rest}")
    elif name == "share":
        message = "{rows} with a share outside 0 to 1, such as {received}; write shares between 0 and 1."
        yield Rule(name, "share-out-of-range", f"NOT {x} BETWEEN 0 AND 1", message, value=x)


def _vocabulary(column: str, name: str, choices: tuple[str, ...], severity: Severity = "warning") -> Rule:
    return Rule(
        column,
        name,
        f"{quoted(column)} NOT IN {choices}",
        f"{{rows}} with a {column} that is not known, such as {{received}}; write one of {', '.join(choices)}.{{hint}}",
        value=quoted(column),
        severity=severity,
        hint=lambda received: nearest(received, choices),
    )


_COUNTRY = ("[A-Z]{2}", "'UK'", "ISO 3166 country codes of two capital letters, such as GB")
_LANGUAGE = ("[a-z]{2}", "''", "ISO 639-1 language codes of two small letters, such as en")


def _code(column: str, name: str, code: tuple[str, str, str], condition: str = "") -> Rule:
    form, wrong, meant = code
    return Rule(
        column,
        name,
        f"{condition}(NOT regexp_full_match({quoted(column)}, '{form}') OR {quoted(column)} = {wrong})",
        f"{{rows}} with {{received}}; write {meant}.",
        value=quoted(column),
        severity="warning",
    )


_OF_TABLE = {
    "accounts": (
        Rule(
            "platform",
            "platform-not-lower-case",
            "platform <> lower(trim(platform))",
            "{rows} with a platform not in lower case, such as {received}; it counts as a platform of its own.",
            value="platform",
            severity="warning",
        ),
        _code("country", "bad-country-code", _COUNTRY),
        _code("language", "bad-language-code", _LANGUAGE),
    ),
    "posts": (
        Rule(
            "observed_at",
            "observed-before-published",
            "observed_at < published_at",
            "{rows} whose counts were read before the post was published; look whether the two times are swapped.",
        ),
    ),
    "interactions": (_vocabulary("kind", "unknown-kind", INTERACTIONS),),
    "campaigns": (
        _vocabulary("goal", "unknown-goal", GOALS, "error"),
        Rule(
            "ends_at",
            "ends-before-starts",
            "ends_at < starts_at",
            "{rows} that end before they start; look whether the two times are swapped.",
        ),
        Rule(
            "attribution_days",
            "nonpositive-attribution-days",
            "attribution_days <= 0",
            "{rows} of {received} days; give the days after posting in which actions are counted, 1 or more.",
            value="attribution_days",
        ),
        Rule(
            "value_per_action",
            "nonpositive-value-per-action",
            "value_per_action <= 0",
            "{rows} with a value of {received}; give what an action is worth, above 0, or leave it null.",
            value="value_per_action",
        ),
        Rule(
            "budget",
            "negative-amount",
            "budget < 0",
            "{rows} below 0, such as {received}; give 0 or more, or leave it null.",
            value="budget",
        ),
    ),
    "outcomes": (
        Rule(
            "closed_at",
            "closed-before-decided",
            "closed_at < decided_at",
            "{rows} that closed before they were decided; look whether the two times are swapped.",
        ),
        Rule(
            "posted_at",
            "posted-before-decided",
            "posted_at < decided_at",
            "{rows} that were posted before they were decided; features know nothing later than decided_at.",
            severity="warning",
        ),
        Rule(
            "fee",
            "negative-amount",
            "fee < 0",
            "{rows} below 0, such as {received}; give 0 or more, or leave it null.",
            value="fee",
        ),
        Rule(
            "propensity",
            "propensity-out-of-range",
            "NOT (propensity > 0 AND propensity <= 1)",
            "{rows} with a propensity of {received}; give a probability above 0 and up to 1, or leave it null.",
            value="propensity",
        ),
    ),
}

_SHARES_SUM = "sum(share) > 1.02 AND dimension <> 'interest'"  # one person has several interests, but one country
_SUM_MESSAGE = "{rows} in reports whose shares sum to more than 1.02; look for buckets that are counted twice."
# Equal hashes of unequal rows are to be expected once in 300,000 checks of 10 million rows, and cost a warning.
_ALL = ", ".join(quoted(column.name) for column in CONTRACT["interactions"].columns)

_OF_GROUPS = {
    "account_stats": (
        GroupRule(
            "followers",
            NULL_EVERYWHERE,
            ("true",),
            f"count({raw('followers')}) = 0",
            "All {rows} have no followers: the counter that the table is there for; fill it in or leave the table out.",
        ),
    ),
    "posts": (
        GroupRule(
            "post_id",
            "readings-disagree",
            ("post_id",),
            "min(account_id) <> max(account_id) OR min(published_at) <> max(published_at)",
            "{rows} of posts whose readings name different accounts or publishing times; a post has one of each.",
            where="post_id IS NOT NULL",
        ),
    ),
    "interactions": (
        GroupRule(
            "",
            "duplicate-row",
            (f"hash({_ALL})",),
            "count(*) > 1",
            "{rows} that are equal in every column to another; look whether an export was loaded twice.",
            severity="warning",
        ),
    ),
    "audiences": (
        GroupRule(
            "share",
            "shares-sum",
            ("account_id", "observed_at", "dimension"),
            _SHARES_SUM,
            _SUM_MESSAGE,
            severity="warning",
        ),
    ),
    "campaign_audience": (
        GroupRule("share", "shares-sum", ("campaign_id", "dimension"), _SHARES_SUM, _SUM_MESSAGE, severity="warning"),
    ),
}
