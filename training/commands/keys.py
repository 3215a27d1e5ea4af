"""The commands `impel keys`: the API keys of a service, in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from training import console

if TYPE_CHECKING:
    from serving.keys import Scope

_FILE = click.option(
    "--keys",
    "file",
    metavar="FILE",
    envvar="IMPEL_KEYS",
    show_envvar=True,
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of the keys.",
)


@click.group(cls=console.Group)
def keys() -> None:
    """Make, list and revoke the API keys of a service.

    A running service takes up a change at once. To rotate a key, create another, hand it out, and revoke the old one.

    For example: impel keys create shop --keys keys.json, then: impel serve market --keys keys.json
    """


@keys.command()
@click.argument("name", metavar="ID")
@_FILE
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["predict", "outcomes", "admin"]),
    default=["predict"],
    show_default=True,
    help="What the key is good for: asking for predictions, reporting outcomes, metrics. May be given several times.",
)
@click.option("--days", type=click.IntRange(min=1, max=36_500), help="Expires after so many days; by default never.")
def create(name: str, file: Path, scopes: tuple[Scope, ...], days: int | None) -> None:
    """Make a key and print it: it is shown this once, and only its hash is kept.

    ID is the name by which logs call whoever holds the key.
    """
    from datetime import UTC, datetime, timedelta

    from serving.keys import create as make

    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    click.echo(make(file, name, scopes=tuple(dict.fromkeys(scopes)), expires=expires))
    console.note(f"This is the key {name!r}; it is not shown again. Callers send it as: Authorization: Bearer KEY")


@keys.command("list")
@_FILE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def listing(file: Path, as_json: bool) -> None:
    """List the keys of a file: ids, scopes, and until when they hold."""
    import pandas as pd

    from serving.keys import read

    found = [
        {
            "id": key.id,
            "scopes": list(key.scopes),
            "created": f"{key.created:%Y-%m-%dT%H:%M:%SZ}",
            "expires": None if key.expires is None else f"{key.expires:%Y-%m-%dT%H:%M:%SZ}",
            "expired": key.expired(),
        }
        for key in read(file).values()
    ]
    if as_json:
        console.as_json(found)
    else:
        rows = pd.DataFrame(found, columns=["id", "scopes", "created", "expires", "expired"])
        console.table(rows.assign(scopes=rows["scopes"].map(" ".join)))


@keys.command()
@click.argument("name", metavar="ID")
@_FILE
def revoke(name: str, file: Path) -> None:
    """Take a key out of a file: whoever holds it is refused from then on."""
    from serving.keys import revoke as remove

    remove(file, name)
    click.echo(f"{name} is revoked")
