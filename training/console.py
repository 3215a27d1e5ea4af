"""What commands print: results on stdout, progress and errors on stderr, one line for each error."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from features.errors import ImpelError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd


class Group(click.Group):
    """Commands that end with exit code 0 (done), 1 (failed, with one line that says why) or 2 (wrong use)."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a user can put right becomes one line on stderr."""
        try:
            return super().invoke(ctx)
        except ImpelError as error:
            click.echo(f"error: {error}", err=True)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
        return ctx.exit(1)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command; a mistyped name gets the nearest one as a hint."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{error.message}{'' if 'Did you mean' in error.message else hint}", ctx) from None


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done, on a terminal only; yields the function that is told each step."""
    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield lambda _: None
        return
    with terminal.status(title) as status:
        yield lambda step: status.update(f"{title}: {step}")


def heading(text: str) -> None:
    """Say on stderr which step begins."""
    click.echo(f"==> {text}", err=True)


def note(text: str) -> None:
    """Say something on stderr that is no result."""
    click.echo(text, err=True)


def as_json(value: Any) -> None:
    """Print a value as JSON; what is not to be had is null."""
    click.echo(json.dumps(_plain(value), indent=1, ensure_ascii=False, default=str))


def table(frame: pd.DataFrame, *, formats: dict[str, str] | None = None) -> None:
    """Print rows: a table on a terminal, CSV where the output is read by a program."""
    if not sys.stdout.isatty():
        click.echo(frame.to_csv(index=False), nl=False)
        return
    shown(frame, Console(), formats=formats)


def shown(frame: pd.DataFrame, console: Console, *, formats: dict[str, str] | None = None) -> None:
    """Print rows as a table for people."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        numeric = frame[name].dtype.kind in "fiu"
        grid.add_column(str(name).replace("_", " "), justify="right" if numeric else "left")
    for row in frame.itertuples(index=False):
        grid.add_row(*(_cell(value, (formats or {}).get(name)) for name, value in zip(frame.columns, row, strict=True)))
    console.print(grid)


def _cell(value: Any, form: str | None) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return format(value, form) if form else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
