"""Weights are only used with the data and the model that they were trained with."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import DataError
from lockstep.serving.locate import locate_model
from lockstep.versioning.reproduction import reproduce_stage
from pipelines.stage_runs import in_process
from tests.support.workspaces import SMALL, write_params

STAGES = ("download", "normalize", "build", "train")


@pytest.fixture(scope="module")
def trained(make_workspace: Callable[..., Path], tensorflow: Any) -> Path:
    root = make_workspace(SMALL, "trained")
    for stage in STAGES:
        reproduce_stage(root, stage, in_process(root, stage))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "lockstep"))


def locate(root: Path, model: str = "best") -> None:
    with locate_model(root, model):
        pass


def refused(root: Path, what: str, model: str = "best") -> None:
    with pytest.raises(DataError, match=rf"best\.weights\.h5: was trained with another {what};"):
        locate(root, model)


@pytest.mark.system
def test_with_what_they_were_trained_with(root: Path) -> None:
    locate(root)


def test_with_other_data(root: Path) -> None:
    write_params(root, {"normalize.method": "standard"})
    reproduce_stage(root, "normalize", in_process(root, "normalize"))
    refused(root, "data/ready/spec.json")
    refused(root, "data/ready/spec.json", str(root / "weights" / "best.weights.h5"))


def test_with_other_data_and_without_the_cache(root: Path) -> None:
    shutil.rmtree(root / ".dvc" / "cache" / "files")
    locate(root)
    with (root / "data" / "ready" / "spec.json").open("a") as file:
        file.write(" ")
    refused(root, "data/ready")


def test_without_the_data(root: Path) -> None:
    (root / "data" / "ready" / "spec.json").unlink()
    refused(root, "data/ready/spec.json")


@pytest.mark.parametrize("path", ["models/mlp.py", "models/_shared/__init__.py"])
def test_with_other_code_of_the_model(root: Path, path: str) -> None:
    with (root / path).open("a") as file:
        file.write("# another line\n")
    refused(root, path.removesuffix("/__init__.py"))


def test_with_other_parameters_of_the_model(root: Path) -> None:
    write_params(root, {"model.mlp.units": [7]})
    refused(root, r"model\.mlp")


def test_weights_that_dvc_has_not_recorded_are_taken(root: Path) -> None:
    (root / "weights" / "best.weights.h5").write_bytes(b"of `python -m tasks train`")
    write_params(root, {"model.mlp.units": [7]})
    locate(root)
