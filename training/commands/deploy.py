"""Commands for those who run the service: pack it, examine the set-up."""

from __future__ import annotations

from pathlib import Path

import click

from training import console
from training.commands.options import JSON, MODEL, TRACKING


@click.command()
@MODEL
@TRACKING
@click.option(
    "--out",
    metavar="FILE.bento|FOLDER",
    type=click.Path(path_type=Path),
    help="A new file or folder; by default the store of BentoML.",
)
@JSON
def bento(model: str, tracking_uri: str | None, out: Path | None, as_json: bool) -> None:
    """Pack the service and a model into a bento, which serves from an empty folder; needs no network.

    A bento holds code, one model with its lineage as labels, and the exact versions of the libraries that serving
    needs: neither MLflow nor scikit-learn. It holds no data: say where they are when it starts, as IMPEL_DATA (what
    impel serve takes) or IMPEL_STORE.

    For example: impel bento --out bento, then IMPEL_DATA="$PWD/market" bentoml serve "$PWD/bento". See
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


@click.command()
@click.argument("data", metavar="[DATA]", required=False)
@MODEL
@TRACKING
@click.option("--port", default=3000, show_default=True, help="Where the service is to listen.")
@JSON
def doctor(data: str | None, model: str, tracking_uri: str | None, port: int, as_json: bool) -> None:
    """Say what is wrong with this set-up, and the next step for each thing.

    Looks at Python, libraries, machine, IMPEL_HOME, environment variables, keys, log, registry, model and, where it is
    given, DATA. Exit code 1 where there is an error; warnings leave it at 0.

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
