"""What promotion adds to a repository's stars and new committers: `python -m benchmarks.promotion_lift --help`.

Bursts of tweets that promote a repository, each with up to five repositories that were not promoted at that time (Fang
et al., ICSE 2022). Reported are the plain difference, the difference within matched sets, and the doubly robust lift,
clustered by repository; and the same for what came in the three days before, which promotion cannot have caused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import pandas as pd

from training.lift import Difference, estimate_lift, matched_difference

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTS = ["age_days", "stars", "commits", "developers"]
BEFORE = ["stars_3d_before", "new_committers_3d_before", "commits_3d_before"]
FLAGS = ["by_organisation", "trending_30d_before", "trending_7d_before", "release_30d_before", "release_7d_before"]
OUTCOMES = {
    "stars in the three days after": "stars_3d_after",
    "new committers in the three days after": "new_committers_3d_after",
    "placebo: stars in the three days before": "stars_3d_before",
    "placebo: new committers in the three days before": "new_committers_3d_before",
}


def report(bursts: pd.DataFrame) -> Iterator[str]:
    """Yield one line of a table per outcome, then what the first rests on."""
    known = pd.concat([np.log1p(bursts[COUNTS + BEFORE]), bursts[FLAGS].astype(np.float64)], axis=1)
    yield "| outcome | naive | matched | doubly robust | promoted | without promotion |"
    yield "|---|---|---|---|---|---|"
    first = None
    for title, column in OUTCOMES.items():
        outcome = bursts[column].to_numpy(np.float64)
        # What came before cannot explain itself; whatever came with it in the same days is left out, too.
        covariates = known.drop(columns=BEFORE) if column in BEFORE else known
        found = estimate_lift(bursts["promoted"], outcome, covariates, bursts["repository"])
        first = first or found
        matched = matched_difference(bursts["promoted"], outcome, bursts["burst_id"])
        yield (
            f"| {title} | {_cell(found.naive)} | {_cell(matched)} | {_cell(found.adjusted)} "
            f"| {found.treated_mean:.3f} | {found.without_mean:.3f} |"
        )
    if first is not None:
        yield (
            f"\n{first.treated:,} promoted and {first.untreated:,} other rows (in effect {first.effective:,.0f}); "
            f"{first.left_out:.1%} of the promoted are left out for want of others alike.\n"
        )
        yield "| covariate (log1p of counts) | promoted | others | standardised difference before | after |"
        yield "|---|---|---|---|---|"
        for one in first.balance.itertuples():
            yield f"| {one.covariate} | {one.treated:.3f} | {one.untreated:.3f} | {one.before:.3f} | {one.after:.3f} |"


def _cell(found: Difference) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Print the lift of promotion, from bursts.parquet in FOLDER."""
    for line in report(pd.read_parquet(folder / "bursts.parquet")):
        click.echo(line)


if __name__ == "__main__":
    main()
