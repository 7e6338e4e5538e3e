"""The real MNIST through its mirror: as good as published, on one replica and on two."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def reproduce(make_workspace: Callable[..., Path], test_data: Path) -> Callable[[int], Path]:
    def act(replicas: int) -> Path:
        changes: dict[str, Any] = {
            "data.name": "mnist",
            "data.mirror": str(test_data),
            "model.name": "cnn",
            "train.epochs": 3,
            "train.batch_size": 128,
            "train.replicas": replicas,
        }
        root = make_workspace(changes, f"mnist-{replicas}")
        ended = run(root, "dvc", "repro", timeout=800)
        assert ended.returncode == 0, ended.stdout
        return root

    return act


def accuracy(root: Path) -> float:
    return float(json.loads((root / "report" / "metrics.json").read_text())["test"]["accuracy"])


def test_mnist_is_learned_on_one_replica_and_on_two(reproduce: Callable[[int], Path]) -> None:
    from mlflow import MlflowClient

    one, two = reproduce(1), reproduce(2)
    assert accuracy(one) >= 0.985
    assert accuracy(two) == pytest.approx(accuracy(one), abs=0.004)
    client = MlflowClient(f"sqlite:///{two / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("lockstep").experiment_id])
    assert found.data.tags["strategy"] == "MirroredStrategy"
    assert found.data.tags["replicas"] == "2"
