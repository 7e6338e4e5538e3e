"""`lockstep run` with nothing to do, and failures reported in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.storage import layout
from lockstep.versioning.hashes import experiment_key
from tests.support.prefect_server import filtered, task_runs
from tests.support.pretended_stages import recorded_workspace
from tests.support.workspaces import SMALL, run


@pytest.fixture(scope="module")
def recorded(make_workspace: Callable[..., Path]) -> Path:
    return recorded_workspace(make_workspace)


@pytest.mark.system
def test_with_nothing_to_do_no_server_is_started(recorded: Path) -> None:
    ended = run(recorded, "lockstep", "run", LOCKSTEP_FORBIDDEN="tensorflow,mlflow,uvicorn")
    assert (ended.returncode, ended.stdout) == (0, "all stages are up to date: nothing to do\n")


@pytest.mark.system
def test_results_missing_in_mlflow_are_logged_again(
    make_workspace: Callable[..., Path], server: str
) -> None:
    root = make_workspace(SMALL, "missed", until="train")
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    first = run(root, "lockstep", "run", PREFECT_API_URL=server, **away)
    assert first.returncode == 0, first.stdout
    unsent = root / layout.UNSENT / f"{experiment_key(root)}.json"
    noted = json.loads(unsent.read_text())
    assert set(noted.pop("seconds")) == {"train"}
    assert noted == {"stage": "train", "status": "FINISHED", "experiment": ""}
    second = run(root, "lockstep", "run")
    assert second.returncode == 0, second.stdout
    assert "nothing to do" not in second.stdout
    assert not unsent.exists()
    third = run(root, "lockstep", "run")
    assert third.stdout.endswith("all stages are up to date: nothing to do\n")


@pytest.mark.system
@pytest.mark.parametrize(
    ("arguments", "code", "failed", "line"),
    [
        (["data.name=csv", "data.path={bad}", "data.target=a"], 3, "normalize",
         "{bad}: row 202: column 'b' is 'x': 200 of 201 cells are numbers, this one isn't; set "
         "data.columns to {{b: category|drop}}, or data.null_values to [x]"),
        (["register.metric=hits"], 2, "build",
         "register.metric: got 'hits', a metric with no known direction, "
         "expected register.mode min or max with it"),
        (["train.learning_rate=1e38", "train.optimizer=sgd"], 1, "train",
         "the loss became nan in epoch 1 at step 2; a lower train.learning_rate may help"),
    ],
    ids=["data", "parameter", "divergence"],
)  # fmt: skip
def test_a_failure_is_one_line_everywhere(
    make_workspace: Callable[..., Path],
    tmp_path: Path,
    server: str,
    arguments: list[str],
    code: int,
    failed: str,
    line: str,
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n" + "".join(f"{n % 7}.5,{n}\n" for n in range(200)) + "1.5,x\n")
    root = make_workspace(SMALL, "failing")
    overrides = [each.format(bad=bad) for each in arguments]
    # A user's settings for other flows; a failure is no state that awaits a retry.
    settings = {f"PREFECT_{each}_DEFAULT_RETRIES": "2" for each in ("FLOWS", "TASKS")}
    ended = run(root, "lockstep", "run", *overrides, PREFECT_API_URL=server, **settings)
    assert ended.returncode == code, ended.stdout
    message = line.format(bad=bad)
    assert ended.stdout.count(message) == 1
    assert f"lockstep run: {failed}: {message}\n" in ended.stdout
    assert "Traceback" not in ended.stdout
    found = task_runs(server, ended.stdout)[failed]
    assert found["state"]["message"] == message
    logs = filtered(server, "logs", {"logs": {"task_run_id": {"any_": [found["id"]]}}})
    assert not [each for each in logs if "Traceback" in each["message"]]


@pytest.mark.parametrize(
    ("text", "arguments", "code", "line"),
    [
        ("a,b\n1,2\n3\n", [], 3, "{path}: row 3 has 1 cells, expected 2"),
        ("a,b\n1,2\n", ["data.target=c"], 2, "data.target: got 'c', expected one of a, b"),
        (None, [], 3, "data.path: {path}: no such file or folder, expected your data there"),
    ],
)
def test_mistakes_at_the_start_of_data_are_reported_before_prefect_starts(
    workspace: Path, tmp_path: Path, text: str | None, arguments: list[str], code: int, line: str
) -> None:
    path = tmp_path / "mine.csv"
    if text:
        path.write_text(text)
    overrides = ["data.name=csv", f"data.path={path}", *arguments]
    slow = "tensorflow,prefect,mlflow,dvc"
    ended = run(workspace, "lockstep", "run", *overrides, LOCKSTEP_FORBIDDEN=slow)
    assert (ended.returncode, ended.stdout) == (code, f"lockstep run: {line.format(path=path)}\n")
