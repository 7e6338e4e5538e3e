"""`lockstep up --host`: servers for other machines, which need passwords."""

import configparser
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from werkzeug.security import check_password_hash, generate_password_hash

from lockstep.errors import ParamsError
from pipelines.servers import team
from pipelines.servers.commands import Places, settings
from tests.support.machines import Machine, two_machines
from tests.support.served import Served, started
from tests.support.workspaces import REPOSITORY, SMALL, git, run

LOGINS = {
    "MLFLOW_TRACKING_USERNAME": "admin",
    "MLFLOW_TRACKING_PASSWORD": "correct horse",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:battery staple",
    "TENSORBOARD_PASSWORD": "of a long length",
}
STATUS = """
import sys, httpx
login = tuple(sys.argv[2:4]) or None
print(httpx.get(sys.argv[1], auth=login, timeout=30).status_code)
"""

# As many requests in one process; prints their status, if it is the same.
COUNT, API = 40, "/api/2.0/mlflow/experiments/get?experiment_id=0"
REQUESTS = f"""
import sys, httpx
with httpx.Client(auth=tuple(sys.argv[2:4]), timeout=30) as client:
    print(*{{client.get(sys.argv[1]).status_code for _ in range({COUNT})}})
"""


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in LOGINS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", "::1", "10.0.0"])  # noqa: S104
def test_what_is_no_address_of_one_machine_is_refused(
    logins: pytest.MonkeyPatch, host: str
) -> None:
    with pytest.raises(ParamsError, match=f"--host: got {host}, expected the IPv4 address by"):
        team.check(host)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [((), "lockstep up"), (("HOST=10.0.0.7",), "lockstep up --host 10.0.0.7")],
)
def test_make_up_takes_a_host_from_its_own_arguments(
    arguments: tuple[str, ...], command: str
) -> None:
    ended = run(REPOSITORY, "make", "--dry-run", "up", *arguments, HOST="exported", MAKEFLAGS="")
    assert ended.stdout.splitlines()[-1].strip() == command


@pytest.mark.parametrize("name", LOGINS)
def test_each_password_is_needed(logins: pytest.MonkeyPatch, name: str) -> None:
    logins.delenv(name)
    with pytest.raises(ParamsError, match=f"set the environment variable {name}$"):
        team.check("10.0.0.7")
    team.check("127.0.0.1")


def test_a_short_password_is_refused_without_being_told(logins: pytest.MonkeyPatch) -> None:
    logins.setenv("PREFECT_SERVER_API_AUTH_STRING", "administrator:hunter2")
    with pytest.raises(ParamsError) as raised:
        team.check("10.0.0.7")
    assert str(raised.value) == (
        "PREFECT_SERVER_API_AUTH_STRING: got a password of 7 characters, expected at least 12"
    )


def test_an_address_of_another_machine_is_refused(
    make_workspace: Callable[..., Path],
) -> None:
    root = make_workspace(name="elsewhere")
    ended = run(root, "lockstep", "up", "--host", "192.0.2.1", **LOGINS)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (
        2, "lockstep up: --host: got 192.0.2.1, expected an address of this machine",
    )  # fmt: skip


def test_artifacts_in_a_folder_of_this_machine_are_refused(
    make_workspace: Callable[..., Path],
) -> None:
    """Clients on other machines would write them to folders of their own."""
    from lockstep.tracking.client import connect

    root = make_workspace(name="recorded")
    connect(root)
    ended = run(root, "lockstep", "up", "--host", "192.0.2.1", **LOGINS)
    assert ended.returncode == 2
    assert "the experiment's artifacts are in" in ended.stdout
    assert "set MLFLOW_EXPERIMENT_NAME" in ended.stdout


