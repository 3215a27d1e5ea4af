"""Settings of the model as a file: what `impel tune` writes and `impel train --settings` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import SettingError, nearest

if TYPE_CHECKING:
    from pathlib import Path


class Settings(BaseModel):
    """Parameters of `ActionModel`, which says what each means; what is left out keeps its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rounds: int = Field(default=400, ge=1, le=10_000)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    leaves: int = Field(default=8, ge=2, le=1024)
    min_rows: int = Field(default=20, ge=1, le=1_000_000)
    feature_share: float = Field(default=0.5, gt=0, le=1)
    shrinkage: float = Field(default=1.0, ge=0.01, le=100)
    recency: float = Field(default=0.7, gt=0, le=1)
    folds: int = Field(default=4, ge=1, le=50)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings that a JSON file gives.

    Raises
    ------
    SettingError
        Where the file cannot be read, or names a setting or a value that there is not.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingError(f"The settings {path} cannot be read ({why}).") from None
    try:
        return Settings.model_validate_json(text).model_dump(exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            hint = nearest(name, Settings.model_fields)
            raise SettingError(f"{path}: {name!r} is no setting of the model.{hint}") from None
        at = f"{name}: " if name else ""
        raise SettingError(f"{path}: {at}{first['msg']}.") from None


def write_settings(settings: dict[str, Any], path: Path) -> None:
    """Write settings as `read_settings` reads them.

    Raises
    ------
    SettingError
        Where the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}.") from None
