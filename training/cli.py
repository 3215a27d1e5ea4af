"""The command `impel`."""

from __future__ import annotations

from pathlib import Path

import click

from features.errors import SettingError
from training import console
from training.commands import answers, data, deploy, keys, models


@click.group(cls=console.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="impel", message="%(prog)s %(version)s")
def main() -> None:
    """Say how likely each influencer is to drive the action that a campaign wants, and how sure that is.

    DATA is a folder of Parquet or CSV files, a .duckdb file or the URL of a database (postgresql://, mysql://,
    sqlite:///) with the tables of the data contract: accounts, posts, campaigns and outcomes, and as many of the others
    as you have; impel import makes them from exports. Or it is an event store that impel prepare made and impel append
    puts the rows of each new day into.

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


for _command in (
    data.simulate,
    data.check,
    data.prepare,
    data.append,
    data.import_,
    data.features,
    data.scores,
    models.train,
    models.tune,
    models.backtest,
    models.models,
    models.promote,
    models.log,
    answers.predict,
    answers.rank,
    answers.materialize,
    answers.serve,
    answers.monitor,
    deploy.bento,
    deploy.doctor,
    keys.keys,
):
    main.add_command(_command)
