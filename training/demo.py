"""The demo: the whole way on a small marketplace, ending with a ranked answer, a report and a served answer."""

from __future__ import annotations

import json
import shutil
import urllib.request
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from features import EventStore, build, open_tables
from features.checks import check
from features.errors import DataError
from serving.launch import running
from serving.predictor import Predictor
from serving.settings import home
from training import console, report
from training.backtest import backtest, first_decision, origin
from training.follower_labels import use_labels
from training.marketplace import simulate
from training.model import ActionModel
from training.ranking import FORMATS, INCREMENTAL, lines, rank, reasons
from training.train import closed, train
from training.truth import MarketTruth

if TYPE_CHECKING:
    import pandas as pd

INFLUENCERS, CAMPAIGNS = 800, 120
FOLDS = 4
SHOWN = 10


def run(out: Path | None = None) -> None:
    """Run it.

    Parameters
    ----------
    out : Path, optional
        Where data and report are kept; by default `demo` in the home of the user's work. What an earlier demo left
        there is replaced.
    """
    out = out or home() / "demo"
    market = out / "market"
    if market.exists():
        if not (market / "truth.parquet").exists():
            raise DataError(f"{market} holds something else than a demo; name another folder with --out.")
        shutil.rmtree(market)
    console.heading(f"simulating a marketplace of {INFLUENCERS} influencers and {CAMPAIGNS} campaigns")
    with console.progress("simulating") as tell:
        simulate(market, influencers=INFLUENCERS, campaigns=CAMPAIGNS, seed=7, truth=True, progress=tell)
    console.heading("checking it against the data contract")
    with console.progress("checking") as tell:
        found = check(market, progress=tell)
    console.note(
        f"    {sum(found.tables.values()):,} rows in {len(found.tables)} tables, {len(found.problems)} problems"
    )
    console.heading("preparing the event store: sorted by account and time")
    with open_tables(market) as tables, console.progress("preparing") as tell:
        store = EventStore.prepare(tables, home() / "stores" / tables.fingerprint[:16], progress=tell)
    activations = closed(store)
    console.heading(f"training on {len(activations):,} past activations, judged walk-forward")
    with console.progress("training") as tell:
        trained = train(store, source=str(market), progress=tell)
    for name, value in trained.figures.items():
        console.note(f"    {name.replace('_', ' ')}: {value:.3f}")
    console.heading("backtesting: what each policy would have earned, by what was known before each campaign")
    first = first_decision(activations, folds=FOLDS)
    if first is not None:
        use_labels(store, until=first)
    with console.progress("backtesting") as tell:
        result = backtest(
            build(store, activations),
            activations,
            model=ActionModel(),
            folds=FOLDS,
            truth=MarketTruth(market / "truth.parquet", store),
            metadata=origin(store),
            progress=tell,
        )
        page = report.write(result, out / "report")
    campaign, fees, as_of = _offer(store, market)
    brief = store.campaigns.set_index("campaign_id").loc[campaign]
    console.heading(
        f"ranking {len(fees):,} candidates for campaign {campaign}: {brief['goal']}, {brief['vertical']}, "
        f"one action worth {brief['value_per_action']:g}"
    )
    predictor = Predictor.load(trained.folder)
    ranked = rank(predictor, store, campaign=campaign, as_of=as_of, fees=fees).head(SHOWN)
    # Read by a program, the width of the terminal is unknown.
    terminal = Console()
    shown = ranked.drop(columns=[*INCREMENTAL, "own_record_weight"])  # what `impel rank` shows besides
    console.shown(shown, terminal if terminal.is_terminal else Console(width=140), formats=FORMATS)
    for line in lines(reasons(predictor, store, ranked.head(1), campaign=campaign, as_of=as_of)[0]):
        click.echo(line)
    console.heading("asking the HTTP service for the first three of them")
    moment = f"{as_of:%Y-%m-%dT%H:%M:%SZ}"
    with running(data=market, store=store.folder, model=trained.folder, as_of=moment) as address:
        _ask(address, brief, _audience(store, campaign), ranked.head(3))
    click.echo(f"Report: {_from_here(page)}")
    click.echo(f"Data:   {_from_here(market)}")
    click.echo(f"Next:   impel rank {_from_here(market)} --campaign {campaign} --top 20")
    click.echo(f"        impel serve {_from_here(market)} --backtest {_from_here(page.parent)}")
    click.echo("        then open http://127.0.0.1:3000/console")


def _from_here(path: Path) -> Path:
    """Return a path as it is written in the current folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _offer(store: EventStore, market: Path) -> tuple[str, pd.DataFrame, pd.Timestamp]:
    """Return the last campaign that names a value, the fees its candidates ask, and when it was decided."""
    valued = store.campaigns.dropna(subset=["value_per_action"]).sort_values("starts_at")
    campaign = str(valued["campaign_id"].iloc[-1])
    pairs, _ = MarketTruth(market / "truth.parquet", store).candidates([campaign])
    return campaign, pairs[["account_id", "fee"]], pairs["decided_at"].iloc[0]


def _audience(store: EventStore, campaign: str) -> dict[str, dict[str, float]]:
    wanted = store.campaign_audience[store.campaign_audience["campaign_id"] == campaign]
    return {
        str(dimension): dict(zip(slices["bucket"], slices["share"], strict=True))
        for dimension, slices in wanted.groupby("dimension")
    }


def _ask(address: str, brief: pd.Series, audience: dict[str, dict[str, float]], candidates: pd.DataFrame) -> None:
    body = {
        "brief": {
            "goal": brief["goal"],
            "vertical": brief["vertical"],
            "brand_id": brief["brand_id"],
            "topics": list(brief["topics"]),
            "brief": brief["brief"],
            "starts_at": f"{brief['starts_at']:%Y-%m-%dT%H:%M:%SZ}",
            "budget": None if isnan(brief["budget"]) else float(brief["budget"]),
            "attribution_days": int(brief["attribution_days"]),
            "value_per_action": float(brief["value_per_action"]),
            "audience": audience,
        },
        "candidates": candidates[["account_id", "fee"]].to_dict("records"),
    }
    request = urllib.request.Request(  # noqa: S310 - our own service on this machine
        f"{address}/v1/predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    console.note(f"    POST {address}/v1/predict")
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        said = json.load(answer)
    for row in said["predictions"]:
        click.echo(
            f"  {row['account_id']}: at least {row['at_least']} with likelihood {row['likelihood']:.3f}, "
            f"{row['expected_actions']:.1f} expected ({row['actions_low']} to {row['actions_high']}), {row['support']}"
        )
