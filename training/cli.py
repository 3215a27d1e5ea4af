"""The command `impel`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from features.errors import SettingError
from training import console
from training.key_commands import keys

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
_LOG = click.option(
    "--log",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Log predictions with their features here, for impel monitor.",
)


@click.group(cls=console.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="impel", message="%(prog)s %(version)s")
def main() -> None:
    """Say how likely each influencer is to drive the action that a campaign wants, and how sure that is.

    DATA is a folder of Parquet or CSV files, a .duckdb file or the URL of a database (postgresql://, sqlite:///) with
    the tables of the data contract: accounts, posts, campaigns and outcomes, and as many of the others as you have;
    impel import makes them from exports. Or it is an event store that impel prepare made and impel append puts the rows
    of each new day into.

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
@click.option(
    "--settings", metavar="FILE", type=click.Path(path_type=Path), help="JSON, as impel tune writes it; else defaults."
)
@_TRACKING
@_NAME
@_JSON
def train(
    data: str, until: pd.Timestamp | None, settings: Path | None, tracking_uri: str | None, name: str, as_json: bool
) -> None:
    """Learn from past outcomes and register the model; the first becomes champion, later ones challenger."""
    from training.files import prepared
    from training.model import ActionModel
    from training.registry import CARD
    from training.settings import read_settings
    from training.train import train as learn

    model = ActionModel(**({} if settings is None else read_settings(settings)))
    store = prepared(data)
    with console.progress("training") as tell:
        trained = learn(store, source=data, until=until, name=name, tracking=tracking_uri, model=model, progress=tell)
    figures, labels = trained.figures, trained.follower_labels
    if as_json:
        facts = {"version": trained.version, "bundle": str(trained.folder), "activations": trained.activations}
        facts |= {"follower_labels": labels and dict(zip(("real", "fake"), labels, strict=True))}
        facts |= {"without": trained.lost, "walk_forward": figures, "importance": trained.importance}
        console.as_json(facts)
        return
    click.echo(f"{name} version {trained.version}, learnt from {trained.activations:,} activations: {trained.folder}")
    click.echo(f"model card: {trained.folder / CARD}")
    if labels is not None:
        click.echo("follower classifier: learnt from {:,} real and {:,} fake labelled followers".format(*labels))
    for family, names in trained.lost.items():
        click.echo(f"worked without {len(names)} features of {family}: no {', '.join(tables_of(names, store.missing))}")
    for figure, value in figures.items():
        click.echo(f"walk-forward {figure.replace('_', ' ')}: {value:.3f}")
    if trained.importance:
        click.echo("goes by: " + ", ".join(f"{family} {share:.0%}" for family, share in trained.importance.items()))


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
@click.option("--reasons", is_flag=True, help="Say what raises and lowers each likelihood.")
@_LOG
def predict(
    data: str, pairs: Path, out: Path | None, model: str, tracking_uri: str | None, reasons: bool, folder: Path | None
) -> None:
    """Answer pairs of campaign and account, in the order asked, one row each; reasons are JSON.

    All actions are those attributed to the activation. How many of them would not have come anyway is said apart, in
    expected_incremental_actions, incremental_low and incremental_high, for goals of which enough outcomes have
    incremental_actions, measured by a holdout; it is null for others.
    """
    from functools import partial

    from serving.prediction_log import opened
    from serving.predictor import Predictor
    from training.files import log_predictions, prepared, read, write

    if folder is not None:
        opened(folder)
    predictor = Predictor.load(model, tracking_uri=tracking_uri)
    store = prepared(data)
    asked = read(pairs)
    with console.progress("predicting") as tell:
        X = predictor.features(store, asked, progress=lambda share: tell(f"{share:.0%}"))
        answer = predictor.predict(X, pairs=asked, campaigns=store.campaigns, reasons=reasons)
    if folder is not None:
        log_predictions(folder, predictor, answer, X, pairs=asked)
    for said in predictor.incremental(X["goal"]):
        console.note(said)
    if reasons:
        # A value is a number or a text, which no column of a file takes as they are.
        answer["reasons"] = answer["reasons"].map(partial(json.dumps, ensure_ascii=False))
    if out is None:
        click.echo(answer.to_csv(index=False), nl=False)
    else:
        write(answer, out)
        console.note(f"{len(answer):,} answers of {predictor.version}: {out}")


@main.command()
@_DATA
@click.option("--campaign", metavar="ID", required=True, help="A campaign of DATA.")
@click.option("--fees", metavar="FILE", type=click.Path(path_type=Path), help="account_id and fee; .csv or .parquet.")
@click.option("--at-least", type=int, help="Actions to ask for; otherwise break-even, where fee and value are known.")
@click.option("--top", default=20, show_default=True)
@_AS_OF
@_MODEL
@_TRACKING
@click.option("--reasons", is_flag=True, help="Say of each account why, and what would change it most.")
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
    reasons: bool,
    as_json: bool,
) -> None:
    """Rank all known accounts for a campaign.

    By expected value less fee where fees and the value of an action are known, otherwise by expected actions.
    Reasons are lines below the table, with --json or in CSV all that /v1/explain answers.
    """
    from serving.predictor import Predictor
    from training import ranking
    from training.files import prepared, read

    predictor = Predictor.load(model, tracking_uri=tracking_uri)
    store = prepared(data)
    asked: dict[str, Any] = {"campaign": campaign, "as_of": as_of, "at_least": at_least}
    with console.progress("ranking"):
        fee = None if fees is None else read(fees)
        ranked = ranking.rank(predictor, store, fees=fee, **asked).head(top)
        told = ranking.reasons(predictor, store, ranked, **asked) if reasons else []
    for said in predictor.incremental(store.campaigns["goal"][store.campaigns["campaign_id"] == campaign]):
        console.note(said)
    if as_json:
        rows = ranked.to_dict("records")
        console.as_json([{**row, "reasons": why} for row, why in zip(rows, told, strict=True)] if reasons else rows)
    elif reasons and not sys.stdout.isatty():
        console.table(ranked.assign(reasons=[json.dumps(why, ensure_ascii=False) for why in told]))
    else:
        console.table(ranking.readable(ranked), formats=ranking.FORMATS)
        for explanation in told:
            click.echo("\n".join(["", *ranking.lines(explanation)]))


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
@click.option(
    "--snapshot",
    metavar="SNAPSHOT",
    type=click.Path(path_type=Path),
    help="What impel materialize made of DATA; by default made anew at every start.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True)
@_LOG
@click.option(
    "--keys",
    metavar="FILE",
    envvar="IMPEL_KEYS",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Answer callers with an API key of this file only; see impel keys.",
)
@click.option("--without-keys", is_flag=True, help="Answer everybody, beyond this machine too.")
@click.option("--rate-limit", type=click.FloatRange(min=0.001), help="Requests a second of each API key.")
@click.option(
    "--reload-seconds",
    type=click.FloatRange(min=0),
    help="How often to look for another champion and for appended rows; 0 for never.",
)
@click.option(
    "--shadow-share",
    type=click.FloatRange(min=0, max=1),
    help="Share of the predictions that the challenger makes, too, for the log only.",
)
def serve(
    data: str,
    as_of: pd.Timestamp | None,
    model: str,
    tracking_uri: str | None,
    snapshot: Path | None,
    host: str,
    port: int,
    folder: Path | None,
    keys: Path | None,
    without_keys: bool,
    rate_limit: float | None,
    reload_seconds: float | None,
    shadow_share: float | None,
) -> None:
    """Serve predictions over HTTP; the documentation is at /docs.json.

    Logs are JSON on stderr, one line for each request. Beyond this machine it listens with API keys only, unless told
    otherwise. A model that impel promote makes champion, and rows that impel append puts into the store, are taken up
    without a restart.

    With --log, every prediction is logged, outcomes are taken at /v1/outcomes, impel monitor looks at both, and
    impel append STORE FOLDER puts the outcomes into an event store.
    """
    from serving.launch import launch
    from training.files import prepared

    store = prepared(data)
    launch(
        host=host,
        port=port,
        data=data,
        store=store.folder,
        snapshot=snapshot,
        model=model,
        as_of=None if as_of is None else as_of.isoformat(),
        tracking_uri=tracking_uri,
        log=folder,
        keys=keys,
        without_keys="true" if without_keys else None,
        rate_limit=rate_limit,
        reload_seconds=reload_seconds,
        shadow_share=shadow_share,
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


@main.command()
@_DATA
@click.option(
    "--out",
    "folder",
    metavar="SNAPSHOT",
    required=True,
    type=click.Path(path_type=Path),
    help="A new or empty folder, or a snapshot to make anew.",
)
@_AS_OF
@click.option("--model", metavar="URI", help="Use the follower classifier that this model has learnt.")
@_TRACKING
@_JSON
def materialize(
    data: str, folder: Path, as_of: pd.Timestamp | None, model: str | None, tracking_uri: str | None, as_json: bool
) -> None:
    """Work out the features of all known accounts at one moment, for impel serve DATA --snapshot SNAPSHOT.

    The service maps a snapshot into memory instead of reading the data, and answers from it what impel predict answers
    for that moment, bit by bit. Without one it makes its own whenever it starts.

    A snapshot that is there already is made anew in one step. For the same --as-of after impel append only accounts in
    buckets with new rows are worked out again; the result is the same.

    For example: impel materialize store --out snapshot && impel serve store --snapshot snapshot
    """
    from features.materialize import materialize as make
    from serving.predictor import Predictor
    from training.files import prepared

    store = prepared(data)
    if model is not None:
        store.follower_classifier = Predictor.load(model, tracking_uri=tracking_uri).bundle.follower_classifier
    with console.progress("materializing") as tell:
        made = make(store, folder, as_of=as_of, progress=lambda share: tell(f"{share:.0%}"))
    size = sum(size for size, _ in made.contents.files.values())
    if as_json:
        facts = {"snapshot": str(folder), "as_of": f"{made.as_of.isoformat()}Z", "accounts": len(made.accounts)}
        console.as_json(facts | {"bytes": size})
    else:
        click.echo(f"{folder}: {len(made.accounts):,} accounts as of {made.as_of:%Y-%m-%dT%H:%M:%SZ}, {size:,} bytes")


@main.command()
@_MODEL
@_TRACKING
@click.option(
    "--out",
    metavar="FILE.bento|FOLDER",
    type=click.Path(path_type=Path),
    help="A new file or folder; by default the store of BentoML.",
)
@_JSON
def bento(model: str, tracking_uri: str | None, out: Path | None, as_json: bool) -> None:
    """Pack the service and a model into a bento, which serves from an empty folder; needs no network.

    A bento holds code, one model with its lineage as labels, and the exact versions of the libraries that serving
    needs: neither MLflow nor scikit-learn. It holds no data: say where they are when it starts, as IMPEL_DATA (what
    impel serve takes) or IMPEL_STORE.

    For example: impel bento --out impel.bento, then IMPEL_DATA=market bentoml serve ./impel.bento. See
    docs/operations.md for containers.
    """
    from dataclasses import asdict

    from serving.bento import build

    with console.progress("packing"):
        built = build(model, out=out, tracking_uri=tracking_uri)
    if as_json:
        console.as_json(asdict(built))
        return
    console.note(f"{built.tag} with model {built.labels['model_version']}, {len(built.packages)} pinned packages")
    click.echo(built.path)


@main.command()
@click.argument("data", metavar="[DATA]", required=False)
@_MODEL
@_TRACKING
@click.option("--port", default=3000, show_default=True, help="Where the service is to listen.")
@_JSON
def doctor(data: str | None, model: str, tracking_uri: str | None, port: int, as_json: bool) -> None:
    """Say what is wrong with this set-up, and the next step for each thing.

    Looks at Python, libraries, machine, IMPEL_HOME, environment variables, registry, model and, where it is given,
    DATA. Exit code 1 where there is an error; warnings leave it at 0.

    For example: impel doctor market
    """
    from dataclasses import asdict

    from training.doctor import examine

    with console.progress("examining") as tell:
        found = examine(data, model=model, tracking=tracking_uri, port=port, progress=tell)
    sound = all(each.state != "error" for each in found)
    if as_json:
        console.as_json({"ok": sound, "findings": [asdict(each) for each in found]})
    else:
        for each in found:
            click.echo(f"{each.state:<8} {each.check:<11} {each.message}")
    if not sound:
        click.get_current_context().exit(1)


@main.command()
@click.argument("folder", metavar="LOG", type=click.Path(path_type=Path))
@click.option("--data", metavar="DATA", help="Its outcomes count too: the tables, or an event store.")
@click.option("--out", metavar="FOLDER", type=click.Path(path_type=Path), help="For monitor.html and monitor.json.")
@click.option("--days", default=30.0, show_default=True, help="How far back from the last prediction to look.")
@click.option(
    "--against",
    type=click.Choice(["training", "before"]),
    default="training",
    show_default=True,
    help="Compare with training, or with the predictions of as many days before.",
)
@click.option("--max-drift", default=0.25, show_default=True, help="Population stability index (IMP102, IMP106).")
@click.option("--max-missing", default=0.1, show_default=True, help="Rise of a share of unknown values (IMP103).")
@click.option("--max-unknown", default=0.05, show_default=True, help="Share with an unknown goal or so (IMP104).")
@click.option("--max-outside", default=0.2, show_default=True, help="Share outside the support (IMP105).")
@click.option("--max-gap", default=0.05, show_default=True, help="Likelihood against what came (IMP107, IMP108).")
@click.option("--max-dropped", default=0.01, show_default=True, help="Share of predictions not logged (IMP101).")
@click.option("--max-age", default=7.0, show_default=True, help="Age in days of what is predicted from (IMP109).")
@_JSON
def monitor(
    folder: Path,
    data: str | None,
    out: Path | None,
    days: float,
    against: Literal["training", "before"],
    max_drift: float,
    max_missing: float,
    max_unknown: float,
    max_outside: float,
    max_gap: float,
    max_dropped: float,
    max_age: float,
    as_json: bool,
) -> None:
    """Say whether the world is still the one that the model learnt from.

    LOG is the folder of impel serve --log. Features and likelihoods of the predictions are compared with those of
    training, or of the time before (--against before), and likelihoods and intervals with the outcomes that have come
    in: those reported to the service, and those of DATA. Each check has a code and says what to do; --out writes them
    with pictures.

    Exit code 0 where no threshold is crossed, 3 where one is; 1 where it failed, 2 for wrong use.

    For example: impel monitor log --data store --out report
    """
    from training.files import prepared
    from training.monitor import Thresholds, page
    from training.monitor import monitor as look

    limits = Thresholds(
        drift=max_drift,
        missing=max_missing,
        unknown=max_unknown,
        outside=max_outside,
        calibration=max_gap,
        dropped=max_dropped,
        days=max_age,
    )
    store = None if data is None else prepared(data)
    with console.progress("looking at the log"):
        found = look(folder, thresholds=limits, days=days, store=store, against=against)
        written = None if out is None else page.write(found, out)
    if as_json:
        console.as_json(found.to_dict())
    else:
        for one in found.findings:
            click.echo(f"{one.code} {one.outcome}: {one.said}{' ' + one.to_do if one.to_do else ''}")
    if written is not None:
        console.note(f"{written}")
    if found.crossed:
        click.get_current_context().exit(3)


@main.command("import")
@click.argument("provider", required=False)
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", metavar="DATA", type=click.Path(path_type=Path), help="The folder of tables; imports add up.")
@click.option("--mapping", metavar="FILE.toml", type=click.Path(path_type=Path), help="A mapping of your own.")
@click.option(
    "--accounts", metavar="MAP.csv", type=click.Path(path_type=Path), help="Other names of accounts: name, account_id."
)
@click.option("--time-zone", metavar="ZONE", help="Of times that name none, such as Europe/Berlin.")
@click.option("--currency", metavar="CUR", help="Of amounts, such as EUR; rows in another are refused.")
@click.option("--exported-at", callback=_moment, metavar="TIME", help="When the files were exported.")
@click.option("--account", metavar="NAME", help="Whose the files are that do not say, such as youtube:anna.")
@click.option("--describe", is_flag=True, help="Say what each field of the provider becomes.")
@click.option("--dry-run", is_flag=True, help="Show what is understood; write nothing.")
@_JSON
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


@main.command()
@_DATA
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="For impel train --settings FILE; .json.")
@click.option(
    "--trials",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="Settings to try altogether, the defaults and those of earlier runs included.",
)
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), help="Try no further ones after that."
)
@click.option(
    "--at-least",
    type=click.IntRange(min=1),
    help="Actions to ask for; otherwise break-even where fee and value are known, else 1.",
)
@_JSON
def tune(data: str, out: Path | None, trials: int, timeout: float | None, at_least: int | None, as_json: bool) -> None:
    """Look for better settings of the model than the defaults, which are meant not to need it.

    Settings are tried walk-forward on all but the last fifth of the activations, and given up where they fall behind.
    The best are then compared with the defaults on that last fifth, with an interval: often tuning brings nothing
    beyond noise, and this says so.

    What was tried is kept in IMPEL_HOME. Stop when you like: the same command goes on from there, and a larger
    --trials adds more.

    For example: impel tune market --trials 40 --out settings.json, then impel train market --settings settings.json
    """
    from training.files import prepared
    from training.settings import write_settings
    from training.tune import tune_store

    store = prepared(data)
    try:
        with console.progress("tuning") as tell:
            found = tune_store(store, trials=trials, timeout=timeout, at_least=at_least, progress=tell)
    except KeyboardInterrupt:
        console.note("what was tried is kept; the same command goes on from there")
        raise
    if out is not None:
        write_settings(found.settings, out)
    if as_json:
        console.as_json(found.facts())
    else:
        click.echo("\n".join(found.sentences()))


main.add_command(keys)
