"""Small files in the shapes that providers export, written for these tests, and a way to import them."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from features.importers.folder import ImportReport, import_files
from features.importers.mapping import load
from features.importers.options import Options, checked
from features.sources import open_tables

EXPORTED = pd.Timestamp("2026-07-01")

CAMPAIGNS = (
    "campaign_id,brand_id,vertical,goal,topics,starts_at,attribution_days,value_per_action\n"
    "c1,tea,food,sale,tea;home,2026-05-01,30,20\n"
)
CODES = "code,account_id,campaign_id\nANNA20,instagram:Anna,c1\nBEA20,tiktok:bea,c1\n"
POSTS = (
    "CampaignId,PostId,SocialHandle,SocialNetwork,PostDate,LastUpdated,PostStatus,Views,Impressions,Likes,Comments,"
    "TotalShares,FollowersAtTimeOfPost,CreatorId,Clicks,Post\n"
    'c1,1,@Anna,Instagram,2026-05-03,2026-06-20 08:12:54,Actual,1.2K,,"1,017",3,,"14,575",99,5,"Tea, at last"\n'
    "c1,2,bea,TikTok,2026-05-04,2026-06-20 08:12:54,Actual,,900,17,-,,3000,98,,Cups\n"
    "c1,3,dora,Instagram,,,Missing,,,,,,,97,,\n"
)
ORDERS = (
    "Name,Email,Financial Status,Currency,Total,Discount Code,Created at,Lineitem name,Cancelled at,Id\n"
    "#1,a@b.c,paid,EUR,9,,2026-04-30 10:00:00 +0200,Tea,,1\n"
    "#2,a@b.c,paid,EUR,9,ANNA20,2026-05-04 10:00:00 +0200,Tea,,2\n"
    "#2,a@b.c,,,,,,Cup,,\n"
    "#3,a@b.c,partially_refunded,EUR,9,anna20,2026-05-05 10:00:00 +0200,Tea,,3\n"
    "#4,a@b.c,refunded,EUR,9,ANNA20,2026-05-06 10:00:00 +0200,Tea,,4\n"
    "#5,a@b.c,paid,EUR,9,ANNA20,2026-05-06 10:00:00 +0200,Tea,2026-05-07 10:00:00 +0200,5\n"
    "#6,a@b.c,paid,EUR,9,,2026-06-20 10:00:00 +0200,Tea,,6\n"
)


def written(folder: Path, name: str, content: Any) -> Path:
    """Write a file: texts as they are, everything else as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def imported(
    folder: Path,
    provider: str,
    name: str,
    content: Any,
    *,
    dry_run: bool = False,
    mapping: Path | None = None,
    **options: Any,
) -> ImportReport:
    """Import one file into `folder/data`."""
    path = written(folder / "files", name, content)
    known = load(provider, mapping)
    accounts = options.pop("accounts", None)
    return import_files(known, [path], folder / "data", checked(Options(**options)), accounts=accounts, dry_run=dry_run)


def table(folder: Path, name: str) -> pd.DataFrame:
    """Return a table of `folder/data` as Impel reads it."""
    path = folder / "data" / f"{name}.parquet"
    if not path.exists():
        return pd.DataFrame()
    with open_tables({name: pd.read_parquet(path)}, partial=True) as tables:
        return tables.frame(name)


def hired(folder: Path) -> None:
    """Import campaigns, codes and posts: who was hired and posted."""
    shutil.copytree(_ready(), folder, dirs_exist_ok=True)


def complete(folder: Path) -> None:
    """Import campaigns, codes, posts and orders: enough for outcomes."""
    shutil.copytree(_ready(orders=True), folder, dirs_exist_ok=True)


def briefed(folder: Path, campaigns: str = CAMPAIGNS, codes: str = CODES) -> None:
    """Import campaigns and codes at once."""
    files = [written(folder / "files", "campaigns.csv", campaigns), written(folder / "files", "codes.csv", codes)]
    import_files(load("tables"), files, folder / "data", Options())


@cache
def _ready(*, orders: bool = False) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="impel-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if orders:
        hired(folder)
        imported(folder, "shopify", "orders.csv", ORDERS)
    else:
        briefed(folder)
        imported(folder, "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    return folder
