from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from features.errors import SettingError
from tests.training.backtest_cases import Market, market, model
from training.backtest import Backtest, backtest
from training.policies import MODEL, POLICIES
from training.report import numbers, words, write
from training.report.page import plain, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOSTILE = "<script>alert('x')</script>\" onload=\"alert(1) $x^2$ \\1 & 名前"
GAP = "\N{NO-BREAK SPACE}"


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, and the text outside style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "link", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", " ".join(self.words))


@pytest.fixture(scope="session")
def sample() -> Market:
    return market(seed=1)


@pytest.fixture(scope="session")
def usual(sample: Market) -> Backtest:
    return backtest(sample.X, sample.activations, model=model(), folds=2)


@pytest.fixture(scope="session")
def simulated(sample: Market) -> Backtest:
    return backtest(sample.X, sample.activations, model=model(), folds=2, truth=sample)


@pytest.fixture(scope="session")
def bare(sample: Market) -> Backtest:
    """Nothing but posts and outcomes: one account per campaign, one goal, no money, no followers; hostile names."""
    unknown = ["log_followers", "engagement_rate_median_90d", "klout_score", "kred_influence", "past_actions_mean"]
    platform = sample.X["platform"].replace("blog", HOSTILE)
    X = sample.X.assign(goal="sale", platform=platform, **dict.fromkeys([*unknown, "fee_log"], np.nan))
    rows = sample.activations.assign(
        campaign_id=[f"live{number}" for number in range(len(X))],
        account_id=HOSTILE,
        fee=np.nan,
        value_per_action=np.nan,
        goal="sale",
    )
    facts = {"families_without": [HOSTILE], "data": HOSTILE}
    return backtest(X, rows, model=model(), folds=2, at_least=5, metadata=facts)


