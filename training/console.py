"""What commands print: results on stdout, progress and errors on stderr, one line for each error."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from features.errors import ImpelError, nearest
from features.progress import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from rich.progress import Task

    from features.progress import Progress

_GAP = 2  # blanks between the columns of a table


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
def progress(title: str) -> Iterator[Progress]:
    """Show what is being done and how long it will take, on a terminal only; yields what is told each step."""
    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield quiet
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), _Bar(bar_width=20), _Time())
    with Bars(*columns, console=terminal, transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield partial(_tell, bars, task, title)


def _tell(bars: Bars, task: TaskID, title: str, step: str, share: float | None = None, /) -> None:
    bars.update(task, description=f"{title}: {step}")
    if share is not None:
        elapsed = bars.tasks[0].elapsed or 0.0
        # The time left goes by what was done since the first share: work that goes on does not start at 0.
        first = bars.tasks[0].fields.get("first", (elapsed, share))
        bars.update(task, total=1.0, completed=share, first=first, told=(elapsed, share))


class _Bar(BarColumn):
    """A bar where it is known how much is done."""

    def render(self, task: Task) -> Any:
        return Text("") if task.total is None else super().render(task)


class _Time(ProgressColumn):
    """The time left where it can be told, the time taken where not."""

    def render(self, task: Task) -> Text:
        now, left = task.elapsed or 0.0, time_left(task.fields.get("first"), task.fields.get("told"))
        if left is None:
            return Text(f"{_clock(now)} so far")
        return Text(f"{_clock(max(left - (now - task.fields['told'][0]), 0.0))} left")


def time_left(first: tuple[float, float] | None, told: tuple[float, float] | None) -> float | None:
    """Return the seconds that are left, from when which share was done, first and last; None where nobody knows."""
    if first is None or told is None or told[1] <= first[1]:
        return None
    return (told[0] - first[0]) * (1.0 - told[1]) / (told[1] - first[1])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


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
    """Print rows as a table for people: the last columns are left out where the terminal is too narrow for them."""
    titles = [str(name).replace("_", " ") for name in frame]
    cells = [[_cell(value, (formats or {}).get(name)) for value in frame[name]] for name in frame]
    widths = None
    kept = len(titles) + 1
    while widths is None:
        kept -= 1
        widths = _widths(titles[:kept], cells[:kept], console.width)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title, width, name in zip(titles, widths, frame, strict=False):
        grid.add_column(title, width=width, justify="right" if frame[name].dtype.kind in "fiu" else "left")
    for row in zip(*cells[:kept], strict=True):
        grid.add_row(*map(Text, row))
    console.print(grid)
    if kept < len(titles):
        left = ", ".join(frame.columns[kept:])
        console.print(f"left out, as the terminal is too narrow: {left}", style="dim", markup=False)


def _widths(titles: list[str], cells: list[list[str]], room: int) -> list[int] | None:
    """Return how wide columns become: those that have words to wrap give way; None where words would be cut."""
    texts = [[title, *column] for title, column in zip(titles, cells, strict=True)]
    widths = [max(map(len, column)) for column in texts]
    longest = [max(len(word) for text in column for word in (text.split() or [""])) for column in texts]
    while sum(widths) + _GAP * (len(widths) - 1) > room:
        spare = [width - least for width, least in zip(widths, longest, strict=True)]
        if max(spare) == 0:
            return None if len(widths) > 1 else widths
        widths[spare.index(max(spare))] -= 1
    return widths


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
