"""Commands about data: make, check, prepare, append, describe, score, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from training import console
from training.commands.options import DATA, JSON, Number, read_moment

if TYPE_CHECKING:
    import pandas as pd

    from features import EventStore


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--influencers", default=2500, show_default=True)
@click.option("--campaigns", default=300, show_default=True)
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same tables.")
@click.option("--truth", is_flag=True, help="Also write truth.parquet: the true distribution for every candidate.")
def simulate(folder: Path, influencers: int, campaigns: int, seed: int, truth: bool) -> None:
    """Write the tables of a simulated marketplace, generated from published effects."""
    from training.marketplace import simulate as generate

    with console.progress("simulating") as tell:
        generate(folder, influencers=influencers, campaigns=campaigns, seed=seed, truth=truth, progress=tell)
    click.echo(folder)


@click.command()
@DATA
@JSON
@click.option("--refused", metavar="DIR", type=click.Path(path_type=Path), help="Write the rows with errors here.")
@click.option(
    "--store",
    "folder",
    metavar="STORE",
    type=click.Path(path_type=Path),
    help="Check DATA as new rows for this event store; see impel append.",
)
def check(data: str, as_json: bool, refused: Path | None, folder: Path | None) -> None:
    """Check tables against the data contract: all problems at once.

    Exit code 1 where there is an error; warnings leave it at 0.
    """
    from features import EventStore
    from features.checks import check as examine

    with console.progress("checking") as tell:
        report = examine(data, store=None if folder is None else EventStore(folder), progress=tell)
    written = report.refused(refused) if refused is not None else []
    if as_json:
        console.as_json(report.to_dict() | {"refused": [str(path) for path in written]})
    else:
        for name, rows in report.tables.items():
            click.echo(f"{name}: {rows:,} rows")
        click.echo(str(report))
        for path in written:
            click.echo(f"refused rows: {path}")
    if not report.ok:
        click.get_current_context().exit(1)


@click.command()
@DATA
@click.option("--out", metavar="STORE", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")
@JSON
def prepare(data: str, out: Path, as_json: bool) -> None:
    """Check DATA and prepare its event store in a folder of your own, which grows with impel append.

    Commands prepare DATA by themselves and keep what they prepared in IMPEL_HOME, anew whenever DATA changes. A store
    of your own is for data that grow day by day: give it to train, backtest, features, predict, rank and serve in
    place of DATA. What check and scores show, texts and who did what, only the tables hold.

    For example: impel prepare market --out store, then every day: impel append store new
    """
    from training.files import prepare as put

    _tell_store(put(data, out), as_json=as_json)


@click.command()
@click.argument("folder", metavar="STORE", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW")
@JSON
def append(folder: Path, new: str, as_json: bool) -> None:
    """Put new rows into an event store that impel prepare made; a day costs a day, not the history.

    NEW is a folder or .duckdb file like DATA with the new rows only; any table may be missing. Or it is the log of a
    service (impel serve --log): then the reported outcomes that the store lacks are taken, with their briefs.

    Accounts and campaigns of the store may come again as they are. Late rows, new readings of old posts and new
    accounts are welcome, in any order: what comes out is what impel prepare would make of all rows at once.

    Refused, with the store left as it is: what breaks the data contract (impel check NEW --store STORE names every
    problem), the same source or outcome twice, and an account or campaign with other values than in the store. Other
    rows that come twice count twice.

    A model keeps answering on the store as it grows, and impel train learns from the new outcomes. A running impel
    serve takes the new rows up by itself. Keep the rows: a new version of Impel or DuckDB may ask for the store to be
    prepared anew, from all of them.

    For example: impel append store new
    """
    from training.files import append as put

    store, rows = put(folder, new)
    _tell_store(store, as_json=as_json, rows=rows)


def _tell_store(store: EventStore, *, as_json: bool, rows: dict[str, int] | None = None) -> None:
    """Say what a store holds, and how many rows of each table have just come."""
    import pandas as pd

    newest = None if store.newest is pd.NaT else f"{store.newest:%Y-%m-%dT%H:%M:%SZ}"
    sizes = {
        "accounts": len(store.accounts),
        "campaigns": len(store.campaigns),
        "activations": len(store.activations()),
    }
    if as_json:
        came = {} if rows is None else {"appended": rows}
        console.as_json({"store": str(store.folder), **sizes, "newest": newest, **came})
        return
    for name, count in (rows or {}).items():
        click.echo(f"{name}: {count:,} rows appended")
    holds = ", ".join(f"{count:,} {name}" for name, count in sizes.items())
    click.echo(f"{store.folder}: {holds}; newest moment {newest or 'none'}")


@click.command()
@click.argument("data", metavar="[DATA]", required=False)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="A .parquet or .csv file.")
@click.option("--describe", is_flag=True, help="Print what each feature means instead.")
@JSON
def features(data: str | None, out: Path | None, describe: bool, as_json: bool) -> None:
    """Write one row per past activation: features as they were known when it was decided, and what came of it."""
    if describe:
        _describe(as_json=as_json)
        return
    if data is None or out is None:
        raise click.UsageError("Give DATA and --out FILE, or --describe.")
    from functools import partial

    import pandas as pd

    from features import build
    from training.files import prepared, ready, write

    ready(out)
    store = prepared(data)
    activations = store.activations()
    with console.progress("features") as tell:
        X = build(store, activations, progress=partial(tell, f"{len(activations):,} activations"))
    labels = activations.drop(columns=["goal", "propensity"])
    write(pd.concat([labels, X], axis=1), out)
    console.note(f"{len(X):,} activations, {X.shape[1]} features: {out}")


def _describe(*, as_json: bool) -> None:
    from dataclasses import asdict

    import pandas as pd

    from features.catalogue import FEATURES

    entries = [asdict(feature) for feature in FEATURES.values()]
    if as_json:
        console.as_json(entries)
    else:
        console.table(pd.DataFrame(entries).assign(tables=[" ".join(entry["tables"]) for entry in entries]))


@click.command()
@DATA
@click.option("--account", metavar="ID", required=True, help="An account of DATA.")
@click.option(
    "--as-of",
    callback=read_moment,
    metavar="TIME",
    help="Computed as of exactly this moment, from what was known then; by default the newest moment of the data.",
)
@click.option(
    "--statement",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="Actions of Kred's statement to name.",
)
@click.option(
    "--cpm",
    default=10.0,
    show_default=True,
    type=Number(min=0),
    help="What 1,000 impressions cost, for the earned media value.",
)
@JSON
def scores(data: str, account: str, as_of: pd.Timestamp | None, statement: int, cpm: float, as_json: bool) -> None:
    """Show the social scores of one account with all that they are made of.

    Klout, Kred and PeerIndex as they would have been, PeerIndex by topic, and which action gave how many of Kred's
    points, the newest first. Beside them followers, engagement rate, earned media value and past outcomes.

    The features of a pair read the last publication of the scores before it was decided, every thirty days; this is
    computed at the moment itself, so the two may differ.

    For example: impel scores market --account a00017 --as-of 2026-01-31 --statement 50
    """
    from training.files import prepared
    from training.scores import card

    store = prepared(data)
    with console.progress("scoring"):
        found = card(store, data, account=account, as_of=as_of, statement_rows=statement, cpm=cpm)
    if as_json:
        console.as_json(found.facts)
    else:
        found.show()


@click.command("import")
@click.argument("provider", required=False)
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", metavar="DATA", type=click.Path(path_type=Path), help="The folder of tables; imports add up.")
@click.option("--mapping", metavar="FILE.toml", type=click.Path(path_type=Path), help="A mapping of your own.")
@click.option(
    "--accounts", metavar="MAP.csv", type=click.Path(path_type=Path), help="Other names of accounts: name, account_id."
)
@click.option("--time-zone", metavar="ZONE", help="Of times that name none, such as Europe/Berlin.")
@click.option("--currency", metavar="CUR", help="Of amounts, such as EUR; rows in another are refused.")
@click.option("--exported-at", callback=read_moment, metavar="TIME", help="When the files were exported.")
@click.option("--account", metavar="NAME", help="Whose the files are that do not say, such as youtube:anna.")
@click.option("--describe", is_flag=True, help="Say what each field of the provider becomes.")
@click.option("--dry-run", is_flag=True, help="Show what is understood; write nothing.")
@JSON
def import_(
    provider: str | None,
    files: tuple[Path, ...],
    out: Path | None,
    mapping: Path | None,
    accounts: Path | None,
    time_zone: str | None,
    currency: str | None,
    exported_at: pd.Timestamp | None,
    account: str | None,
    describe: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make tables of the data contract from what platforms, suites and shops export.

    Each import adds to what DATA holds: accounts from one provider, posts and orders from others. The same file again
    changes nothing. DATA/provenance.json says where everything comes from and what was refused. An account is called
    by platform and handle, such as instagram:anna; --accounts says whose other names are.

    For example: impel import creatoriq posts.csv --out data --time-zone Europe/Berlin, then
    impel import tables campaigns.csv codes.csv --out data, then impel import shopify orders.csv --out data
    """
    from features.importers.options import Options, checked
    from training.importing import run

    run(
        provider,
        files,
        out=out,
        mapping=mapping,
        accounts=accounts,
        options=checked(Options(time_zone, currency, exported_at, account)),
        describe=describe,
        dry_run=dry_run,
        as_json=as_json,
    )
