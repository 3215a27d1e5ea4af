"""The README's and the documentation's commands and code, run as a new user would, in order, in an empty folder."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

from serving.launch import running
from tests.packaging.documents import ELSEWHERE, NOT_RUN, ROOT, answer, commands, environment, programs, run
from training.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
HOW_TO = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "how-to").glob("*.md"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def outputs(place: Path) -> dict[str, str]:
    return run("README.md", place)


@pytest.fixture(scope="module")
def address(outputs: dict[str, str], place: Path) -> Iterator[str]:
    assert outputs
    uri = f"sqlite:///{place / '.impel' / 'mlflow.db'}"
    model = "models:/impel@champion"
    with running(data=place / "market", model=model, tracking_uri=uri, log=place / "log") as where:
        yield where


def test_every_command_of_the_readme_is_found() -> None:
    assert [command.split()[:2] for command in commands("README.md") if command.startswith("impel")] == [
        ["impel", name]
        for name in (
            *("simulate", "check", "train", "models", "backtest", "rank", "predict"),
            *("prepare", "append", "rank", "serve", "materialize", "doctor", "bento"),
        )
    ]


def test_commands_do_what_is_said(outputs: dict[str, str], place: Path) -> None:
    assert (place / "report" / "report.html").is_file()
    answers = next(said for command, said in outputs.items() if command.startswith("impel predict")).splitlines()
    assert answers[0].startswith("campaign_id,account_id,decided_at,at_least,likelihood")
    assert [answer.split(",")[1] for answer in answers[1:]] == ["a00001", "a00002"]
    for data in ("market", "store"):
        ranked = next(said for command, said in outputs.items() if command.startswith(f"impel rank {data}"))
        assert len(ranked.splitlines()) == 6
    grown = next(said for command, said in outputs.items() if command.startswith("impel append"))
    assert grown.startswith("account_stats: 1 rows appended\nstore: ")
    made = next(said for command, said in outputs.items() if command.startswith("impel materialize"))
    assert made.startswith("snapshot: ")


def test_the_tutorial_is_the_readme_in_slow_motion() -> None:
    """So that its commands run where the README's do; what is more, runs below."""
    more = [command for command in commands("docs/tutorial/first-round.md") if not command.startswith(tuple(ELSEWHERE))]
    assert [command for command in more if command not in commands("README.md")] == [
        "impel --help",
        "ls market",
        "impel rank market --campaign c0059 --top 20 > ranking.csv",
        "head -3 ranking.csv",
    ]


def test_the_rest_of_the_tutorial(outputs: dict[str, str], place: Path) -> None:
    assert outputs
    for command in commands("docs/tutorial/first-round.md")[-2:]:
        subprocess.run(["bash", "-c", command], cwd=place, env=environment(), check=True)
    assert len((place / "ranking.csv").read_text().splitlines()) == 21


@pytest.mark.parametrize("page", HOW_TO)
def test_how_to(page: str, outputs: dict[str, str], place: Path) -> None:
    """Beside what the README has made; what it has run itself is not run again."""
    run(page, place, done=outputs)


def test_served_answers(address: str) -> None:
    calls = [command for page in ("README.md", *HOW_TO) for command in commands(page) if command.startswith("curl")]
    said = [answer(call, address) for call in calls]
    assert [row["account_id"] for row in said[0]["predictions"]] == ["a00001", "a00002"]
    assert said[0]["predictions"][1]["at_least"] == 3


@pytest.fixture(scope="module")
def reported(address: str, place: Path) -> dict[str, str]:
    """What the commands of the page on monitoring say, once its outcome is reported and a prediction is logged."""
    (call,) = (command for command in commands("docs/monitoring.md") if command.startswith("curl"))
    assert answer(call, address) == {"accepted": 1, "repeated": 0, "corrected": 0}
    pairs = "impel predict market --pairs pairs.csv --log log"
    subprocess.run(["bash", "-c", pairs], cwd=place, env=environment(), check=True, capture_output=True)
    return run("docs/monitoring.md", place)


def test_monitoring(reported: dict[str, str], place: Path) -> None:
    appended, looked, _ = reported.values()
    assert appended.startswith("outcomes: 1 rows appended\nstore: ")
    assert "IMP101 passed" in looked
    assert (place / "report" / "monitor.html").is_file()


