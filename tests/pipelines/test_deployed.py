"""Plain `prefect deploy` and `prefect worker start` find a project that isn't installed."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.served import FINAL
from tests.support.waiting import until
from tests.support.workspaces import SMALL, git, run

pytestmark = pytest.mark.system


@pytest.fixture
def worker(server: str, tmp_path: Path) -> Iterator[Path]:
    """A plain worker, started outside of the project; yields the file with its output."""
    output = tmp_path / "output"
    made = run(tmp_path, "prefect", "work-pool", "create", "lockstep", "--type", "process",
               "--overwrite", PREFECT_API_URL=server)  # fmt: skip
    assert made.returncode == 0, made.stdout
    command = ["prefect", "worker", "start", "--pool", "lockstep", "--type", "process"]
    with output.open("w") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "PREFECT_API_URL": server},
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    yield output
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(60)


def test_a_run_uses_the_project_that_was_deployed(
    make_workspace: Callable[..., Path], server: str, worker: Path
) -> None:
    root = make_workspace(SMALL, "deployed", until="normalize")
    for name in ("lockstep/data/checks.py", "tasks/download.py", "pipelines/deployed.py"):
        file = root / name
        file.write_text(f'{file.read_text()}\n\nprint(f"code of {{__file__}}")\n')
    git(root, "commit", "-qam", "Say so")
    deployed = run(root, "prefect", "deploy", "--all", PREFECT_API_URL=server)
    assert deployed.returncode == 0, deployed.stdout
    created = run(root, "prefect", "deployment", "run", "experiment/manual", PREFECT_API_URL=server)
    (sought,) = re.findall(r"UUID: (\S+)", created.stdout)

    def state() -> str:
        return str(httpx.get(f"{server}/flow_runs/{sought}", timeout=30).json()["state_type"])

    until(lambda: state() in FINAL, 240)
    assert state() == "COMPLETED", worker.read_text()
    # Flow, stage and engine come from the run's workspace.
    found = re.findall(r"code of (\S+)", worker.read_text())
    workspaces = root / ".lockstep" / "workspaces"
    assert len(set(found)) == 3
    assert all(Path(name).is_relative_to(workspaces) for name in found), found
    ended = httpx.get(f"{server}/flow_runs/{sought}").json()
    assert "saved as unchanged-" in ended["state"]["message"]
    assert re.fullmatch(r"digits \w+ [0-9a-f]{7}", ended["name"])