def test_own_names_for_mlflow_come_besides_the_address(
    logins: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    logins.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "mlflow.example.org")
    places = Places("10.0.0.7", {"mlflow": 5000, "prefect": 4200})
    hosts = settings(tmp_path, places)["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert hosts == "10.0.0.7,10.0.0.7:5000,mlflow.example.org"


def test_a_folder_may_have_a_percent_sign(logins: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "100%"
    folder.mkdir()
    read = configparser.ConfigParser()
    read.read(team.settings(folder)["MLFLOW_AUTH_CONFIG_PATH"])
    assert read["mlflow"]["database_uri"] == f"sqlite:///{folder}/mlflow_users.db"


class Team(NamedTuple):
    """The servers on one machine, and another machine with a checkout of its own."""

    served: Served
    other: Machine
    checkout: Path

    def status(self, server: str, path: str, *login: str) -> int:
        """The status that a request from the other machine gets."""
        url = self.served.addresses[server] + path
        ended = run(self.checkout, *self.other.command(sys.executable, "-c", STATUS, url, *login))
        return int(ended.stdout)


@pytest.fixture(scope="module")
def shared(make_workspace: Callable[..., Path]) -> Iterator[Team]:
    root = make_workspace(SMALL, "shared", until="evaluate")
    checkout = root.parent / "other" / "lockstep"
    shutil.copytree(root, checkout, symlinks=True)
    patch = pytest.MonkeyPatch()
    for name, value in LOGINS.items():
        patch.setenv(name, value)
    with two_machines() as (here, there):
        command = here.command("lockstep", "up", "--host", here.address)
        with started(root, *command) as served:
            patch.undo()
            served.wait_for("the servers are ready")
            yield Team(served, there, checkout)
    patch.undo()


@pytest.mark.system
@pytest.mark.parametrize(
    ("server", "path", "login"),
    [
        ("mlflow", API, ("admin", "correct horse")),
        ("prefect", "/api/admin/version", ("admin", "battery staple")),
        ("tensorboard", "/", ("any", "of a long length")),
    ],
)
def test_other_machines_need_the_password(
    shared: Team, server: str, path: str, login: tuple[str, str]
) -> None:
    assert shared.status(server, path) == 401
    assert shared.status(server, path, login[0], "wrong") == 401
    assert shared.status(server, path, *login) == 200


@pytest.mark.system
def test_a_password_is_not_checked_anew_by_each_request(shared: Team) -> None:
    address = shared.served.addresses["mlflow"] + API
    login = [LOGINS[f"MLFLOW_TRACKING_{name}"] for name in ("USERNAME", "PASSWORD")]
    command = [sys.executable, "-c", REQUESTS, address, *login]
    before = seconds_of_mlflow(shared.served)
    assert run(shared.checkout, *shared.other.command(*command)).stdout == "200\n"
    needed, started = seconds_of_mlflow(shared.served) - before, time.process_time()
    check_password_hash(generate_password_hash("correct horse"), "correct horse")
    assert needed < COUNT * (time.process_time() - started) / 4  # half of it is one check


def seconds_of_mlflow(served: Served) -> float:
    """The time of CPUs that the MLflow server's processes have taken."""
    ticks = 0
    for process, command in served.left().items():
        if "uvicorn" in command:
            ticks += sum(map(int, Path(f"/proc/{process}/stat").read_text().split()[13:15]))
    assert ticks
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.system
def test_a_run_of_another_machine_is_recorded_with_its_artifacts(shared: Team) -> None:
    variables = {
        **shared.served.environment,
        **{name: value for name, value in LOGINS.items() if name.startswith("MLFLOW")},
        "PREFECT_API_AUTH_STRING": LOGINS["PREFECT_SERVER_API_AUTH_STRING"],
    }
    ended = run(shared.checkout, *shared.other.command("lockstep", "run"), **variables)
    assert ended.returncode == 0, ended.stdout
    artifacts = shared.served.root / "mlartifacts"
    assert [*artifacts.rglob("report/history.csv")]
    assert not (shared.checkout / "mlartifacts").exists()
    assert json.loads((shared.checkout / "report" / "metrics.json").read_text())["test"]


@pytest.mark.system
def test_no_password_is_in_a_file_or_in_the_output(shared: Team) -> None:
    secrets = [LOGINS[name].rpartition(":")[2] for name in LOGINS if "USERNAME" not in name]
    listed = git(shared.served.root, "ls-files", "--others").splitlines()
    texts = {name: (shared.served.root / name).read_bytes() for name in listed}
    texts["output"] = shared.served.output.read_bytes()
    assert ".lockstep/servers/mlflow_auth.ini" in texts
    found = [name for name, text in texts.items() for each in secrets if each.encode() in text]
    assert found == []
