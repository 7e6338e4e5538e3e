"""A sweep as a Prefect deployment: each trial is a task, and the flow run says the best."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.prefect_worker import worker  # noqa: F401  # a fixture
from tests.support.served import FINAL
from tests.support.waiting import LONG, until
from tests.support.workspaces import SMALL, git, run

pytestmark = pytest.mark.system


def test_a_deployed_sweep_has_a_task_for_each_trial(
    make_workspace: Callable[..., Path],
    server: str,
    worker: Path,  # noqa: F811
) -> None:
    root = make_workspace(SMALL, "swept", until="evaluate")
    (root / "sweeps" / "mine.yaml").write_text(
        "overrides: {train.learning_rate: [0.01, 0.02, 1e30], train.epochs: 1}\n"
    )
    deployed = run(root, "prefect", "deploy", "--all", PREFECT_API_URL=server)
    assert deployed.returncode == 0, deployed.stdout
    created = run(
        root, "prefect", "deployment", "run", "sweep/cnn", "--param", "name=mine",
        PREFECT_API_URL=server,
    )  # fmt: skip
    (sought,) = re.findall(r"UUID: (\S+)", created.stdout)

    def state() -> str:
        return str(httpx.get(f"{server}/flow_runs/{sought}", timeout=30).json()["state_type"])

    until(lambda: state() in FINAL, LONG)
    assert state() == "COMPLETED", worker.read_text()
    ended = httpx.get(f"{server}/flow_runs/{sought}").json()["state"]["message"]
    assert re.match(r"mine-\w{8}: 3 trials: 2 complete, 1 failed, the best is ", ended), ended
    tasks = httpx.post(
        f"{server}/task_runs/filter", json={"flow_runs": {"id": {"any_": [sought]}}}
    ).json()
    found = {each["name"]: each["state_type"] for each in tasks}
    assert found == {"trial 0": "COMPLETED", "trial 1": "COMPLETED", "trial 2": "FAILED"}
    assert git(root, "for-each-ref", "refs/exps").count("\n") == 2
