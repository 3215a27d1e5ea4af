"""Options that several commands share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from features.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd


def read_moment(_context: click.Context, _option: click.Parameter, text: str | None) -> pd.Timestamp | None:
    """Read a moment; UTC where it names no time zone."""
    from serving.answers import moment

    try:
        return None if text is None else moment(text)
    except SettingError as error:
        raise click.BadParameter(str(error)) from None


class Number(click.FloatRange):
    """A number within a range; click alone lets nan into any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


DATA = click.argument("data", metavar="DATA")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
TRACKING = click.option(
    "--tracking-uri", metavar="URI", help="MLflow's tracking URI; by default a database in IMPEL_HOME."
)
NAME = click.option("--name", default="impel", show_default=True, help="Name of the registered model.")
MODEL = click.option(
    "--model",
    metavar="URI",
    default="models:/impel@champion",
    show_default=True,
    help="A registered model or a bundle folder.",
)
AS_OF = click.option(
    "--as-of", callback=read_moment, metavar="TIME", help="What was known at this moment; by default all of the data."
)
AT_LEAST = click.option(
    "--at-least",
    type=click.IntRange(min=1),
    help="Actions to ask for; otherwise break-even where fee and value are known, else 1.",
)
LOG = click.option(
    "--log",
    metavar="LOG",
    help="Log predictions with their features here, for impel monitor: a folder, or postgresql://user@host/database.",
)
