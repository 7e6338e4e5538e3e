"""`lockstep up` for tests, on a temporary checkout, and queries for its runs."""

import contextlib
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from tests.support.trainings import Pauses
from tests.support.waiting import until
from tests.support.workspaces import SMALL, git, run, run_stages

MARK = "LOCKSTEP_TEST"
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass
class Served:
    """A checkout with its running servers; `output` is their log file."""

    root: Path
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def addresses(self) -> dict[str, str]:
        return dict(re.findall(r"^(\w+) +(http://\S+)$", self.output.read_text(), re.MULTILINE))

    @property
    def environment(self) -> dict[str, str]:
        found = re.findall(r"^  export (\w+)=(\S+)$", self.output.read_text(), re.MULTILINE)
        return dict(found)

    @property
    def prefect(self) -> str:
        return self.environment["PREFECT_API_URL"]

    def wait_for(self, text: str, seconds: float = 240, every: float = 0.2) -> None:
        def found() -> bool:
            return text in self.output.read_text() or self.process.poll() is not None

        until(found, seconds, every)
        assert text in self.output.read_text(), self.output.read_text()

    def left(self) -> dict[str, str]:
        """The processes started by `lockstep up` that are still alive, in any session."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.root}".encode() in (process / "environ").read_bytes():
                    found[process.name] = (process / "cmdline").read_text().replace("\0", " ")
        return found


@contextlib.contextmanager
def started(root: Path, *command: str) -> Iterator[Served]:
    """Start the servers of a checkout; they are stopped on exit."""
    output = root.parent / f"output-{len(list(root.parent.glob('output-*')))}"
    # Short enough for a test to wait for.
    environment = {MARK: str(root), "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2"}
    with output.open("w") as log:
        process = subprocess.Popen(
            command or ("lockstep", "up"),
            cwd=root,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Served(root, process, output)
    finally:
        process.terminate()
        process.wait(60)


def deploy(served: Served) -> None:
    served.wait_for("the servers are ready")
    deployed = run(served.root, "prefect", "deploy", "--all", **served.environment)
    assert deployed.returncode == 0, deployed.stdout


def ask(served: Served, name: str, overrides: dict[str, Any], *more: str) -> str:
    """Start a run of a deployment, and return the flow run's id."""
    command = ["prefect", "deployment", "run", f"experiment/{name}", *more]
    command += ["--param", f"overrides={json.dumps(overrides)}"]
    return started_by(run(served.root, *command, **served.environment))


def started_by(command: subprocess.CompletedProcess[str]) -> str:
    """The id of the flow run that `prefect deployment run` has started."""
    assert command.returncode == 0, command.stdout
    (found,) = re.findall(r"UUID: (\S+)", command.stdout)
    return str(found)


def flow_run(served: Served, sought: str) -> dict[str, Any]:
    answer = httpx.get(f"{served.prefect}/flow_runs/{sought}", timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def ended(served: Served, sought: str) -> dict[str, Any]:
    until(lambda: flow_run(served, sought)["state_type"] in FINAL, 240)
    return flow_run(served, sought)


def paused(served: Served, sought: str, pauses: Pauses, epoch: int) -> None:
    """Wait until the training of a flow run pauses in an epoch."""

    def over() -> bool:
        gone = served.process.poll() is not None
        return gone or flow_run(served, sought)["state_type"] in FINAL

    pauses.wait(epoch, over, served.output.read_text)


def tracked(served: Served) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(served.environment["MLFLOW_TRACKING_URI"])
    return list(client.search_runs([client.get_experiment_by_name("lockstep").experiment_id]))


def engine_of(sought: str) -> int:
    """The id of the process that executes a flow run."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (
                f"PREFECT__FLOW_RUN_ID={sought}".encode() in (process / "environ").read_bytes()
                and b"prefect.engine" in (process / "cmdline").read_bytes()
            ):
                return int(process.name)
    raise AssertionError(f"no process runs {sought}")


def saved_weights(served: Served, found: dict[str, Any]) -> str:
    """The md5 of the last weights in the experiment that a flow run has saved."""
    name = found["state"]["message"].removeprefix("saved as ")
    (ref,) = [
        each
        for each in git(served.root, "for-each-ref", "--format=%(refname)", "refs/exps").split()
        if each.endswith(f"/{name}")
    ]
    lock = YAML(typ="safe").load(git(served.root, "show", f"{ref}:dvc.lock"))
    (md5,) = [
        str(out["md5"])
        for out in lock["stages"]["train"]["outs"]
        if out["path"] == "weights/last.weights.h5"
    ]
    return md5


def weights_alone(make_workspace: Callable[..., Path], changes: dict[str, Any]) -> str:
    """The md5 of the last weights when the same experiment is run undisturbed, without servers."""
    root = run_stages(
        make_workspace({**SMALL, **changes}, "alone"), "download", "normalize", "build", "train"
    )
    content = (root / "weights" / "last.weights.h5").read_bytes()
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
