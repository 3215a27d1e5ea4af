"""The command `impel`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.errors import SettingError
from training import console

if TYPE_CHECKING:
    import pandas as pd

    from features import EventStore


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> pd.Timestamp | None:
    """Read a moment; UTC where it names no time zone."""
    from serving.answers import moment

    try:
        return None if text is None else moment(text)
    except SettingError as error:
        raise click.BadParameter(str(error)) from None


_DATA = click.argument("data", metavar="DATA")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_TRACKING = click.option(
    "--tracking-uri", metavar="URI", help="MLflow's tracking URI; by default a database in IMPEL_HOME."
)
_NAME = click.option("--name", default="impel", show_default=True, help="Name of the registered model.")
_MODEL = click.option(
    "--model",
    metavar="URI",
    default="models:/impel@champion",
    show_default=True,
    help="A registered model or a bundle folder.",
)
_AS_OF = click.option(
    "--as-of", callback=_moment, metavar="TIME", help="What was known at this moment; by default all of the data."
)


@click.group(cls=console.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="impel", message="%(prog)s %(version)s")
def main() -> None:
    """Say how likely each influencer is to drive the action that a campaign wants, and how sure that is.

    DATA is a folder of Parquet or CSV files or a .duckdb file with the tables of the data contract: accounts, posts,
    campaigns and outcomes, and as many of the others as you have. Or it is an event store that impel prepare made and
    impel append puts the rows of each new day into.

    A first round: impel simulate market, impel check market, impel train market, impel backtest market --out report,
    impel rank market --campaign ID. Or all at once: impel demo.

    Models and prepared data are kept in IMPEL_HOME (by default .impel in the current folder).
    """
    import features
    import serving

    # The packages have everyday names: another project's must not be taken for ours without a word.
    root = Path(__file__).parents[1]
    for package in (features, serving):
        if Path(str(package.__file__)).parents[1] != root:
            raise SettingError(
                f"The package {package.__name__} comes from {package.__file__}, not from {root}; "
                "run impel in another folder, or clean PYTHONPATH."
            )


@main.command()
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to keep data and report; by default IMPEL_HOME/demo."
)
def demo(out: Path | None) -> None:
    """Go the whole way on a small demo marketplace: simulate, check, train, backtest, rank, serve."""
    from training.demo import run

    run(out)


@main.command()
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


@main.command()
@_DATA
@_JSON
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

    with console.progress("checking"):
        report = examine(data, store=None if folder is None else EventStore(folder))
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


@main.command()
@_DATA
@click.option("--out", metavar="STORE", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")
@_JSON
def prepare(data: str, out: Path, as_json: bool) -> None:
    """Check DATA and prepare its event store in a folder of your own, which grows with impel append.

    Commands prepare DATA by themselves and keep what they prepared in IMPEL_HOME, anew whenever DATA changes. A store
    of your own is for data that grow day by day: give it to train, backtest, features, predict, rank and serve in
    place of DATA. What check and scores show, texts and who did what, only the tables hold.

    For example: impel prepare market --out store, then every day: impel append store new
    """
    from training.files import prepare as put

    _tell_store(put(data, out), as_json=as_json)


@main.command()
@click.argument("folder", metavar="STORE", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW")
@_JSON
def append(folder: Path, new: str, as_json: bool) -> None:
    """Put new rows into an event store that impel prepare made; a day costs a day, not the history.

    NEW is a folder or .duckdb file like DATA with the new rows only; any table may be missing. Accounts and campaigns
    of the store may come again as they are. Late rows, new readings of old posts and new accounts are welcome, in any
    order: what comes out is what impel prepare would make of all rows at once.

    Refused, with the store left as it is: what breaks the data contract (impel check NEW --store STORE names every
    problem), the same source or outcome twice, and an account or campaign with other values than in the store. Other
    rows that come twice count twice.

    A model keeps answering on the store as it grows, and impel train learns from the new outcomes. A running impel
    serve answers from the store as it was when it started; start it again. Keep the rows: a new version of Impel or
    DuckDB may ask for the store to be prepared anew, from all of them.

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


@main.command()
@click.argument("data", metavar="[DATA]", required=False)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="A .parquet or .csv file.")
@click.option("--describe", is_flag=True, help="Print what each feature means instead.")
@_JSON
def features(data: str | None, out: Path | None, describe: bool, as_json: bool) -> None:
    """Write one row per past activation: features as they were known when it was decided, and what came of it."""
    if describe:
        _describe(as_json=as_json)
        return
    if data is None or out is None:
        raise click.UsageError("Give DATA and --out FILE, or --describe.")
    import pandas as pd

    from features import build
    from training.files import prepared, write

    store = prepared(data)
    activations = store.activations()
    with console.progress("features") as tell:
        X = build(store, activations, progress=lambda share: tell(f"{share:.0%}"))
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
        console.table(pd.DataFrame(entries)[["name", "family", "unit", "meaning", "null"]])


