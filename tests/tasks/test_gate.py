"""The champion on data that have grown, and the smoke test of a future one, with real models."""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts

from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import DataError, LockstepError
from lockstep.serving.locate import locate_model
from lockstep.serving.rescoring import CannotScore, check_known
from lockstep.storage import layout
from lockstep.tracking.client import as_default, connect
from lockstep.tracking.smoke_test import served_differently
from tests.support.workspaces import SMALL, champion, change_params, load, run_stages

RETRAINED = ("train", "evaluate", "register")
POOR, GOOD = {"train.learning_rate": 1e-6}, {"train.learning_rate": 0.05}


def write_table(path: Path, count: int) -> None:
    """A table whose label follows from its columns; more rows begin with the same ones."""
    random, lines = np.random.default_rng(0), ["size,colour,kind"]
    for size, colour in zip(random.normal(size=count), random.integers(2, size=count), strict=True):
        lines.append(f"{size},{('red', 'blue')[colour]},{'high' if size + colour > 0.5 else 'low'}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def grown(
    make_workspace: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, tensorflow: Any
) -> Path:
    """A poor champion, and 200 more rows for a good model that is evaluated but not registered."""
    path = tmp_path_factory.mktemp("own") / "things.csv"
    own = {"data.name": "csv", "data.path": str(path), "register.threshold": None}
    root = make_workspace({**SMALL, **own, "train.batch_size": 8, **POOR})
    write_table(path, 200)
    run_stages(root)
    write_table(path, 400)
    change_params(root, GOOD)
    return run_stages(root, "download", "normalize", "build", "train", "evaluate")


@pytest.fixture
def challenger(grown: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(grown, tmp_path / "lockstep"))


def verdict_of(root: Path, version: str) -> dict[str, Any]:
    client, _ = connect(root)
    with as_default(client):
        file = download_artifacts(f"models:/things/{version}/report/verdict.json")
    found: dict[str, Any] = json.loads(Path(file).read_text())
    return found


def leader(root: Path, name: str = "things") -> str:
    return str(connect(root)[0].get_model_version_by_alias(name, "champion").version)


def raw_test_rows(root: Path) -> pd.DataFrame:
    from lockstep.serving.raw_examples import raw_examples

    return pd.DataFrame(raw_examples(read_spec(root), load_examples(root, "test")))


@pytest.mark.system
def test_the_champion_is_scored_on_data_that_have_grown(challenger: Path) -> None:
    before, y = champion(challenger), load_examples(challenger, "test").y
    run_stages(challenger, "register")
    assert leader(challenger) == "2"
    found = verdict_of(challenger, "2")
    served = before.predict(raw_test_rows(challenger))  # by MLflow, not as the gate does it
    assert found["other"] == pytest.approx(np.mean((served.ravel() > 0.5) == y))
    assert found["value"] > found["high"] > found["low"] > 0.1


@pytest.mark.system
def test_a_worse_model_of_data_that_have_changed_stays_behind(challenger: Path) -> None:
    run_stages(challenger, "register")
    for file in (challenger / layout.READY).glob("test_*.npy"):
        np.save(file, np.load(file)[:-9])
    change_params(challenger, POOR)
    run_stages(challenger, *RETRAINED)
    assert leader(challenger) == "2"
    assert verdict_of(challenger, "3")["verdict"].startswith("not champion: accuracy")


@pytest.mark.system
def test_a_champion_that_cannot_take_the_data_is_not_compared(challenger: Path) -> None:
    path = Path(load(challenger).data.path)
    renamed = challenger / path.name  # which names the registered model alike
    renamed.write_text(path.read_text().replace("size", "weight", 1))
    change_params(challenger, {"data.path": str(renamed)})
    run_stages(challenger)
    version = connect(challenger)[0].get_model_version("things", "2")
    assert leader(challenger) == "1"
    assert version.tags["verdict"] == (
        "not compared: the champion, version 1, was measured on other test data, and it takes a "
        "column 'size', which the data have no more"
    )


@pytest.fixture
def damaged(challenger: Path) -> Iterator[Path]:
    """The workspace, while the champion's SavedModel has another byte."""
    client, _ = connect(challenger)
    model_id = client.get_model_version("things", "1").source.removeprefix("models:/")
    folder = urlsplit(client.get_logged_model(model_id).artifact_location).path
    file = Path(folder, "artifacts", "saved_model", "saved_model.pb")
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    yield challenger
    file.write_bytes(content)


def test_a_champion_whose_files_have_changed_is_neither_loaded_nor_compared(damaged: Path) -> None:
    line = "artifacts/saved_model/saved_model.pb isn't the file that was registered"
    with pytest.raises(DataError, match=line), locate_model(damaged, "models:/things/1"):
        pass
    run_stages(damaged, "register")
    version = connect(damaged)[0].get_model_version("things", "2")
    assert leader(damaged) == "1"
    assert version.tags["verdict"].startswith("not compared: ")
    assert line in version.tags["verdict"]


@pytest.mark.parametrize(
    ("known", "compared"), [(["", "blue"], False), (["", "blue", "red"], True)]
)
def test_texts_that_only_the_champion_may_know_are_not_compared(
    grown: Path, known: list[str], compared: bool
) -> None:
    theirs, test = read_spec(grown), load_examples(grown, "test")
    (name,) = theirs.inputs
    columns = dict(theirs.inputs[name].columns)
    columns["colour"] = dataclasses.replace(columns["colour"], categories=known)
    fewer = dataclasses.replace(theirs.inputs[name], columns=columns)
    ours = dataclasses.replace(theirs, inputs={name: fewer})
    unknown = test._replace(x=np.zeros_like(test.x))
    with contextlib.nullcontext() if compared else pytest.raises(CannotScore, match="'colour'"):
        check_known(theirs, ours, unknown)


@pytest.mark.system
def test_a_champion_has_to_give_what_evaluation_saw(challenger: Path) -> None:
    change_params(challenger, {"register.name": "tested", "register.smoke_test": True})
    outputs, client = challenger / layout.OUTPUTS, connect(challenger)[0]
    seen = np.load(outputs)
    np.save(outputs, seen[::-1])
    with pytest.raises(LockstepError, match=r"outputs are off by up to .*, so it doesn't become"):
        run_stages(challenger, "register")
    assert not client.get_registered_model("tested").aliases
    np.save(outputs, seen)
    run_stages(challenger, "register")
    assert leader(challenger, "tested") == "1"


def test_a_package_that_cannot_predict_fails_the_smoke_test(tmp_path: Path) -> None:
    problem = served_differently(tmp_path, np.zeros((2, 4)), np.zeros((2, 1)))
    assert problem.startswith("its process ended with 1: ")
    assert "MLmodel" in problem
