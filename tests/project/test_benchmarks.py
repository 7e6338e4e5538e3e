"""Each benchmark still runs, at its smallest size; the figures are meaningless at that size."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
RATIOS = {"vs_fit", "vs_fit_spe32", "vs_tape", "of_limit"}
MEDIANS = {
    "cold_run",
    "script",
    "noop_run",
    "noop_run_without_server",
    "bare_flow",
    "repro_noop",
    "status",
}

pytestmark = pytest.mark.system


def smallest(name: str) -> Any:
    """Run a benchmark and return what it prints; published figures must not change."""
    before = published()
    command = [sys.executable, "-m", f"benchmarks.{name}", "--smallest", "--json"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert published() == before
    return json.loads(ended.stdout)


def published() -> tuple[str, str]:
    """The differences from HEAD in docs/ and presets/."""
    commands = (["status", "--porcelain"], ["diff", "HEAD"])
    status, diff = (
        subprocess.run(
            ["git", *command, "--", "docs", "presets"],
            cwd=REPOSITORY, capture_output=True, text=True, check=True,
        ).stdout
        for command in commands
    )  # fmt: skip
    return status, diff


def numbers(found: Any) -> Iterator[float]:
    """All numbers in a nested result."""
    if isinstance(found, dict | list):
        for each in found.values() if isinstance(found, dict) else found:
            yield from numbers(each)
    elif isinstance(found, int | float) and not isinstance(found, bool):
        yield found


def are_sizes(found: Any) -> bool:
    return all(math.isfinite(number) and number > 0 for number in numbers(found))


def test_the_trainer_is_measured() -> None:
    found = smallest("trainer")
    assert set(found) == {
        "dense_b50",
        "cnn_b32",
        "overhead",
        "last_batch",
        "replicas_2",
        "evaluate",
    }
    assert set(found["dense_b50"]) == set(found["cnn_b32"]) == RATIOS
    assert are_sizes(found)


def test_streaming_is_measured() -> None:
    found = smallest("streaming")
    assert set(found) == {"streaming", "memory"}
    assert are_sizes(found)


def test_exactness_is_measured() -> None:
    found = smallest("exactness")
    # Two replicas sum gradients in another order, so only the last bits may differ.
    assert 0 <= found.pop("one_vs_two_max_diff") < 1e-5
    assert found == {
        "repeat": True,
        "replicas_equal_workers": True,
        "stream_equal": True,
        "kills": {"runs": 1, "equal": 1},
    }


def test_killed_and_interrupted_runs_go_on() -> None:
    found = smallest("interruptions")
    assert found["interrupts"].pop("slowest_seconds") < 10
    assert found == {key: {"runs": 2, "hold": 2, "odd": []} for key in ("kills", "interrupts")}


def test_the_check_of_the_cache_is_measured() -> None:
    found = smallest("cache_check")
    assert found["restored_and_checked_vs_restored"] > 1
    assert are_sizes(found)


def test_reading_data_is_measured() -> None:
    found = smallest("ingest")
    stages = ("download", "normalize", "build", "train", "evaluate")
    assert {f"memory_{name}{unit}" for name in stages for unit in ("", "_mb")} < set(found)
    assert all(math.isfinite(number) for number in numbers(found))


def test_recording_is_measured() -> None:
    found = smallest("tracking")
    asked = {"overhead_server_up", "overhead_server_down", "search_p95_seconds", "lost_metrics"}
    assert asked < set(found)
    assert found["lost_metrics"] == 0
    assert all(math.isfinite(number) for number in numbers(found))


def test_sweeps_are_measured() -> None:
    found = smallest("sweep")
    assert found.pop("equal_digests") is True
    assert set(found) == {"trial_overhead_seconds", "parallel_speedup", "peer"}
    assert are_sizes(found)


def test_the_pipeline_is_measured() -> None:
    found = smallest("pipeline")
    # Both take about the same time, so the difference may be negative.
    assert math.isfinite(found.pop("noop_seconds_over_bare"))
    assert set(found) == {"cold_vs_script", "repro_noop_vs_status", "medians"}
    assert set(found["medians"]) == MEDIANS
    assert are_sizes(found)


def test_what_grows_is_measured() -> None:
    found = smallest("scale")
    growing = found["growth_seconds"]
    commands = {"lockstep plan", "lockstep run", "dvc exp show", "dvc exp show, first"}
    assert {*commands, "MLflow search by key", "MLflow search by name"} < set(growing)
    assert all(set(each) == {"2", "4"} for each in growing.values())
    ways = {"replicas_2", "workers_2"}
    assert set(found["throughput"]["mlp"]) == set(found["all_reduce_ms"]) == ways
    assert set(found["start_seconds"]) == ways
    assert set(found["bytes_of_an_experiment"]) == {"git", "run_cache", "mlflow"}
    requests = found.pop("prefect_ms").values()
    assert len(requests) == 3
    assert all(each["fastest"] > 0 <= each["cpu"] for each in requests)  # in steps of 10 ms
    assert are_sizes(found)


def test_the_reference_experiments_are_measured() -> None:
    found = {each.pop("id"): each for each in smallest("reference")}
    assert set(found) == {"mnist-cnn-tape", "fashion-mlp", "linear-tape", "linear-diverging"}
    for name in ("mnist-cnn-tape", "fashion-mlp"):
        assert None not in found[name].values()
        # Same weights and batches as the tutorial's loop, so only the last bits may differ.
        assert found[name]["ours"] == pytest.approx(found[name]["peer"], abs=0.05)
    assert found["linear-tape"]["ours"] is not None
    assert found["linear-diverging"]["ours"] is None
    assert are_sizes(found)


def test_own_tables_are_compared() -> None:
    found = smallest("own_tables")
    assert set(found) == {"titanic"}
    for each in found.values():
        assert set(each["scores"]) <= {"lockstep", "boosting", "linear"}
        assert len(each["lines"]) == 1
        assert each["served_difference"] < 1e-5
