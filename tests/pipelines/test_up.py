"""`lockstep up` and its deployments: four servers, a worker's runs, lost heartbeats, Ctrl-C."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from tests.support.browser import look
from tests.support.prefect_server import filtered
from tests.support.served import (
    Served,
    ask,
    deploy,
    ended,
    paused,
    saved_weights,
    started,
    tracked,
    weights_alone,
)
from tests.support.trainings import Pauses
from tests.support.waiting import until
from tests.support.workspaces import SMALL, STAGES, git, run

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def served(make_workspace: Callable[..., Path]) -> Iterator[Served]:
    """A running `lockstep up`, with TensorBoard's default port already in use."""
    root = make_workspace(SMALL, "served")
    store = root.parent / "remote"
    git(root, "init", "-q", "--bare", "-b", "main", str(store / "git"))
    git(root, "remote", "add", "origin", str(store / "git"))
    run(root, "dvc", "remote", "add", "-d", "store", str(store / "dvc"))
    git(root, "commit", "-qam", "Name a remote")
    git(root, "push", "-q", "origin", "main")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # it is in use already
            stack.enter_context(socket.create_server(("127.0.0.1", 6006)))
        served = stack.enter_context(started(root))
        deploy(served)
        yield served


@pytest.fixture(scope="module")
def silenced(served: Served, make_workspace: Callable[..., Path]) -> str:
    """The id of a flow run that no worker started and whose process was killed."""
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
    until(lambda: (root / "waiting").exists() or process.poll() is not None, 120)
    assert process.poll() is None, output.read_text()
    (found,) = re.findall(r"/flow-run/([\w-]+)", output.read_text())
    # Only a run that has sent a heartbeat can miss one.
    until(lambda: heartbeats(served, found), 120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return str(found)


def flow_run(served: Served, sought: str) -> dict[str, Any]:
    (only,) = filtered(served.prefect, "flow_runs", {"flow_runs": {"id": {"any_": [sought]}}})
    return only


def heartbeats(served: Served, sought: str) -> list[Any]:
    """The heartbeats that the server has from a flow run."""
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{sought}"]},
    }
    answer = httpx.post(f"{served.prefect}/events/filter", json={"filter": wanted}, timeout=30)
    answer.raise_for_status()
    return list(answer.json()["events"])


def test_four_servers_answer(served: Served) -> None:
    addresses = served.addresses
    assert list(addresses) == ["mlflow", "prefect", "tensorboard"]
    assert not addresses["tensorboard"].endswith(":6006")
    for name, path in (("mlflow", "/health"), ("prefect", "/api/health"), ("tensorboard", "/")):
        assert httpx.get(f"{addresses[name]}{path}", timeout=30).status_code == 200
    until(lambda: filtered(served.prefect, "work_pools/lockstep/workers", {}), 60)
    assert not re.findall("absl|oneDNN|cuda", served.output.read_text())
    assert set(re.findall(r"^\S+ (\w+) +\| ", served.output.read_text(), re.MULTILINE)) == {
        "mlflow", "prefect", "tensorboard", "worker", "system",
    }  # fmt: skip


def test_four_deployments_two_with_a_paused_schedule(served: Served) -> None:
    deployed = filtered(served.prefect, "deployments", {})
    flows = {each["id"]: each["name"] for each in filtered(served.prefect, "flows", {})}
    found = {(flows[each["flow_id"]], each["name"]): each["schedules"] for each in deployed}
    assert {name: len(each) for name, each in found.items()} == {
        ("experiment", "manual"): 0,
        ("experiment", "nightly"): 1,
        ("sweep", "cnn"): 0,
        ("verify", "nightly"): 1,
    }
    assert not any(schedule["active"] for each in found.values() for schedule in each)


