"""What `impel import` prints: what was understood of each file, and what the tables still lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pandas as pd

from features.checks import check
from features.importers.describe import fields
from features.importers.folder import import_files
from features.importers.mapping import load, providers
from features.problems import shown
from training import console

if TYPE_CHECKING:
    from pathlib import Path

    from features.importers.folder import ImportReport
    from features.importers.options import Options
    from features.importers.reading import FileReport

_LACKING = {
    "accounts": "every export of posts or of influencers names accounts (creatoriq posts, modash report)",
    "posts": "an export of posts (creatoriq posts, or a platform's own)",
    "campaigns": "written by you, as no export knows goal, vertical and attribution days: campaigns.csv, imported with "
    "`impel import tables campaigns.csv`",
    "outcomes": "made of who was hired (creatoriq posts, or activations.csv) and what was counted (shopify orders with "
    "codes.csv, impact actions, creatoriq transactions, or the posts' own counts); or outcomes.csv",
}
"""For a required table: which export it would come from."""


def run(
    provider: str | None,
    files: tuple[Path, ...],
    *,
    out: Path | None,
    mapping: Path | None,
    accounts: Path | None,
    options: Options,
    describe: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import files, or describe a provider, and print what was understood."""
    if provider is None:
        raise click.UsageError(f"Give a provider: {', '.join(providers())}, or a name with --mapping FILE.toml.")
    known = load(provider, mapping)
    if describe:
        _describe(fields(known), as_json=as_json)
        return
    if not files or (out is None and not dry_run):
        raise click.UsageError("Give FILE... and --out DATA, or --dry-run, or --describe.")
    with console.progress("importing") as tell:
        report = import_files(
            known, files, out or files[0].parent, options, accounts=accounts, dry_run=dry_run, progress=tell
        )
    lacks = [] if dry_run or out is None else _lacks(out)
    if as_json:
        console.as_json(report.to_dict() | {"lacks": lacks})
        return
    for file in report.files:
        _show_file(file, in_full=dry_run)
    for name in report.known:
        click.echo(f"{name}: imported before; nothing changes")
    if not dry_run:
        _show_tables(report, lacks)


def _describe(rows: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        console.as_json(rows)
    else:
        console.table(pd.DataFrame(rows))


def _show_file(file: FileReport, *, in_full: bool) -> None:
    click.echo(f"{file.file}: {file.shape}")
    for name, table in file.tables.items():
        repeated = f", {table.repeated:,} of them again" if table.repeated else ""
        click.echo(f"  {name}: {table.read:,} rows, {table.kept:,} kept{repeated}")
        for message, rows in table.refused.items():
            click.echo(f"    refused {rows:,}: {message}")
        for column, used in table.alternatives.items():
            click.echo(f"    {column}: " + ", ".join(f"{rows:,} from {source}" for source, rows in used.items()))
        for column, source in table.columns.items() if in_full else ():
            first = ", ".join(shown(value) for value in table.first[column]) or "no value"
            click.echo(f"    {column} <- {source}: {first}")
    for note in file.notes:
        click.echo(f"  {note}")
    for kind, (first, last) in file.covers.items():
        click.echo(f"  covers {kind}s from {first[:10]} to {last[:10]}")
    for column, why in file.ignored.items() if in_full else ():
        click.echo(f"  left out: {column} ({why})")
    if file.unknown:
        click.echo(f"  not known, left out: {', '.join(file.unknown)}")


def _show_tables(report: ImportReport, lacks: list[str]) -> None:
    if report.files:
        click.echo("tables: " + ", ".join(f"{name} {rows:,}" for name, rows in report.tables.items()))
    for reason, (count, examples) in report.outcomes.left_out.items():
        console.note(f"no outcome for {count:,} activations: {reason} [{', '.join(examples)}]")
    for text in report.outcomes.notes:
        console.note(f"note: {text}")
    for flag in report.outcomes.flags:
        console.note(f"flag: {flag}")
    for lack in lacks:
        console.note(f"still lacks {lack}")


def _lacks(out: Path) -> list[str]:
    """Return what `impel check` would not let pass, and from where it would come."""
    errors = [problem for problem in check(out).problems if problem.severity == "error"]
    return [
        f"{problem.table}: {_LACKING[problem.table]}"
        if problem.rule in ("missing-table", "empty-table")
        else str(problem)
        for problem in errors
    ]