@pytest.fixture(scope="session", params=["usual", "simulated", "bare"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Backtest, Path]:
    found: Backtest = request.getfixturevalue(request.param)
    path = write(found, tmp_path_factory.mktemp("report") / "new" / request.param)
    return found, path


def test_three_files_hold_the_same(written: tuple[Backtest, Path]) -> None:
    found, path = written
    assert {file.name for file in path.parent.iterdir()} == {"report.html", "metrics.json", "predictions.parquet"}
    metrics = json.loads((path.parent / "metrics.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert metrics == plain(found.metrics)
    assert len(pd.read_parquet(path.parent / "predictions.parquet")) == metrics["data"]["tested"]


def test_the_page_is_one_file_that_asks_for_nothing(written: tuple[Backtest, Path]) -> None:
    page = Page(written[1].read_text(encoding="utf-8"))
    assert not page.open
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "iframe", "img", "object", "base"}
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    text = written[1].read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)|@import", text)
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_pictures_and_tables_can_be_read_aloud(written: tuple[Backtest, Path]) -> None:
    page = Page(written[1].read_text(encoding="utf-8"))
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert pictures
    for attributes in pictures:
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"] or "") > 40
    for tag, attributes in page.elements:
        assert tag != "table" or attributes["aria-label"]
        assert tag != "th" or attributes["scope"] in {"col", "row"}


@pytest.fixture(scope="module")
def pictures(simulated: Backtest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    page = write(simulated, folder, pictures=True)
    # Files in colours of their own leave those of the page as they are.
    assert page.read_text(encoding="utf-8") == render(plain(simulated.metrics))
    return folder / "plots"


def test_every_picture_of_the_page_is_a_file_too(pictures: Path) -> None:
    drawn = len(re.findall('class="plot wide"', (pictures.parent / "report.html").read_text(encoding="utf-8")))
    names = {path.stem for path in pictures.iterdir()}
    assert len(names) == drawn >= 5
    assert {path.name for path in pictures.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    for path in pictures.glob("*.png"):
        height, width, *_ = matplotlib.image.imread(path).shape
        assert min(height, width) > 500


def test_a_picture_as_a_file_says_what_it_shows(pictures: Path) -> None:
    for path in pictures.glob("*.svg"):
        svg = ET.parse(path).getroot()
        title, words = svg[0], svg[1]
        assert (title.tag.rpartition("}")[2], words.tag.rpartition("}")[2]) == ("title", "desc")
        assert words.text.startswith(title.text)
        assert len(words.text) > len(title.text) > 5
        text = path.read_text(encoding="utf-8")
        assert "var(" not in text
        assert "impel --" not in text


def test_every_figure_of_the_tables_is_one_of_the_metrics(simulated: Backtest) -> None:
    m = plain(simulated.metrics)
    text = Page(render(m)).text
    said: list[str] = []
    for one in [*m["likelihood"].values(), *m["truth"]["likelihood"].values()]:
        names = {"score_auc", "auc", "log_loss", "brier", "brier_skill"} & set(one)
        said += [part for name in names for part in cell(one[name], numbers.figure)]
    for entry in [*m["ranking"], *m["truth"]["ranking"]]:
        for one in entry["policies"].values():
            said += cell(one["actions_share"], numbers.percent) + cell(one["ndcg"], numbers.figure)
            said += [part for name in ("value", "fees", "net_value") for part in cell(one[name], numbers.short)]
    for one in m["slices"]:
        said += [one["not_enough"]] if "not_enough" in one else cell(one["score_auc"][MODEL], numbers.figure)
    said += [part for one in m["importance"] for part in (one["family"], *cell(one["loss_rise"], numbers.fine))]
    tenths = [one["value"] for one in m["pit"]]
    said += [numbers.percent(min(tenths)), numbers.percent(max(tenths))]
    said += [numbers.figure(100 * m["thresholds"][0]["calibration_error"]["value"], digits=1)]
    for one in m["folds"]:
        said += [f"{one['test_rows']} in {one['test_campaigns']}", one["train_until"][:10], str(one["embargoed"])]
    said += [one[name] for one in m["policies"] for name in ("label", "reason") if one[name]]
    for one in m["checks"]:
        said += [
            one[name].replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") for name in ("code", "title", "said", "to_do")
        ]
    for one in m["off_policy"]["policies"].values():
        if one["why_not"]:
            said.append(one["why_not"])
            continue
        for estimator in ("inverse_propensity", "self_normalised", "doubly_robust"):
            said += cell(one[estimator]["net_value"], numbers.short)
        said += cell(one["doubly_robust"]["against_hired"], numbers.short)
    assert [part for part in said if part not in text] == []


def cell(one: dict[str, Any], how: Callable[[float], str]) -> list[str]:
    return [how(one["value"]), numbers.within(one, how)]


def test_names_are_text_and_nothing_else(bare: Backtest) -> None:
    page = Page(render(plain(bare.metrics)))
    shown = page.text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    assert shown.count(HOSTILE) >= 3  # as a family, as a fact, as a part of the data
    assert "<script>ale" in re.sub(r"\s", "", shown.replace(HOSTILE, ""))  # shortened, in the picture
    labels = [attributes["aria-label"] or "" for tag, attributes in page.elements if tag == "svg"]
    assert any(HOSTILE in label for label in labels)


def test_data_without_money_or_rivals_say_so(bare: Backtest) -> None:
    text = Page(render(plain(bare.metrics))).text
    assert "brings at least 5 actions" in words.title(plain(bare.metrics))
    assert "No tested campaign hired more than one account" in text
    assert "The value of an action is not known" in text
    assert "log_followers is unknown throughout; it needs followers (table account_stats)" in text
    assert "after fees" not in text


def estimate(value: float, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def changed(found: Backtest, gap: dict[str, Any]) -> dict[str, Any]:
    """Return metrics in which the model's net value differs from its rival's by the given amount."""
    m = plain(replace(found).metrics)
    against = words.entry(m)["model_against"][m["headline"]["against"]]
    against["net_value_difference"] = gap
    return m


@pytest.mark.parametrize(
    ("gap", "title", "verdict"),
    [
        (estimate(5e6, 4e6, 6e6), "Hiring by Impel's ranking would have paid more than hiring those with", ""),
        (estimate(-5e6, -6e6, -4e6), "Hiring those with the most followers would have paid more than Impel's", ""),
        (estimate(5e6, -1e6, 6e6), "The data cannot tell whether Impel's ranking beats", "cannot tell which is better"),
        (estimate(5e6, None, None), "The data cannot tell whether Impel's ranking beats", "too few campaigns"),
    ],
)
def test_the_headline_is_honest(usual: Backtest, gap: dict[str, Any], title: str, verdict: str) -> None:
    m = changed(usual, gap)
    assert words.title(m).startswith(title)
    lead = words.lead(m)[0]
    assert verdict in lead
    assert numbers.short(gap["value"]) in lead


def test_cheaper_hires_are_no_headline_where_nothing_was_learnt(usual: Backtest) -> None:
    m = changed(usual, estimate(5e6, 4e6, 6e6))
    for one in m["checks"]:
        if one["code"] == "IMP016":
            one["outcome"] = "issue"
    assert words.title(m) == "Nothing was learnt that can be told from chance"
    first, second, *_ = words.lead(m)
    assert "by lower fees or by luck" in first
    assert numbers.short(5e6) in second


def test_the_headline_names_what_it_compares(usual: Backtest, simulated: Backtest) -> None:
    m = plain(usual.metrics)
    k = m["headline"]["k"]
    assert k == 5  # half of the twelve that a campaign hired, at most
    lead = words.lead(m)[0]
    assert lead.startswith("Among those who were hired, the first 5 of every campaign by Impel's ranking brought ")
    value = words.entry(m)["model_against"]["followers"]["value_ratio"]["value"]
    assert f"{numbers.times(value)} the value of the 5 with the most followers" in lead
    told = words.lead(plain(simulated.metrics))[0]
    assert told.startswith("Had you hired by Impel's ranking, the first 20 of every campaign would have brought ")


def test_a_better_simple_rule_is_named(usual: Backtest) -> None:
    m = plain(usual.metrics)
    rule = m["headline"]["best_rule"]
    words.entry(m)["model_against"][rule]["net_value_difference"] = estimate(-2e6, -3e6, -1e6)
    said = words.lead(m)[1]
    assert POLICIES[rule].label in said
    assert f"Impel is behind it by 2.00{GAP}million (95{GAP}% interval 1.00 to 3.00{GAP}million)" in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            {"value": 0.02, "by_chance": 0.025, "by_chance_high": 0.04},
            "nothing speaks against taking them at their word",
        ),
        ({"value": 0.09, "by_chance": 0.025, "by_chance_high": 0.04}, "more than chance"),
    ],
)
def test_calibration_is_judged_against_chance(usual: Backtest, error: dict[str, float], said: str) -> None:
    m = plain(usual.metrics)
    m["likelihood"][MODEL]["calibration_error"] = error
    assert said in words.about_reliability(m)


@pytest.mark.parametrize(
    ("written_as", "expected"),
    [
        (numbers.share(0.256), f"26{GAP}%"),
        (numbers.percent(-0.0004), f"0.0{GAP}%"),
        (numbers.figure(-0.0183), "\N{MINUS SIGN}0.018"),
        (numbers.short(1_234_567), f"1.23{GAP}million"),
        (numbers.short(999_900), f"1.00{GAP}million"),
        (numbers.short(-358_948), "\N{MINUS SIGN}358,900"),
        (numbers.short(42.0), "42"),
        (numbers.short(0.125), "0.125"),
        (numbers.short(2.5e9), f"2.50{GAP}billion"),
        (numbers.short(123.4e6), f"123{GAP}million"),
        (numbers.tick(2.5e6), f"2.5{GAP}million"),
        (numbers.short(None), "\N{EN DASH}"),
        (numbers.times(2.44), f"2.4{GAP}times"),
        (numbers.times(31.2), f"31{GAP}times"),
        (numbers.times(0.998), f"1.00{GAP}times"),
        (numbers.within(estimate(0, 3.3e6, 4.7e6), numbers.short), f"3.30 to 4.70{GAP}million"),
        (numbers.within(estimate(0, 940_000, 4.7e6), numbers.short), f"940,000 to 4.70{GAP}million"),
        (numbers.within(estimate(0, None, None), numbers.short), ""),
    ],
)
def test_numbers_as_readers_meet_them(written_as: str, expected: str) -> None:
    assert written_as == expected


def test_a_folder_that_cannot_be_made_is_named(usual: Backtest, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SettingError, match=r"the report cannot be written to '.*taken'"):
        write(usual, tmp_path / "taken")