def test_prefect_allows_no_cross_origin_requests(served: Served) -> None:
    headers = {"Origin": "http://example.org", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{served.prefect}/flow_runs/", headers=headers)
    assert "access-control-allow-origin" not in answer.headers


def test_commands_in_the_checkout_find_the_servers(served: Served) -> None:
    deployed = run(served.root, "prefect", "deploy", "--all")
    assert deployed.returncode == 0, deployed.stdout
    assert served.addresses["prefect"] in deployed.stdout
    ended = run(served.root / "docs", "lockstep", "run", "data.name=csv", "data.path=nowhere.csv")
    assert ended.returncode == 3
    assert "temporary server" not in ended.stdout


def test_a_second_lockstep_up_in_the_same_checkout_is_refused(served: Served) -> None:
    second = run(served.root, "lockstep", "up")
    assert second.returncode == 4
    assert "is served already" in second.stdout.splitlines()[-1]


def test_a_run_with_overrides_is_saved_and_shared(silenced: str, served: Served) -> None:
    before = git(served.root, "status", "--porcelain", "-uall")
    found = ended(served, ask(served, "nightly", {"train.epochs": 3}))
    assert found["state_type"] == "COMPLETED", served.output.read_text()
    (name,) = re.findall(r"^saved as (epochs-3-\w+)$", found["state"]["message"])
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


def test_a_clone_for_each_run_runs_what_was_pushed(served: Served, tmp_path: Path) -> None:
    clone, origin = tmp_path / "clone", git(served.root, "remote", "get-url", "origin").strip()
    git(tmp_path, "clone", "-q", origin, str(clone))
    stage = clone / "tasks" / "download.py"
    stage.write_text(f"{stage.read_text()}\n\nprint('the code that was pushed')\n")
    git(clone, "commit", "-qam", "Say so")
    git(clone, "push", "-q", "origin", "main")
    documented = (clone / "docs" / "two-machines.md").read_text()
    (steps,) = re.findall(r"```yaml\npull:\n(.*?)```", documented, re.DOTALL)
    steps = steps.replace("https://example.org/you/experiments.git", origin)
    file = clone / "prefect.yaml"
    yaml = YAML()
    deployments = yaml.load(file)
    deployments["pull"] = yaml.load(steps)
    del deployments["build"]
    del deployments["definitions"][0]["work_pool"]["job_variables"]
    deployments["deployments"][0]["name"] = "remote"
    yaml.dump(deployments, file)
    deployed = run(clone, "prefect", "deploy", "--name", "remote", **served.environment)
    assert deployed.returncode == 0, deployed.stdout
    found = ended(served, ask(served, "remote", {"train.epochs": 1}))
    assert found["state_type"] == "COMPLETED", served.output.read_text()
    assert "the code that was pushed" in served.output.read_text()
    assert found["state"]["message"].removeprefix("saved as ") in git(clone, "ls-remote", "origin")


def test_a_bad_override_fails_with_one_line(served: Served) -> None:
    (line,) = run(served.root, "lockstep", "run", "train.steps=5").stdout.splitlines()
    found = ended(served, ask(served, "manual", {"train.steps": 5}))
    assert (found["state_name"], found["run_count"]) == ("Failed", 1)
    assert f"lockstep run: {found['state']['message']}" == line
    assert git(served.root, "worktree", "list").count("\n") == 1


def requested(served: Served, parameters: dict[str, Any]) -> httpx.Response:
    """The answer of Prefect's REST API to a request for a run of experiment/manual."""
    found = httpx.get(f"{served.prefect}/deployments/name/experiment/manual", timeout=30).json()
    address = f"{served.prefect}/deployments/{found['id']}/create_flow_run"
    return httpx.post(address, json={"parameters": parameters}, timeout=30)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"train": {"epochs": 0}}, "0 is less than the minimum of 1"),
        ({"overrides": {"train.epochs": 0}}, "0 is less than the minimum of 1"),
        ({"overrides": {"train.order": "any"}}, "'any' is not one of ['shuffle', "),
        ({"overrides": {"train.epoch": 3}}, "'train.epoch' is not valid"),
    ],
    ids=["section", "override", "choice", "key"],
)
def test_a_wrong_value_is_refused_before_there_is_a_run(
    served: Served, parameters: dict[str, Any], reason: str
) -> None:
    answer = requested(served, parameters)
    assert answer.status_code == 409
    assert reason in answer.json()["detail"]


def test_an_unknown_parameter_is_named_in_the_state(served: Served) -> None:
    answer = requested(served, {"trian": {"epochs": 3}})
    assert answer.status_code == 201
    found = ended(served, answer.json()["id"])
    assert found["state_type"] == "FAILED"
    assert "trian" in found["state"]["message"]
    assert git(served.root, "worktree", "list").count("\n") == 1


