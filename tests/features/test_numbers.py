"""The numbers of features belong to the catalogue's version: who changes one raises it, and models are trained anew.

`python -m tests.features.test_numbers` records those of a new version.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from features import build
from features.catalogue import FEATURES, VERSION
from tests.features.compare import prepared
from tests.random_tables import random_pairs, random_tables

RECORD = Path(__file__).with_name("numbers.json")


def numbers() -> dict[str, tuple[float, float]]:
    """Return for each feature its mean over the pairs of a random world, and the share of them in which it is known."""
    rng = np.random.default_rng(5)
    frames = random_tables(rng)
    X = build(prepared(frames), random_pairs(rng, frames, 300))[list(FEATURES)]
    # To nine digits: what lies beyond depends on the machine.
    return {name: (float(f"{X[name].mean():.9g}"), float(X[name].notna().mean())) for name in FEATURES}


def test_numbers_change_with_the_version_alone() -> None:
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    assert recorded["version"] == VERSION, "record the numbers: python -m tests.features.test_numbers"
    found = numbers()
    assert set(found) == set(recorded["numbers"]), "record the numbers: python -m tests.features.test_numbers"
    same = {name: pytest.approx(recorded["numbers"][name], rel=1e-6, abs=1e-9) == found[name] for name in found}
    changed = [name for name, is_same in same.items() if not is_same]
    assert not changed, "raise features.catalogue.VERSION and record the numbers, if they are meant to change"


if __name__ == "__main__":
    lines = ",\n".join(f'  "{name}": {json.dumps(pair)}' for name, pair in numbers().items())
    RECORD.write_text(f'{{"version": {VERSION}, "numbers": {{\n{lines}\n}}}}\n', encoding="utf-8")
