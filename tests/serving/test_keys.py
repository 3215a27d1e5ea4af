from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from features.errors import SettingError
from serving.keys import Keys, create, read, revoke
from tests.command import impel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys.json"


def test_a_key_is_known_by_itself_alone(file: Path) -> None:
    token = create(file, "shop", scopes=("predict",))
    other = create(file, "shop-2", scopes=("predict", "admin"))
    keys = Keys(file)
    assert keys.find(token) == read(file)["shop"]
    assert keys.find(other) == read(file)["shop-2"]
    secret = token.rpartition("shop_")[2]
    strangers = (
        "",
        "shop",
        secret,
        token + "x",
        token[:-1],
        token.upper(),
        f"impel_shop-2_{secret}",
        f"impel__{secret}",
        read(file)["shop"].sha256,
        f"impel_shop_{read(file)['shop'].sha256}",
        "é" * 100,
    )
    assert [keys.find(stranger) for stranger in strangers] == [None] * len(strangers)


def test_nothing_of_a_key_is_kept(file: Path) -> None:
    token = create(file, "shop", scopes=("predict",))
    secret = token.rpartition("shop_")[2]
    assert len(secret) == 43, "256 bits"
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert create(file, "other", scopes=("predict",)).rpartition("other_")[2] != secret


def test_owner_and_mode_of_the_file_stay(file: Path) -> None:
    create(file, "shop", scopes=("predict",))
    user, group = (10001, 10001) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(file, user, group)
    file.chmod(0o440)
    create(file, "other", scopes=("predict",))
    revoke(file, "shop")
    found = file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (user, group, 0o440), "the service may read it"


def test_changes_hold_at_once(file: Path) -> None:
    old = create(file, "old", scopes=("predict",))
    keys = Keys(file)
    new = create(file, "new", scopes=("predict",))
    assert keys.find(old)
    assert keys.find(new)
    revoke(file, "old")
    assert keys.find(old) is None
    assert keys.find(new)
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"], "no draft is left"


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"keys": []}x', '{"keys": [{"id": "old"}]}'])
def test_a_damaged_file_changes_nothing(file: Path, content: str | None, caplog: pytest.LogCaptureFixture) -> None:
    token = create(file, "old", scopes=("predict",))
    keys = Keys(file)
    file.unlink()
    if content is not None:
        file.write_text(content)
    with caplog.at_level(logging.WARNING):
        assert keys.find(token)
        assert keys.find(token)
    assert len(caplog.records) == 1, "said once"
    assert token not in caplog.text
    with pytest.raises(SettingError):
        Keys(file)


def test_keys_expire(file: Path) -> None:
    token = create(file, "guest", scopes=("predict",), expires=datetime.now(UTC) + timedelta(hours=1))
    key = Keys(file).find(token)
    assert key is not None
    assert not key.expired()
    content = json.loads(file.read_text())
    content["keys"][0]["expires"] = "2020-01-01T00:00:00Z"
    file.write_text(json.dumps(content))
    key = Keys(file).find(token)
    assert key is not None
    assert key.expired()


GOOD = {"id": "a", "sha256": "0" * 64, "scopes": ["predict"], "created": "2026-01-01T00:00:00Z"}
BAD: list[tuple[Any, str]] = [
    ({"keys": [GOOD, GOOD]}, "listed twice"),
    ({"keys": [GOOD | {"scopes": []}]}, "keys.0.scopes"),
    ({"keys": [GOOD | {"scopes": ["root"]}]}, "keys.0.scopes.0"),
    ({"keys": [GOOD | {"sha256": "short"}]}, "keys.0.sha256"),
    ({"keys": [GOOD | {"id": "A b"}]}, "keys.0.id"),
    ({"keys": [GOOD | {"expires": "2026-01-01"}]}, "keys.0.expires"),
    ({"keys": [GOOD | {"secret": "x"}]}, "keys.0.secret"),
    ({"keys": [], "format": 2}, "format"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_files_that_are_none(file: Path, content: Any, message: str) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps(content))
    with pytest.raises(SettingError, match=message):
        read(file)


def test_the_commands(file: Path) -> None:
    made = impel("keys", "create", "shop", "--keys", file, "--scope", "outcomes", "--scope", "predict", "--days", 30)
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert token.startswith("impel_shop_"), "alone on stdout, to be piped"
    assert token not in made.stderr
    key = Keys(file).find(token)
    assert key is not None
    assert set(key.scopes) == {"predict", "outcomes"}
    (listed,) = json.loads(impel("keys", "list", "--keys", file, "--json").stdout)
    assert (listed["id"], listed["expired"]) == ("shop", False)
    assert "shop,outcomes predict" in impel("keys", "list", "--keys", file).stdout
    assert impel("keys", "revoke", "shop", "--keys", file).stdout == "shop is revoked\n"
    assert json.loads(impel("keys", "list", "--keys", file, "--json").stdout) == []


WRONG = [
    (("create", "shop"), 1, "There is a key 'shop' already"),
    (("create", "Shop_1"), 1, "is no id"),
    (("create", "shop-2", "--scope", "root"), 2, "'root' is not one of"),
    (("revoke", "shpo"), 1, "Did you mean 'shop'?"),
    (("delete", "shop"), 2, "No such command 'delete'"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG)
def test_wrong_use(file: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    create(file, "shop", scopes=("predict",))
    done = impel("keys", *arguments, *([] if arguments[0] == "delete" else ["--keys", file]))
    assert done.exit_code == code
    assert message in done.stderr
    assert done.stdout == ""


def test_a_file_must_be_named_and_be_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMPEL_KEYS", raising=False)
    assert "IMPEL_KEYS" in impel("keys", "list").stderr
    assert "impel keys create" in impel("keys", "list", "--keys", file).stderr