@main.command()
@_DATA
@click.option("--until", callback=_moment, metavar="TIME", help="Learn only from outcomes that were complete by then.")
@_TRACKING
@_NAME
@_JSON
def train(data: str, until: pd.Timestamp | None, tracking_uri: str | None, name: str, as_json: bool) -> None:
    """Learn from past outcomes and register the model; the first becomes champion, later ones challenger."""
    from training.files import prepared
    from training.train import train as learn

    store = prepared(data)
    with console.progress("training") as tell:
        trained = learn(store, source=data, until=until, name=name, tracking=tracking_uri, progress=tell)
    figures, labels = trained.figures, trained.follower_labels
    if as_json:
        facts = {"version": trained.version, "bundle": str(trained.folder), "activations": trained.activations}
        facts |= {"follower_labels": labels and dict(zip(("real", "fake"), labels, strict=True))}
        console.as_json(facts | {"without": trained.lost, "walk_forward": figures})
        return
    click.echo(f"{name} version {trained.version}, learnt from {trained.activations:,} activations: {trained.folder}")
    if labels is not None:
        click.echo("follower classifier: learnt from {:,} real and {:,} fake labelled followers".format(*labels))
    for family, names in trained.lost.items():
        click.echo(f"worked without {len(names)} features of {family}: no {', '.join(tables_of(names, store.missing))}")
    for figure, value in figures.items():
        click.echo(f"walk-forward {figure.replace('_', ' ')}: {value:.3f}")


def tables_of(names: tuple[str, ...], missing: tuple[str, ...]) -> list[str]:
    """Return the missing tables for want of which these features are null."""
    from features.catalogue import FEATURES

    return sorted({FEATURES[name].tables[0] for name in names} & set(missing))


@main.command()
@_DATA
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="For report.html and numbers."
)
@click.option("--folds", default=5, show_default=True, help="How many blocks of campaigns are tested.")
@click.option("--test-share", default=0.6, show_default=True, help="Share of the activations, the last ones, to test.")
@click.option(
    "--at-least", type=int, help="Actions to ask for; otherwise break-even where fee and value are known, else 1."
)
@click.option("--truth", is_flag=True, help="Judge all candidates by DATA/truth.parquet of a simulated marketplace.")
@_JSON
def backtest(
    data: str, out: Path, folds: int, test_share: float, at_least: int | None, truth: bool, as_json: bool
) -> None:
    """Say what the model would have earned on past campaigns, each judged by what was known before it.

    Labels of fake followers count where they were observed before the first decision that is tested.
    """
    from features import build, catalogue
    from training import report
    from training.backtest import backtest as judge
    from training.backtest import first_decision
    from training.candidates import KnownAccounts
    from training.files import prepared
    from training.follower_labels import use_labels
    from training.model import ActionModel
    from training.train import closed
    from training.truth import MarketTruth

    store = prepared(data)
    activations = closed(store)
    first = first_decision(activations, folds=folds, test_share=test_share)
    with console.progress("backtesting") as tell:
        if first is not None:
            use_labels(store, until=first, progress=tell)
        X = build(store, activations, progress=lambda share: tell(f"features {share:.0%}"))
        result = judge(
            X,
            activations,
            model=ActionModel(),
            folds=folds,
            test_share=test_share,
            at_least=at_least,
            truth=MarketTruth(Path(data) / "truth.parquet", store) if truth else None,
            accounts=KnownAccounts(store),
            metadata={"families_without": catalogue.lost_families(store.missing)},
            progress=tell,
        )
    page = report.write(result, out)
    _say_checks(result.metrics["checks"])
    if as_json:
        console.as_json(result.metrics)
    else:
        click.echo(page)


def _say_checks(findings: list[dict[str, str]]) -> None:
    """Say on stderr which checks found an issue, and how many did not."""
    for one in findings:
        if one["outcome"] == "issue":
            console.note(f"{one['code']} ({one['severity']}): {one['said']} {one['to_do']}")
    counts = {outcome: sum(one["outcome"] == outcome for one in findings) for outcome in ("issue", "passed")}
    left = len(findings) - sum(counts.values())
    console.note(f"checks: {counts['issue']} found an issue, {counts['passed']} passed, {left} do not apply")


