"""Forecasts from windows of a table, by parameters alone, in the manner of Keras's tutorial."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import load_examples
from tests.support.weather import write_weather
from tests.support.workspaces import run_stages

pytestmark = pytest.mark.system
HOURS, WINDOW, HORIZON = 3000, 48, 6


@pytest.mark.parametrize("model", ["gru", "lstm", "any"])
def test_a_forecast_beats_the_last_value(
    make_workspace: Callable[..., Path], tmp_path: Path, tensorflow: Any, model: str
) -> None:
    root = make_workspace(
        {
            "data.name": "csv",
            "data.path": str(write_weather(tmp_path / "weather.csv", HOURS)),
            "data.time": "when",
            "data.window": WINDOW,
            "data.horizon": HORIZON,
            "normalize.method": "standard",
            "model.name": model,
            "train.epochs": 8,
            "train.learning_rate": 0.003,
        },
        until="evaluate",
    )
    run_stages(root, "download", "normalize", "build", "train", "evaluate")
    test = load_examples(root, "test")
    columns = json.loads((root / "data" / "ready" / "spec.json").read_text())["inputs"]["x"]
    last = np.asarray(test.x)[:, -1, list(columns["columns"]).index("degrees")]
    baseline = abs(last - np.asarray(test.y)).mean()
    found = json.loads((root / "report" / "metrics.json").read_text())["test"]
    assert found["mae"] < 0.5 * baseline
