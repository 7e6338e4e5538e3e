"""MLflow's system metrics of the stages that record a run."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockstep.config.reading import load_params
from lockstep.tracking import recorder

if TYPE_CHECKING:
    from mlflow.entities import Metric

NAME = "system/cpu_utilization_percentage"


@pytest.fixture
def workspace(make_workspace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    return make_workspace(name="system-metrics")


def of_run(root: Path) -> dict[str, list["Metric"]]:
    """Return the points of each system metric of the workspace's one run."""
    from lockstep.tracking.client import connect

    client, experiment = connect(root)
    (run,) = client.search_runs([experiment.experiment_id])
    names = [name for name in run.data.metrics if name.startswith("system/")]
    return {name: client.get_metric_history(run.info.run_id, name) for name in names}


def record_samples(root: Path, number: int) -> None:
    """Record a stage until MLflow has this many samples of it."""
    deadline = time.monotonic() + 60
    with recorder.record(load_params(root), root, "train") as run:
        run.reach()
        while len(of_run(root).get(NAME, [])) < number:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_machine_is_sampled_while_a_stage_runs(workspace: Path) -> None:
    record_samples(workspace, 2)
    found = of_run(workspace)
    assert set(found) >= {
        NAME, "system/system_memory_usage_megabytes", "system/disk_usage_percentage",
        "system/network_receive_megabytes",
    }  # fmt: skip
    for points in found.values():
        assert [each.step for each in points] == list(range(len(points)))
    assert all(0 <= each.value <= 100 for each in found[NAME])


def test_a_later_stage_goes_on_with_the_steps(workspace: Path) -> None:
    record_samples(workspace, 2)
    before = len(of_run(workspace)[NAME])
    record_samples(workspace, before + 2)
    steps = [each.step for each in of_run(workspace)[NAME]]
    assert len(steps) >= before + 2
    assert steps == list(range(len(steps)))


def test_mlflows_own_variable_switches_them_off(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    with recorder.record(load_params(workspace), workspace, "train") as run:
        run.reach()
    assert of_run(workspace) == {}


def test_what_the_machine_refuses_ends_the_samples_and_not_the_stage(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """As psutil does without /proc; it reads it by this variable of its own."""
    import psutil

    monkeypatch.setattr(psutil, "PROCFS_PATH", str(workspace / "none"))
    with recorder.record(load_params(workspace), workspace, "train") as run:
        run.reach()
    assert of_run(workspace) == {}
    assert "mlflow: no more system metrics: FileNotFoundError" in capfd.readouterr().err


def test_a_sample_that_takes_longer_than_the_end_of_a_stage_is_no_failure(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """As on a busy machine."""
    import psutil

    begun, measured = threading.Semaphore(0), psutil.cpu_percent

    def slow(*arguments: Any) -> Any:
        begun.release()
        time.sleep(2)
        return measured(*arguments)

    monkeypatch.setattr(psutil, "cpu_percent", slow)
    with recorder.record(load_params(workspace), workspace, "train") as run:
        run.reach()
        assert begun.acquire(timeout=60)  # the first reading
        assert begun.acquire(timeout=60)  # the first sample
    for thread in threading.enumerate():
        if thread.name == "system metrics":
            thread.join(60)
    assert "no more system metrics" not in capfd.readouterr().err