@pytest.mark.parametrize(
    "overrides",
    [
        {"data.name": "csv", "data.path": "../bad.csv"},
        {"train.optimizer": "sgd", "train.learning_rate": 1e20},
    ],
    ids=["data", "training"],
)
def test_a_failure_is_one_line_in_command_and_deployment(
    served: Served, overrides: dict[str, Any]
) -> None:
    (served.root.parent / "bad.csv").write_text("rooms,label\n1,a\n2,b,c\n")
    before = len(served.output.read_text())
    message = ended(served, ask(served, "manual", overrides))["state"]["message"]
    until(lambda: f"Failed({message!r})" in served.output.read_text(), 60)
    logged = re.findall(r"worker +\| (.*)", served.output.read_text()[before:])
    assert sum(message in line for line in logged) == 1
    assert not any("Traceback" in line for line in logged)
    changes = [f"{key}={value}" for key, value in overrides.items()]
    printed = run(served.root, "lockstep", "run", *changes).stdout
    assert printed.splitlines().count(f"lockstep run: {message}") == 1
    assert "Traceback" not in printed


def test_a_schedule_creates_a_run_that_the_worker_takes(served: Served) -> None:
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
    look(address, [run_there.info.run_name, "test_accuracy"], "mlflow-run", tmp_path)


def test_four_runs_on_a_worker_with_two_slots_match_single_runs(
    served: Served, make_workspace: Callable[..., Path], tensorflow: Any
) -> None:
    before = git(served.root, "worktree", "list")
    requested = {seed: ask(served, "manual", {"seed": seed}) for seed in range(1, 5)}
    for seed, sought in requested.items():
        found = ended(served, sought)
        assert found["state_type"] == "COMPLETED", served.output.read_text()
        assert saved_weights(served, found) == weights_alone(make_workspace, {"seed": seed})
    assert git(served.root, "worktree", "list") == before


def test_missing_heartbeats_mean_crashed(silenced: str, served: Served) -> None:
    # Within three minutes; a loaded machine takes longer.
    until(lambda: flow_run(served, silenced)["state_type"] == "CRASHED", 400)
    assert "no heartbeat for 90 s" in flow_run(served, silenced)["state"]["message"]


def failures_of_prefect(output: str) -> list[str]:
    """The last line of each traceback of Prefect's server, except for locked databases.

    Its services log one when two of them write to SQLite at once, and then try again.
    """
    lines = "\n".join(re.findall(r"prefect +\| (.*)", output))
    ends = re.findall(r"^Traceback .*\n(?: .*\n)*(.*)", lines, re.MULTILINE)
    return [each for each in ends if "database is locked" not in each]


def test_ctrl_c_leaves_nothing(served: Served, tmp_path: Path) -> None:
    assert served.left()
    pauses = Pauses(tmp_path / "pauses", 1)
    paused(served, ask(served, "manual", {**pauses.changes(), "seed": 8}), pauses, 1)
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(60) == 130
    until(lambda: not served.left(), 5)
    for address in served.addresses.values():
        with pytest.raises(httpx.TransportError):
            httpx.get(address)
    _, stopped, after = served.output.read_text().partition("SIGINT received")
    assert stopped
    assert failures_of_prefect(after) == []


@pytest.mark.parametrize("command", ["make -f ../Makefile", "lockstep up"], ids=["make", "up"])
def test_a_kill_leaves_nothing(make_workspace: Callable[..., Path], command: str) -> None:
    root = make_workspace(SMALL, "killed")
    (root.parent / "Makefile").write_text("up:\n\t@lockstep up\n")
    with started(root, *command.split()) as served:
        served.wait_for("worker started", 60)
        assert len(served.left()) > 5
        until((root / ".lockstep" / "servers" / "addresses.json").exists, 60)
        served.process.kill()
        served.process.wait()
        until(lambda: not served.left(), 40)
    killed = "the servers of `make up` were killed; continuing without them"
    ended = run(root, "lockstep", "plan")
    assert ended.returncode == 0
    # Under make, only make was killed: `lockstep up` ended by itself.
    assert (killed in ended.stdout) == (command == "lockstep up")
    assert not (root / "prefect.toml").exists()
    assert killed not in run(root, "lockstep", "plan").stdout


@pytest.mark.parametrize("delay", [0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08])
def test_ctrl_c_at_the_start_ends_it(make_workspace: Callable[..., Path], delay: float) -> None:
    with started(make_workspace(SMALL, "early")) as served:
        served.wait_for("in other shells", every=0.001)
        time.sleep(delay)
        os.killpg(served.process.pid, signal.SIGINT)  # as a terminal does
        assert served.process.wait(30) == 130, served.output.read_text()
        assert "Traceback" not in served.output.read_text()
        until(lambda: not served.left(), 20)
