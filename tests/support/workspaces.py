"""Workspaces for tests: change their parameters, run their stages and commands."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lockstep.config.reading import check_params, load_params
from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from tasks.__main__ import run_stage
from tests.support.waiting import LONG

REPOSITORY = Path(__file__).parents[2]
TEST_DATA = Path(
    os.environ.get("LOCKSTEP_TEST_DATA", REPOSITORY.parent / "shared" / "data")
).resolve()
STAGES = ("download", "normalize", "build", "train", "evaluate", "register")
SMALL = {
    "train.epochs": 2,
    "train.learning_rate": 0.01,
    "model.name": "mlp",
    "model.mlp.units": [16],
}


def run_stages(root: Path, *names: str) -> Path:
    """Run stages in this process, which has TensorFlow imported already."""
    for name in names or STAGES:
        run_stage(name, root)
    return root


def champion(root: Path, name: str = "") -> Any:
    """Load a champion through MLflow, by default the one of this data set."""
    import mlflow

    from lockstep.tracking.client import as_default, connect

    with as_default(connect(root)[0]):
        return mlflow.pyfunc.load_model(f"models:/{name or load(root).registered_name}@champion")


def load(root: Path) -> Params:
    return load_params(root)


def change_params(root: Path, changes: dict[str, Any]) -> Params:
    """Change dotted keys of a workspace's params.yaml, and return the validated parameters."""
    write_params(root, changes)
    return load(root)


def keep_stages(root: Path, names: Collection[str]) -> None:
    """Remove all other stages from a workspace's dvc.yaml."""
    yaml, path = YAML(), root / "dvc.yaml"
    graph = yaml.load(path)
    left = {name: graph["stages"][name] for name in names}
    if left != graph["stages"]:
        yaml.dump({"stages": left}, path)


def write_params(root: Path, changes: dict[str, Any]) -> None:
    yaml, path = YAML(), root / "params.yaml"
    values = yaml.load(path)
    put(values, changes)
    yaml.dump(values, path)


def with_values(changes: dict[str, Any], root: Path = REPOSITORY) -> Params:
    """Return a project's parameters with dotted keys changed, validated."""
    values = read_yaml(root / "params.yaml")
    put(values, changes)
    return check_params(values, root)


def put(values: Any, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        *sections, last = key.split(".")
        inside = values
        for section in sections:
            inside = inside[section]
        inside[last] = value


def git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return answer.stdout


def run(
    root: Path, *command: str, timeout: float = LONG, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a workspace, with stdout and stderr combined."""
    return subprocess.run(
        command,
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def stage(root: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(root, sys.executable, "-m", "tasks", name, **environment)
