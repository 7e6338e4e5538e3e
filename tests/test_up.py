"""`lockstep up` and what is deployed there: four servers, a worker's runs, and dead runs."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from tests.browser import look
from tests.conftest import SMALL, STAGES, git, run, run_stages
from tests.prefect_server import filtered

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

MARK = "LOCKSTEP_TEST"
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass
class Served:
    """A checkout with its servers; `output` grows."""

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

    def wait_for(self, text: str, seconds: float = 240) -> None:
        until(lambda: text in self.output.read_text() or self.process.poll() is not None, seconds)
        assert text in self.output.read_text(), self.output.read_text()

    def left(self) -> dict[str, str]:
        """The living processes that were started, whatever their session, and what they are."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.root}".encode() in (process / "environ").read_bytes():
                    found[process.name] = (process / "cmdline").read_text().replace("\0", " ")
        return found


def until(found: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return value


@contextlib.contextmanager
def started(root: Path, *command: str) -> Iterator[Served]:
    """Start servers for a checkout; whatever happens they are stopped."""
    output = root.parent / "output"
    # As often as a test can wait for.
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


@pytest.fixture(scope="module")
def served(make_workspace: Callable[..., Path]) -> Iterator[Served]:
    """All that `lockstep up` starts, with something else on TensorBoard's usual port."""
    root = make_workspace(SMALL, "served")
    store = root.parent / "remote"
    git(root, "init", "-q", "--bare", str(store / "git"))
    git(root, "remote", "add", "origin", str(store / "git"))
    run(root, "dvc", "remote", "add", "--local", "-d", "store", str(store / "dvc"))
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # it is in use already
            stack.enter_context(socket.create_server(("127.0.0.1", 6006)))
        served = stack.enter_context(started(root))
        served.wait_for("the servers are ready")
        deployed = run(root, "prefect", "deploy", "--all", **served.environment)
        assert deployed.returncode == 0, deployed.stdout
        yield served


@pytest.fixture(scope="module")
def silenced(served: Served, make_workspace: Callable[..., Path]) -> str:
    """The name of a flow run outside of any worker, whose process was killed."""
    root = make_workspace(name="silenced")
    yaml = YAML()
    yaml.dump({"stages": {"wait": {"cmd": "touch waiting && sleep 600"}}}, root / "dvc.yaml")
    output = root.parent / "output"
    with output.open("w") as log:
        process = subprocess.Popen(
            ["lockstep", "run"],
            cwd=root,
            env={**os.environ, **served.environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    until((root / "waiting").exists, 120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (name,) = re.findall(r"Beginning flow run '([\w-]+)'", output.read_text())
    return str(name)


def ask(served: Served, name: str, overrides: dict[str, Any], *more: str) -> str:
    """Have a deployment run, and return the flow run's id."""
    command = ["prefect", "deployment", "run", f"experiment/{name}", *more]
    command += ["--param", f"overrides={json.dumps(overrides)}"]
    asked = run(served.root, *command, **served.environment)
    assert asked.returncode == 0, asked.stdout
    (found,) = re.findall(r"UUID: (\S+)", asked.stdout)
    return str(found)


def flow_run(served: Served, sought: str) -> dict[str, Any]:
    answer = httpx.get(f"{served.prefect}/flow_runs/{sought}", timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def ended(served: Served, sought: str) -> dict[str, Any]:
    until(lambda: flow_run(served, sought)["state_type"] in FINAL, 240)
    return flow_run(served, sought)


def tracked(served: Served) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(served.environment["MLFLOW_TRACKING_URI"])
    return list(client.search_runs([client.get_experiment_by_name("lockstep").experiment_id]))


def engine_of(sought: str) -> int | None:
    """The process that a flow run is in, once it trains or would."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (
                f"PREFECT__FLOW_RUN_ID={sought}".encode() in (process / "environ").read_bytes()
                and b"prefect.engine" in (process / "cmdline").read_bytes()
            ):
                return int(process.name)
    return None


def test_four_servers_answer(served: Served) -> None:
    addresses = served.addresses
    assert list(addresses) == ["mlflow", "prefect", "tensorboard"]
    assert not addresses["tensorboard"].endswith(":6006")
    for name, path in (("mlflow", "/health"), ("prefect", "/api/health"), ("tensorboard", "/")):
        assert httpx.get(f"{addresses[name]}{path}", timeout=30).status_code == 200
    until(lambda: filtered(served.prefect, "work_pools/lockstep/workers", {}), 60)
    assert set(re.findall(r"^\S+ (\w+) +\| ", served.output.read_text(), re.MULTILINE)) == {
        "mlflow", "prefect", "tensorboard", "worker", "system",
    }  # fmt: skip


def test_two_deployments_one_with_a_schedule_that_waits(served: Served) -> None:
    found = {each["name"]: each for each in filtered(served.prefect, "deployments", {})}
    assert set(found) == {"manual", "nightly"}
    assert found["manual"]["schedules"] == []
    assert [each["active"] for each in found["nightly"]["schedules"]] == [False]
    assert set(found["nightly"]["parameter_openapi_schema"]["properties"]) == {
        "overrides",
        "preset",
    }


def test_a_page_of_another_origin_may_not_ask_prefect(served: Served) -> None:
    headers = {"Origin": "http://example.org", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{served.prefect}/flow_runs/", headers=headers)
    assert "access-control-allow-origin" not in answer.headers


def test_a_second_one_for_the_same_checkout_is_refused(served: Served) -> None:
    second = run(served.root, "lockstep", "up")
    assert second.returncode == 4
    assert "is served already" in second.stdout.splitlines()[-1]


def test_a_run_with_overrides_is_saved_and_shared(silenced: str, served: Served) -> None:
    before = git(served.root, "status", "--porcelain", "-uall")
    found = ended(served, ask(served, "nightly", {"train.epochs": 3}))
    assert found["state_type"] == "COMPLETED", served.output.read_text()
    (name,) = re.findall(r"^saved as (train.epochs-3-\w+)$", found["state"]["message"])
    tasks = filtered(served.prefect, "task_runs", {"flow_runs": {"id": {"any_": [found["id"]]}}})
    assert {each["name"] for each in tasks} == set(STAGES)
    (tracking,) = tracked(served)
    assert tracking.info.status == "FINISHED"
    assert tracking.data.params["train.epochs"] == "3"
    assert f"\n{name}," in run(served.root, "dvc", "exp", "show", "--csv").stdout
    assert name in git(served.root, "ls-remote", "origin")
    assert list((served.root.parent / "remote" / "dvc").rglob("*.dir"))
    assert git(served.root, "status", "--porcelain", "-uall") == before
    assert git(served.root, "worktree", "list").count("\n") == 1


def test_a_bad_override_fails_with_its_line(served: Served) -> None:
    (line,) = run(served.root, "lockstep", "run", "train.epochs=0").stdout.splitlines()
    found = ended(served, ask(served, "manual", {"train.epochs": 0}))
    assert (found["state_name"], found["run_count"]) == ("Failed", 1)
    assert f"lockstep run: {found['state']['message']}" == line
    assert git(served.root, "worktree", "list").count("\n") == 1


def test_a_schedule_has_a_run_made_and_taken(served: Served) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=15)).isoformat()
    command = ["prefect", "deployment", "schedule", "create", "experiment/manual"]
    command += ["--interval", "86400", "--anchor-date", soon]
    made = run(served.root, *command, **served.environment)
    assert made.returncode == 0, made.stdout
    wanted = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}

    def found() -> bool:
        runs = filtered(served.prefect, "flow_runs", wanted)
        return any(each["auto_scheduled"] for each in runs)

    until(found, 120)


def test_its_pages_show_the_run(served: Served, tmp_path: Path) -> None:
    wanted = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    (*_, found) = filtered(served.prefect, "flow_runs", wanted)
    address = f"{served.addresses['prefect']}/runs/flow-run/{found['id']}"
    look(address, [found["name"], "Completed", "train", "register"], "prefect", tmp_path)
    (*_, run_there) = tracked(served)
    experiment, sought = run_there.info.experiment_id, run_there.info.run_id
    address = f"{served.addresses['mlflow']}/#/experiments/{experiment}/runs/{sought}"
    look(address, [run_there.info.run_name, "test_accuracy"], "mlflow", tmp_path)


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


def test_a_killed_run_has_crashed_and_the_same_goes_on_to_the_same_bits(
    served: Served, make_workspace: Callable[..., Path], tensorflow: Any
) -> None:
    overrides = {"train.epochs": 600, "train.bundle_seconds": 0.0, "seed": 7}
    killed = ask(served, "nightly", overrides)
    until(lambda: "epoch 50/600" in served.output.read_text(), 180)
    process = engine_of(killed)
    assert process
    os.kill(process, signal.SIGKILL)
    assert ended(served, killed)["state_type"] == "CRASHED"
    # One at a time, and the next is cancelled: the dead one holds no slot.
    after = ended(served, ask(served, "nightly", overrides))
    assert after["state_type"] == "COMPLETED", served.output.read_text()
    assert re.search(r"goes on .*after epoch \d\d", served.output.read_text())
    assert saved_weights(served, after) == weights_alone(make_workspace, overrides)
    # The killed one's workspace is gone too.
    assert git(served.root, "worktree", "list").count("\n") == 1
    (same,) = [each for each in tracked(served) if each.data.params["train.epochs"] == "600"]
    assert same.info.status == "FINISHED"


def test_four_at_once_on_a_worker_of_two_are_as_alone(
    served: Served, make_workspace: Callable[..., Path], tensorflow: Any
) -> None:
    asked = {seed: ask(served, "manual", {"seed": seed}) for seed in range(1, 5)}
    for seed, sought in asked.items():
        found = ended(served, sought)
        assert found["state_type"] == "COMPLETED", served.output.read_text()
        assert saved_weights(served, found) == weights_alone(make_workspace, {"seed": seed})
    assert git(served.root, "worktree", "list").count("\n") == 1


def test_silence_is_a_crash_within_three_minutes(silenced: str, served: Served) -> None:
    def found() -> dict[str, Any]:
        wanted = {"flow_runs": {"name": {"any_": [silenced]}}}
        return filtered(served.prefect, "flow_runs", wanted)[0]

    until(lambda: found()["state_type"] == "CRASHED", 180)
    assert "no heartbeat for 90 s" in found()["state"]["message"]


def test_ctrl_c_leaves_nothing(served: Served) -> None:
    assert served.left()
    ask(served, "manual", {"train.epochs": 100_000, "seed": 8})
    until(lambda: "Executing deployment step" in served.output.read_text()[-4000:], 60)
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(60) == 130
    until(lambda: not served.left(), 5)
    for address in served.addresses.values():
        with pytest.raises(httpx.TransportError):
            httpx.get(address)
    assert not re.findall(r"prefect +\| Traceback", served.output.read_text())


@pytest.mark.parametrize("command", ["make -f ../Makefile", "lockstep up"], ids=["make", "up"])
def test_a_kill_leaves_nothing(make_workspace: Callable[..., Path], command: str) -> None:
    root = make_workspace(SMALL, "killed")
    (root.parent / "Makefile").write_text("up:\n\t@lockstep up\n")
    with started(root, *command.split()) as served:
        served.wait_for("worker started", 60)
        assert len(served.left()) > 5
        served.process.kill()
        served.process.wait()
        until(lambda: not served.left(), 40)


def test_a_server_that_ends_stops_the_others(make_workspace: Callable[..., Path]) -> None:
    with started(make_workspace(SMALL, "ending")) as served:
        served.wait_for("tensorboard started", 60)
        (process,) = re.findall(r"tensorboard started \(pid=(\d+)\)", served.output.read_text())
        os.kill(int(process), signal.SIGKILL)
        assert served.process.wait(60) == 137
        assert served.output.read_text().splitlines()[-1] == (
            "lockstep up: tensorboard ended, so the others were stopped; its last lines say why"
        )
        until(lambda: not served.left(), 5)
