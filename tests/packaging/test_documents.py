"""The README's and the documentation's commands and code, run as a new user would, in order, in an empty folder."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from serving.launch import running
from tests.packaging.documents import ELSEWHERE, ROOT, answer, commands, environment, programs, run
from training.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    with running(data=place / "market", model="models:/impel@champion", tracking_uri=uri) as where:
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
    more = [command for command in commands("docs/tutorial/first-round.md") if not command.startswith(ELSEWHERE)]
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


def test_the_site_is_built_and_asks_no_other_server(tmp_path: Path) -> None:
    """Notebooks are executed on the way; a warning is an error."""
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-4000:]
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        styles = re.findall(r'<link[^>]+rel="stylesheet"[^>]+href="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert not [*loaded, *styles], page.name


def test_notebooks_are_kept_without_outputs() -> None:
    kept = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(kept) == 6
    for notebook in kept:
        text = notebook.read_text(encoding="utf-8")
        assert '"outputs": []' in text
        assert not re.search(r'"execution_count": \d', text), notebook.name
