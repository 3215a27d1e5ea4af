"""Commands about models: train, tune, backtest, list, promote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from training import console
from training.commands.options import AT_LEAST, DATA, JSON, NAME, TRACKING, Number, read_moment

if TYPE_CHECKING:
    import pandas as pd

_FEATURES, _JUDGED = 0.15, 0.95  # which share of a backtest's time is over after each step, about


@click.command()
@DATA
@click.option(
    "--until", callback=read_moment, metavar="TIME", help="Learn only from outcomes that were complete by then."
)
@click.option(
    "--settings", metavar="FILE", type=click.Path(path_type=Path), help="JSON, as impel tune writes it; else defaults."
)
@TRACKING
@NAME
@JSON
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


@click.command()
@DATA
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="For impel train --settings FILE; .json.")
@click.option(
    "--trials",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="Settings to try altogether, the defaults and those of earlier runs included.",
)
@click.option("--timeout", metavar="SECONDS", type=Number(min=0, min_open=True), help="Try no further ones after that.")
@AT_LEAST
@JSON
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


@click.command()
@DATA
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="For report.html and numbers."
)
@click.option(
    "--folds",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many blocks of campaigns are tested.",
)
@click.option(
    "--test-share",
    default=0.6,
    show_default=True,
    type=Number(0, 1, min_open=True, max_open=True),
    help="Share of the activations, the last ones, to test.",
)
@AT_LEAST
@click.option("--truth", is_flag=True, help="Judge all candidates by DATA/truth.parquet of a simulated marketplace.")
@click.option("--plots", is_flag=True, help="Also write each picture as PNG and SVG, into DIR/plots.")
@JSON
def backtest(
    data: str, out: Path, folds: int, test_share: float, at_least: int | None, truth: bool, plots: bool, as_json: bool
) -> None:
    """Say what the model would have earned on past campaigns, each judged by what was known before it.

    Labels of fake followers count where they were observed before the first decision that is tested.
    """
    from features import build
    from features.progress import within
    from training import report
    from training.backtest import backtest as judge
    from training.backtest import first_decision, origin
    from training.candidates import KnownAccounts
    from training.files import prepared, ready_folder
    from training.follower_labels import use_labels
    from training.model import ActionModel
    from training.train import closed
    from training.truth import MarketTruth

    ready_folder(out)
    store = prepared(data)
    activations = closed(store)
    first = first_decision(activations, folds=folds, test_share=test_share)
    with console.progress("backtesting") as tell:
        if first is not None:
            use_labels(store, until=first, progress=tell)
        X = build(store, activations, progress=lambda share: tell("features", _FEATURES * share))
        result = judge(
            X,
            activations,
            model=ActionModel(),
            folds=folds,
            test_share=test_share,
            at_least=at_least,
            truth=MarketTruth(Path(data) / "truth.parquet", store) if truth else None,
            accounts=KnownAccounts(store),
            metadata=origin(store),
            progress=within(tell, _FEATURES, _JUDGED),
        )
        tell("the report", _JUDGED)
        page = report.write(result, out, pictures=plots)
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


@click.command()
@TRACKING
@NAME
@JSON
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


@click.command()
@click.argument("version", type=int)
@TRACKING
@NAME
def promote(version: int, tracking_uri: str | None, name: str) -> None:
    """Make a version champion, if it is not worse on its last fold, calibrated, and reproduces its own answers."""
    from training import registry

    promoted = registry.promote(version, name=name, tracking=tracking_uri)
    click.echo(f"{name} version {promoted.version} is champion")


@click.command()
@click.argument("folder", metavar="BUNDLE", type=click.Path(path_type=Path))
@TRACKING
def log(folder: Path, tracking_uri: str | None) -> None:
    """Log a trained bundle to MLflow that could not be logged when it was trained."""
    from training import registry

    click.echo(f"version {registry.log_bundle(folder, tracking=tracking_uri)}")
