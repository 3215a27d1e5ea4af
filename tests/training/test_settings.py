"""Settings of the model as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from features.errors import SettingError
from training.model import ActionModel
from training.settings import Settings, read_settings, write_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_defaults_are_those_of_the_model() -> None:
    threads = {"n_threads": ActionModel().n_threads}
    assert Settings().model_dump() | threads == ActionModel().get_params()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for settings in ({}, {"leaves": 5, "shrinkage": 0.5, "learning_rate": 0.1}):
        write_settings(settings, tmp_path / "new" / "settings.json")
        assert read_settings(tmp_path / "new" / "settings.json") == settings


BAD = [
    ('{"leafs": 5}', "'leafs' is no setting of the model. Did you mean 'leaves'?"),
    ('{"n_threads": 2}', "'n_threads' is no setting of the model."),
    ('{"leaves": 1}', "leaves: Input should be greater than or equal to 2."),
    ('{"leaves": 5.5}', "leaves: Input should be a valid integer."),
    ('{"leaves": "5"}', "leaves: Input should be a valid integer."),
    ('{"learning_rate": NaN}', "learning_rate: "),
    ('{"recency": 0}', "recency: Input should be greater than 0."),
    ("[]", "Input should be an object"),
    ("leaves: 5", "Invalid JSON"),
    ("", "Invalid JSON"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_is_no_setting_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(SettingError) as error:
        read_settings(path)
    assert str(error.value).startswith(f"{path}: {message}"[: len(str(path)) + 2])
    assert message in str(error.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        read_settings(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match="it is no text"):
        read_settings(tmp_path / "binary.json")
    with pytest.raises(SettingError, match="cannot be written"):
        write_settings({}, tmp_path / "binary.json" / "settings.json")
