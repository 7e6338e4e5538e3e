"""The registered model, `lockstep predict` and exports take tables with texts as they were read."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import _lookalikes
from lockstep.serving.export import export_model
from lockstep.serving.predict import predict_file
from tests.support.workspaces import champion, load, run_stages

pytestmark = pytest.mark.system

MISSING = {"normalize.missing": "median", "normalize.missing_indicator": True}
CHANGES = {
    "titanic": {
        "data.target": "survived",
        "data.columns": {
            "alive": "drop", "pclass": "category", "sibsp": "number", "parch": "number",
        },
        **MISSING,
    },
    "mpg": {
        "data.target": "mpg",
        "data.columns": {"cylinders": "number", "the name (in full)": "text"},
        **MISSING,
    },
    "taxis": {"data.target": "fare", "data.columns": {"total": "drop", "passengers": "number"}},
    "spam": {"data.target": "Label", "data.columns": {"SMS": "text"}},
}  # fmt: skip


@pytest.fixture(scope="module", params=CHANGES)
def trained(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    make_workspace: Callable[..., Path],
    tensorflow: Any,
) -> tuple[Path, Path]:
    path = _lookalikes.write(request.param, tmp_path_factory.mktemp("own"), 120)
    frame = pd.read_csv(path).rename(columns={"name": "the name (in full)"})
    frame.to_csv(path, index=False)
    changes = {
        **CHANGES[request.param],
        "data.name": "csv", "data.path": str(path), "model.name": "any", "train.epochs": 1,
        "register.threshold": None, "train.batch_size": 8, "register.smoke_test": True,
    }  # fmt: skip
    return run_stages(make_workspace(changes)), path


def predicted(root: Path, model: str, path: Path) -> np.ndarray:
    rows = list(csv.DictReader(io.StringIO(predict_file(load(root), root, model, path, None))))
    return np.array([float([*row.values()][-1]) for row in rows])


@pytest.mark.parametrize("options", [{}, {"dtype": str, "keep_default_na": False}])
def test_the_champion_takes_the_file_as_pandas_reads_it(
    trained: tuple[Path, Path], options: dict[str, Any]
) -> None:
    root, path = trained
    served = np.ravel(champion(root).predict(pd.read_csv(path, **options)))
    assert len(np.unique(served)) > 1
    np.testing.assert_allclose(served, predicted(root, "best", path), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["keras", "savedmodel"])
def test_an_export_predicts_the_same(trained: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    root, path = trained
    name = "model.keras" if kind == "keras" else "model"
    written, _ = export_model(load(root), root, "best", kind, tmp_path / name)
    found = predicted(root, str(written), path)
    np.testing.assert_allclose(found, predicted(root, "best", path), atol=1e-5, rtol=1e-5)
