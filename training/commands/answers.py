"""Commands that answer: predict, rank, serve, and what goes with serving."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from training import console
from training.commands.options import AS_OF, AT_LEAST, DATA, JSON, LOG, MODEL, TRACKING, Number

if TYPE_CHECKING:
    import pandas as pd


@click.command()
@DATA
@click.option(
    "--pairs",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="campaign_id, account_id, decided_at and, if you like, fee and at_least; .csv or .parquet.",
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help=".csv or .parquet; by default stdout.")
@MODEL
@TRACKING
@click.option("--reasons", is_flag=True, help="Say what raises and lowers each likelihood.")
@LOG
def predict(
    data: str, pairs: Path, out: Path | None, model: str, tracking_uri: str | None, reasons: bool, log: str | None
) -> None:
    """Answer pairs of campaign and account, in the order asked, one row each; reasons are JSON.

    All actions are those attributed to the activation. How many of them would not have come anyway is said apart, in
    expected_incremental_actions, incremental_low and incremental_high, for goals of which enough outcomes have
    incremental_actions, measured by a holdout; it is null for others.
    """
    from functools import partial

    from serving.log_storage import log_storage
    from serving.predictor import Predictor
    from training.files import log_predictions, prepared, read, ready, write

    storage = None if log is None else log_storage(log)
    if storage is not None:
        storage.create()
    if out is not None:
        ready(out)
    asked = read(pairs)
    predictor = Predictor.load(model, tracking_uri=tracking_uri)
    store = prepared(data)
    with console.progress("predicting") as tell:
        X = predictor.features(store, asked, progress=partial(tell, f"features of {len(asked):,} pairs"))
        answer = predictor.predict(X, pairs=asked, campaigns=store.campaigns, reasons=reasons)
    if storage is not None:
        log_predictions(storage, predictor, answer, X, pairs=asked)
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


@click.command()
@DATA
@click.option("--campaign", metavar="ID", required=True, help="A campaign of DATA.")
@click.option("--fees", metavar="FILE", type=click.Path(path_type=Path), help="account_id and fee; .csv or .parquet.")
@AT_LEAST
@click.option("--top", default=20, show_default=True, type=click.IntRange(min=1))
@AS_OF
@MODEL
@TRACKING
@click.option("--reasons", is_flag=True, help="Say of each account why, and what would change it most.")
@JSON
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
    with console.progress("ranking") as tell:
        fee = None if fees is None else read(fees)
        ranked = ranking.rank(predictor, store, fees=fee, progress=tell, **asked).head(top)
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


@click.command()
@DATA
@click.option(
    "--out",
    "folder",
    metavar="SNAPSHOT",
    required=True,
    type=click.Path(path_type=Path),
    help="A new or empty folder, or a snapshot to make anew.",
)
@AS_OF
@click.option("--model", metavar="URI", help="Use the follower classifier that this model has learnt.")
@TRACKING
@JSON
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
    from functools import partial

    from features.materialize import materialize as make
    from serving.predictor import Predictor
    from training.files import prepared

    store = prepared(data)
    if model is not None:
        store.follower_classifier = Predictor.load(model, tracking_uri=tracking_uri).bundle.follower_classifier
    with console.progress("materializing") as tell:
        words = f"features of {len(store.accounts):,} accounts"
        made = make(store, folder, as_of=as_of, progress=partial(tell, words))
    size = sum(size for size, _ in made.contents.files.values())
    if as_json:
        facts = {"snapshot": str(folder), "as_of": f"{made.as_of.isoformat()}Z", "accounts": len(made.accounts)}
        console.as_json(facts | {"bytes": size})
    else:
        click.echo(f"{folder}: {len(made.accounts):,} accounts as of {made.as_of:%Y-%m-%dT%H:%M:%SZ}, {size:,} bytes")


@click.command()
@DATA
@AS_OF
@MODEL
@TRACKING
@click.option(
    "--snapshot",
    metavar="SNAPSHOT",
    type=click.Path(path_type=Path),
    help="What impel materialize made of DATA; by default made anew at every start.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--backtest",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="What impel backtest DATA --out DIR wrote: the console shows it.",
)
@LOG
@click.option(
    "--keys",
    metavar="FILE",
    envvar="IMPEL_KEYS",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Answer callers with an API key of this file only; see impel keys.",
)
@click.option("--without-keys", is_flag=True, help="Answer everybody, beyond this machine too.")
@click.option("--rate-limit", type=Number(min=0.001), help="Requests a second of each API key.")
@click.option(
    "--reload-seconds",
    type=Number(min=0),
    help="How often to look for another champion and for appended rows; 0 for never.",
)
@click.option(
    "--shadow-share",
    type=Number(min=0, max=1),
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
    backtest: Path | None,
    log: str | None,
    keys: Path | None,
    without_keys: bool,
    rate_limit: float | None,
    reload_seconds: float | None,
    shadow_share: float | None,
) -> None:
    """Serve predictions over HTTP; the documentation is at /docs.json, a console for marketers at /console.

    Logs are JSON on stderr, one line for each request. Beyond this machine it listens with API keys only, unless told
    otherwise. A model that impel promote makes champion, and rows that impel append puts into the store, are taken up
    without a restart.

    With --log, every prediction is logged, outcomes are taken at /v1/outcomes, impel monitor looks at both, and
    impel append STORE LOG puts the outcomes into an event store.
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
        backtest=backtest,
        log=log,
        keys=keys,
        without_keys="true" if without_keys else None,
        rate_limit=rate_limit,
        reload_seconds=reload_seconds,
        shadow_share=shadow_share,
    )


@click.command()
@click.argument("log", metavar="LOG")
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
@JSON
def monitor(
    log: str,
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

    LOG is that of impel serve --log, a folder or a database. Features and likelihoods of the predictions are compared
    with those of training, or of the time before (--against before), and likelihoods and intervals with the outcomes
    that have come in: those reported to the service, and those of DATA. Each check has a code and says what to do;
    --out writes them with pictures.

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
        found = look(log, thresholds=limits, days=days, store=store, against=against)
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