@main.command()
@_DATA
@click.option(
    "--pairs",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="campaign_id, account_id, decided_at and, if you like, fee and at_least; .csv or .parquet.",
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help=".csv or .parquet; by default stdout.")
@_MODEL
@_TRACKING
@click.option("--reasons", is_flag=True, help="Say what raises and lowers each expectation.")
def predict(data: str, pairs: Path, out: Path | None, model: str, tracking_uri: str | None, reasons: bool) -> None:
    """Answer pairs of campaign and account, in the order asked, one row each; reasons are JSON.

    All actions are those attributed to the activation. How many of them would not have come anyway is said apart, in
    expected_incremental_actions, incremental_low and incremental_high, for goals of which enough outcomes have
    incremental_actions, measured by a holdout; it is null for others.
    """
    import json
    from functools import partial

    from serving.predictor import Predictor
    from training.files import prepared, read, write

    predictor = Predictor.load(model, tracking_uri=tracking_uri)
    store = prepared(data)
    asked = read(pairs)
    with console.progress("predicting") as tell:
        X = predictor.features(store, asked, progress=lambda share: tell(f"{share:.0%}"))
        answer = predictor.predict(X, pairs=asked, campaigns=store.campaigns, reasons=reasons)
    if reasons:
        # A value is a number or a text, which no column of a file takes as they are.
        answer["reasons"] = answer["reasons"].map(partial(json.dumps, ensure_ascii=False))
    if out is None:
        click.echo(answer.to_csv(index=False), nl=False)
    else:
        write(answer, out)
        console.note(f"{len(answer):,} answers of {predictor.version}: {out}")
    for said in predictor.incremental(X["goal"]):
        console.note(said)


@main.command()
@_DATA
@click.option("--campaign", metavar="ID", required=True, help="A campaign of DATA.")
@click.option("--fees", metavar="FILE", type=click.Path(path_type=Path), help="account_id and fee; .csv or .parquet.")
@click.option("--at-least", type=int, help="Actions to ask for; otherwise break-even, where fee and value are known.")
@click.option("--top", default=20, show_default=True)
@_AS_OF
@_MODEL
@_TRACKING
@_JSON
def rank(
    data: str,
    campaign: str,
    fees: Path | None,
    at_least: int | None,
    top: int,
    as_of: pd.Timestamp | None,
    model: str,
    tracking_uri: str | None,
    as_json: bool,
) -> None:
    """Rank all known accounts for a campaign.

    By expected value less fee where fees and the value of an action are known, otherwise by expected actions.
    """
    from serving.predictor import Predictor
    from training.files import prepared, read
    from training.ranking import rank as order

    predictor = Predictor.load(model, tracking_uri=tracking_uri)
    store = prepared(data)
    with console.progress("ranking"):
        ranked = order(
            predictor,
            store,
            campaign=campaign,
            as_of=as_of,
            fees=None if fees is None else read(fees),
            at_least=at_least,
        ).head(top)
    for said in predictor.incremental(store.campaigns["goal"][store.campaigns["campaign_id"] == campaign]):
        console.note(said)
    if as_json:
        console.as_json(ranked.to_dict("records"))
    else:
        from training.ranking import FORMATS, readable

        console.table(readable(ranked), formats=FORMATS)


@main.command()
@_DATA
@click.option("--account", metavar="ID", required=True, help="An account of DATA.")
@click.option(
    "--as-of",
    callback=_moment,
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
    type=click.FloatRange(min=0),
    help="What 1,000 impressions cost, for the earned media value.",
)
@_JSON
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


@main.command()
@_DATA
@_AS_OF
@_MODEL
@_TRACKING
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True)
def serve(data: str, as_of: pd.Timestamp | None, model: str, tracking_uri: str | None, host: str, port: int) -> None:
    """Serve predictions over HTTP; the documentation is at /docs.json."""
    from serving.launch import launch
    from training.files import prepared

    store = prepared(data)
    launch(
        host=host,
        port=port,
        data=data,
        store=store.folder,
        model=model,
        as_of=None if as_of is None else as_of.isoformat(),
        tracking_uri=tracking_uri,
    )


@main.command()
@_TRACKING
@_NAME
@_JSON
def models(tracking_uri: str | None, name: str, as_json: bool) -> None:
    """List the registered versions of a model, the newest first."""
    from dataclasses import asdict

    import pandas as pd

    from training import registry

    found = registry.models(name=name, tracking=tracking_uri)
    if as_json:
        console.as_json([asdict(version) for version in found])
        return
    rows = [
        {
            "version": version.version,
            "alias": ", ".join(version.aliases),
            "created": f"{version.created:%Y-%m-%d %H:%M}",
            "log_loss": version.metrics.get(registry.LOG_LOSS, float("nan")),
            "calibration_error": version.metrics.get(registry.CALIBRATION_ERROR, float("nan")),
            "bundle": version.bundle,
        }
        for version in found
    ]
    console.table(pd.DataFrame(rows), formats={"log_loss": ".4f", "calibration_error": ".4f"})


@main.command()
@click.argument("version", type=int)
@_TRACKING
@_NAME
def promote(version: int, tracking_uri: str | None, name: str) -> None:
    """Make a version champion, if it is not worse on its last fold, calibrated, and reproduces its own answers."""
    from training import registry

    promoted = registry.promote(version, name=name, tracking=tracking_uri)
    click.echo(f"{name} version {promoted.version} is champion")


@main.command()
@click.argument("folder", metavar="BUNDLE", type=click.Path(path_type=Path))
@_TRACKING
def log(folder: Path, tracking_uri: str | None) -> None:
    """Log a trained bundle to MLflow that could not be logged when it was trained."""
    from training import registry

    click.echo(f"version {registry.log_bundle(folder, tracking=tracking_uri)}")
