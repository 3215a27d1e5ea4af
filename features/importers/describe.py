"""What a provider's mapping does with every field, as a table, and the page of all providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.importers.mapping import OWN, Spec, load, providers
from features.importers.staging import PARTS, STAGED

if TYPE_CHECKING:
    from features.importers.mapping import Mapping, Rows


def fields(mapping: Mapping) -> list[dict[str, str]]:
    """Return every field that a mapping speaks of: file, source, becomes, how."""
    found = []
    for shape in mapping.shapes:
        for rows in shape.tables:
            found += [
                {
                    "file": shape.name,
                    "source": _source(rows, spec),
                    "becomes": f"{rows.table}.{name}",
                    "how": _how(rows, name, spec),
                }
                for name, spec in rows.columns.items()
            ]
        found += [
            {"file": shape.name, "source": name, "becomes": "", "how": f"left out: {why}"}
            for name, why in shape.ignored.items()
        ]
    return found


def _source(rows: Rows, spec: Spec) -> str:
    if spec.ask:
        return f"--{spec.ask}"
    if spec.value is not None:
        return f"always {spec.value}"
    before = "".join(f"{path}." for path in rows.rows)
    return (" and " if spec.join else ", else ").join(
        before + name if not name.startswith("../") else name for name in spec.source
    )


def _how(rows: Rows, name: str, spec: Spec) -> str:
    """Say in words how a value is converted."""
    kind = STAGED[rows.table].column(name).kind
    said = []
    if isinstance(spec.prefix, Spec):
        said.append(f"after the platform of {' or '.join(spec.prefix.source)}")
    elif spec.prefix:
        said.append(f"after {spec.prefix}:")
    if spec.values:
        meanings: dict[str, list[str]] = {}
        for written, meaning in spec.values.items():
            meanings.setdefault(meaning, []).append(written)
        said.append("; ".join(f"{meaning}: {', '.join(written)}" for meaning, written in meanings.items()))
    if kind == "share":
        said.append(f"a share of {spec.scale:g}")
    elif spec.scale != 1:
        said.append(f"divided by {spec.scale:g}")
    if kind == "time" and spec.source:
        named = {"iso": "ISO 8601", "seconds": "seconds since 1970", "milliseconds": "milliseconds since 1970"}
        said.append(
            " or ".join(named.get(form, form) for form in spec.time) + (f", in {spec.zone}" if spec.zone else "")
        )
    said += [f"{value} where {source} has a value" for source, value in spec.given.items()]
    said += [f"in {'capital' if spec.case == 'upper' else 'small'} letters"] if spec.case else []
    said += [f"{meant} for {written}" for written, meant in spec.replace.items()]
    said += [f"the end of the {spec.until}"] if spec.until else []
    said += ["the part that the pattern names"] if spec.pattern else []
    said += [spec.note] if spec.note else []
    return "; ".join(said)


def page() -> str:
    """Return the field tables of all providers as a page in Markdown."""
    lines = [
        "# What importers make of each field",
        "",
        "<!-- Made by `make docs` from features/importers/providers; do not edit. -->",
        "",
        "`impel import --describe PROVIDER` prints the same. How to import: [importing.md](importing.md).",
        "",
        "Besides the tables of the data contract there are parts, of which outcomes are made:",
        "",
        "| part | one row is | columns (* may be missing) |",
        "|---|---|---|",
    ]
    for part in PARTS.values():
        columns = ", ".join(f"{column.name}{'*' * column.nullable}" for column in part.columns)
        lines.append(f"| `{part.name}` | {part.meaning} | {columns} |")
    for name in providers():
        if name != OWN:
            lines += _section(load(name))
    return "\n".join(lines) + "\n"


def _section(mapping: Mapping) -> list[str]:
    lines = ["", f"## {mapping.title}", "", f"`impel import {mapping.name}`, mapping version {mapping.version}. Read:"]
    lines += [f"{address}." for address in mapping.documentation]
    known = fields(mapping)
    for shape in mapping.shapes:
        lines += [
            "",
            f"### {mapping.name}: {shape.name}",
            "",
            f"{shape.export} ({' or '.join(shape.format).upper()}).",
            "",
        ]
        lines += ["| field | becomes | how |", "|---|---|---|"]
        lines += [
            f"| {_cell(row['source'])} | {_cell(row['becomes'])} | {_cell(row['how'])} |"
            for row in known
            if row["file"] == shape.name
        ]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
