"""The real MNIST from a mirror: the published accuracy, on one replica and on two."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.workspaces import run_stages

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def learn(
    make_workspace: Callable[..., Path], test_data: Path, tensorflow: Any
) -> Callable[[int], Path]:
    """Return a function that trains on MNIST in a fresh workspace, on one replica or on two."""

    def act(replicas: int) -> Path:
        changes: dict[str, Any] = {
            "data.name": "mnist",
            "data.mirror": str(test_data),
            "train.epochs": 3,
            "train.batch_size": 128,
            "train.replicas": replicas,
        }
        root = make_workspace(changes, f"mnist-{replicas}")
        return run_stages(root, "download", "normalize", "build", "train", "evaluate")

    return act


def accuracy(root: Path) -> float:
    return float(json.loads((root / "report" / "metrics.json").read_text())["test"]["accuracy"])


def test_mnist_is_learned_on_one_replica_and_on_two(learn: Callable[[int], Path]) -> None:
    from mlflow import MlflowClient

    one, two = learn(1), learn(2)
    assert accuracy(one) >= 0.985
    assert accuracy(two) == pytest.approx(accuracy(one), abs=0.004)
    client = MlflowClient(f"sqlite:///{two / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("lockstep").experiment_id])
    assert found.data.tags["training.strategy"] == "MirroredStrategy"
    assert found.data.tags["training.replicas"] == "2"