def test_the_log_can_be_read(reported: dict[str, str], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reported
    (call,) = (command for command in commands("docs/monitoring.md") if command.startswith("duckdb"))
    monkeypatch.chdir(place)
    with duckdb.connect() as connection:
        rows = connection.execute(call.split('"')[1]).fetchall()
    assert sum(count for _, count, _ in rows) >= 2


def test_operations(outputs: dict[str, str], place: Path) -> None:
    said = run("docs/operations.md", place, done=outputs)
    assert [command.split()[:3] for command in said] == [["impel", "keys", "create"]] * 2


def test_every_command_of_every_page_is_run_or_has_a_reason_why_not(outputs: dict[str, str]) -> None:
    ran = {"README.md", "docs/monitoring.md", "docs/operations.md", "docs/tutorial/first-round.md", *HOW_TO}
    for page in set(PAGES) - ran:
        left = [command for command in commands(page) if not command.startswith((*ELSEWHERE, *NOT_RUN))]
        assert set(left) <= set(outputs), page


def test_benchmarks_that_pages_name_are_there() -> None:
    """They take minutes to hours and their own data, so what is tested is that they are called as they can be."""
    named = [
        (page, *found)
        for page in PAGES
        for found in re.findall(r"python -m benchmarks\.(\w+)([^`#\n]*)", (ROOT / page).read_text(encoding="utf-8"))
    ]
    assert len(named) > 5
    for page, module, options in named:
        text = (ROOT / "benchmarks" / f"{module}.py").read_text(encoding="utf-8")
        for option in set(re.findall(r"--[a-z-]+", options)) - {"--help"}:
            assert f'"{option}"' in text, f"{page}: {module} {option}"


def test_python_of_the_page_on_scale_names_what_there_is() -> None:
    """It wants a cluster; tests/features/test_distributed.py makes the same calls on one machine."""
    called = set()
    for code in programs("docs/scale.md"):
        tree = ast.parse(code)
        names = {}
        for imported in (node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)):
            exec(ast.unparse(imported), names)
        called |= {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "id")}
    assert {"build_dask", "build_spark", "EventStore", "Client"} <= called


def test_the_mapping_of_the_page_on_importing_reads_its_file(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
    (mapping,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"`(impel import mine [^`]*)`", page)
    (tmp_path / "mine.toml").write_text(mapping, encoding="utf-8")
    (tmp_path / "counts.csv").write_text("Post;Who;When;Views\n1;Anna;03.05.2026 10:00;1.234\n", encoding="utf-8")
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment(), check=True, capture_output=True)
    assert pd.read_parquet(tmp_path / "data" / "posts.parquet")["views"].tolist() == [1234]


def test_python_example(outputs: dict[str, str], place: Path) -> None:
    assert outputs
    (code,) = programs("README.md")
    program = code + "\nprint(len(model.likelihood(X, at_least=3)) == len(activations))\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=place, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr


def test_completion_by_the_tab_key() -> None:
    (call,) = (command for command in commands("docs/reference/command-line.md") if command.startswith("eval"))
    script = f"{call}; complete -p impel"
    done = subprocess.run(["bash", "-c", script], env=environment(), capture_output=True, text=True, check=False)
    assert "_impel_completion" in done.stdout, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_commands_and_options(shell: str) -> None:
    """By what the script of each shell asks for as somebody presses the key."""
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert f"_IMPEL_COMPLETE={shell}_source impel" in page

    def offered(line: str, word: str) -> set[str]:
        # bash and zsh say how many words come before, fish which word is being written.
        asked = {"COMP_WORDS": line, "COMP_CWORD": word if shell == "fish" else str(len(line.split()) - (word != ""))}
        set_up = environment() | asked | {"_IMPEL_COMPLETE": f"{shell}_complete"}
        said = subprocess.run(["impel"], env=set_up, capture_output=True, text=True, check=True).stdout
        return set(re.split(r"[\s,]+", said))

    assert offered("impel ", "") >= set(main.commands)
    assert offered("impel back", "back") >= {"backtest"}
    assert offered("impel backtest --pl", "--pl") >= {"--plots"}


def test_the_script_of_bash_completes() -> None:
    (call,) = (command for command in commands("docs/reference/command-line.md") if command.startswith("eval"))
    press = "COMP_WORDS=(impel mat); COMP_CWORD=1; _impel_completion impel mat; printf '%s\\n' ${COMPREPLY[@]}"
    done = subprocess.run(
        ["bash", "-c", f"{call}; {press}"], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["materialize"], done.stderr


def test_pages_out_of_the_code_are_up_to_date() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "features.contract_page"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / "docs" / "reference" / "data-contract.md").read_text(encoding="utf-8"), "make docs"
