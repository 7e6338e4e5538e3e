"""The work pools of docs/docker and docs/kubernetes, as far as they go without an engine.

The commands are those of docs/servers.md. The worker's own classes compute the job of a run; what
the job would start in the image is started here, in a checkout instead of the volume.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from lockstep.process import hash_seed
from tests.support.page_commands import commands
from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY, SMALL, git, run

pytestmark = pytest.mark.system
SECTION, KINDS = "Runs in containers", ("docker", "kubernetes")
LOGIN = {
    "MLFLOW_TRACKING_URI": "http://10.0.0.7:5000",
    "MLFLOW_TRACKING_USERNAME": "admin",
    "MLFLOW_TRACKING_PASSWORD": "correct horse",
}
# Prefect asks for them, but in a pod's specification they mean nothing: the API ignores them.
OF_PREFECT = ("parallelism", "completions")


def done(root: Path, command: list[str], server: str) -> str:
    ended = run(root, *command, PREFECT_API_URL=server, **LOGIN)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


@pytest.fixture(scope="module")
def project(make_workspace: Callable[..., Path], server: str) -> Path:
    """A checkout in the place of the volume, whose deployments and work pools are on the server."""
    root = make_workspace(SMALL, "pools", until="normalize")
    for kind in KINDS:
        file = root / "docs" / kind / "prefect.yaml"
        assert "directory: /workspace\n" in file.read_text()
        file.write_text(file.read_text().replace("directory: /workspace", f"directory: {root}"))
    git(root, "commit", "-qam", "Deploy from here")
    (block,) = commands(SECTION, "python -c", "mlflow-password")
    done(root, block, server)
    for kind in KINDS:
        (create,) = commands(SECTION, "prefect work-pool create", kind)
        (deploy,) = commands(SECTION, "prefect deploy ", kind)
        done(root, create, server)
        assert done(root, deploy, server).count("successfully created") == 3
    return root


def started(root: Path, kind: str, server: str) -> dict[str, Any]:
    """Start a run by the command of the docs; return the job that a worker would make of it."""
    (command,) = commands(SECTION, "prefect deployment run", kind)
    (sought,) = re.findall(r"UUID: (\S+)", done(root, command, server))
    script = [sys.executable, "-m", "tests.support.prefect_jobs", kind, sought]
    return dict(json.loads(done(root, script, server).splitlines()[-1]))


def test_a_kubernetes_job_is_valid_and_its_command_runs_the_experiment(
    project: Path, server: str
) -> None:
    manifest = started(project, "kubernetes", server)["job_manifest"]
    pod = manifest["spec"]["template"]["spec"]
    assert [pod.pop(each) for each in OF_PREFECT] == [1, 1]
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    (container,) = pod["containers"]
    assert container["image"] == "lockstep:0.1.0"
    claim = next(YAML().load_all(REPOSITORY / "docs" / "kubernetes" / "workspace.yaml"))
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert not set(LOGIN) & set(variables)  # they are in the secret
    assert variables["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert variables[hash_seed.NAME] == hash_seed.FIXED
    ended = run(project, *container["args"], **variables)
    found = httpx.get(f"{server}/flow_runs/{variables['PREFECT__FLOW_RUN_ID']}", timeout=30).json()
    assert found["state"]["message"].startswith("saved as "), ended.stdout
    assert "refs/exps" in git(project, "for-each-ref")


def test_a_container_has_the_volume_of_compose_and_the_password_from_the_block(
    project: Path, server: str
) -> None:
    job = started(project, "docker", server)
    compose = YAML().load(REPOSITORY / "compose.yaml")
    volume = f"{compose['name']}_workspace"
    assert "workspace" in compose["volumes"]
    assert job["volumes"] == [f"{volume}:/workspace"]
    assert job["image"] == compose["x-image"]["image"] == "lockstep:0.1.0"
    assert job["command"] == "prefect flow-run execute"
    assert {name: job["env"][name] for name in LOGIN} == LOGIN
    assert job["env"][hash_seed.NAME] == hash_seed.FIXED
    stored = httpx.post(f"{server}/deployments/filter", json={}, timeout=30).text
    pools = httpx.post(f"{server}/work_pools/filter", json={}, timeout=30).text
    assert LOGIN["MLFLOW_TRACKING_PASSWORD"] not in stored + pools


@contextmanager
def working(kind: str, server: str, folder: Path) -> Iterator[Path]:
    """A worker, started by the command of the docs outside of the project; yields its log."""
    (command,) = commands(SECTION, "prefect worker start", kind)
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PREFECT_API_URL": server},
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_joins_its_pool(project: Path, server: str, tmp_path: Path, kind: str) -> None:
    path = f"{server}/work_pools/lockstep-{kind}/workers/filter"
    with working(kind, server, tmp_path):
        (worker,) = until(lambda: httpx.post(path, json={}, timeout=30).json(), 60)
    assert worker["status"] == "ONLINE"


def test_a_worker_gives_a_container_to_docker(project: Path, server: str, tmp_path: Path) -> None:
    sought = started(project, "docker", server)["env"]["PREFECT__FLOW_RUN_ID"]
    with working("docker", server, tmp_path) as log:
        until(lambda: "Could not connect to Docker" in log.read_text(), 60)
        path = f"{server}/flow_runs/{sought}"
        until(lambda: httpx.get(path, timeout=30).json()["state_type"] == "CRASHED", 60)
