"""Public programs, ported by parameters and at most a model's file: their figures are Keras's."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.serving.export import export_model
from lockstep.serving.predict import predict_file
from tests.support import ported_networks, ported_tables
from tests.support.program_runs import (
    Program,
    cut_off_and_resumed,
    last_row,
    plain_script,
    set_up,
    steps_of,
)
from tests.support.trainings import digests
from tests.support.workspaces import load, run_stages

pytestmark = pytest.mark.system
PORTED = [
    ported_tables.fraud, ported_tables.ratings, ported_tables.sums,
    ported_networks.text_transformer, ported_networks.vision_transformer,
    ported_networks.compact_transformer, ported_networks.random_features,
]  # fmt: skip


def served(root: Path, program: Program) -> np.ndarray:
    """What the exported model gives for a user's file, (examples, columns)."""
    path, _ = export_model(load(root), root, "best", "savedmodel", None)
    table = predict_file(load(root), root, str(path), program.served, None)
    rows = list(csv.DictReader(table.splitlines()))
    return np.array([[float(row[name]) for name in program.columns] for row in rows], np.float32)


@pytest.mark.parametrize("port", PORTED, ids=[each.__name__ for each in PORTED])
def test_its_figures_are_those_of_keras_and_it_is_exact_when_killed(
    make_workspace: Callable[..., Path],
    tmp_path: Path,
    tensorflow: Any,
    monkeypatch: pytest.MonkeyPatch,
    port: Callable[[Path], Program],
) -> None:
    program = port(tmp_path)
    values = {"data.validation_split": 0, **program.values}
    root = set_up(make_workspace, values, monkeypatch, "evaluate")
    whole = Path(shutil.copytree(root, tmp_path / "whole"))
    run_stages(whole, "train", "evaluate")
    found = json.loads((whole / "report" / "metrics.json").read_text())["test"]
    outputs = served(whole, program)
    for name, metric in program.metrics.items():
        metric.update_state(program.y, outputs)
        assert found[name] == pytest.approx(float(metric.result()), rel=1e-5, abs=1e-5), name
    figures, steps = plain_script(whole)
    assert steps_of(whole) == steps
    assert last_row(whole)[program.metric] == pytest.approx(
        figures[program.metric], abs=program.noise
    )
    cut_off_and_resumed(root, monkeypatch)
    assert digests(root) == digests(whole)
