"""The services of compose.yaml as plain processes: an experiment by the worker, and passwords."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
import redis

from pipelines.servers import compose_passwords
from tests.containers.compose import read_services
from tests.containers.image import Image
from tests.containers.network import own_network
from tests.containers.stack import Stack, started
from tests.support.browser import look
from tests.support.served import FINAL
from tests.support.waiting import until
from tests.support.workspaces import run

pytestmark = pytest.mark.system

MLFLOW, PREFECT, TENSORBOARD = (f"http://127.0.0.1:{port}" for port in (5000, 4200, 6006))
STORE = "http://127.0.0.1:8333"
OVERRIDES = {"train.epochs": 2, "register.threshold": 0.1}
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"
# Of each server, a page that shows results.
PAGES = {
    "mlflow": ("GET", f"{MLFLOW}{SEARCH}", 401),
    "mlflow's pages": ("GET", f"{MLFLOW}/", 401),
    "mlflow's artifacts": ("GET", f"{MLFLOW}/api/2.0/mlflow-artifacts/artifacts", 401),
    "prefect": ("POST", f"{PREFECT}/api/flow_runs/filter", 401),
    "tensorboard": ("GET", f"{TENSORBOARD}/", 401),
    "store": ("GET", f"{STORE}/mlflow", 403),
}


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What `make compose-env` writes."""
    file = compose_passwords.write(tmp_path_factory.mktemp("passwords"))
    return dict(line.split("=") for line in file.read_text().splitlines())


@pytest.fixture(scope="module")
def stack(
    image: Image, built: Path, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """All services, healthy; this process sees the ports that they publish."""
    services = read_services(built / "compose.yaml", passwords)
    with own_network(), started(image, services, tmp_path_factory.mktemp("stack"), built) as made:
        yield made


@pytest.fixture(scope="module")
def flow_run(stack: Stack, passwords: dict[str, str], built: Path) -> dict[str, Any]:
    """A flow run of the deployment that the worker has made, at its end."""
    client = {
        "PREFECT_API_URL": f"{PREFECT}/api",
        "PREFECT_API_AUTH_STRING": f"admin:{passwords['PREFECT_PASSWORD']}",
    }
    command = ["prefect", "deployment", "run", "experiment/manual"]
    command += ["--param", f"overrides={json.dumps(OVERRIDES)}"]
    created = run(built, *command, **client)
    assert created.returncode == 0, created.stdout
    (sought,) = re.findall(r"UUID: (\S+)", created.stdout)

    def found() -> dict[str, Any]:
        address, login = (
            f"{PREFECT}/api/flow_runs/{sought}",
            ("admin", passwords["PREFECT_PASSWORD"]),
        )
        return dict(httpx.get(address, auth=login, timeout=30).json())

    until(lambda: found()["state_type"] in FINAL, 240, every=1)
    return found()


def rows(passwords: dict[str, str], database: str, query: str) -> list[tuple[Any, ...]]:
    with (
        psycopg2.connect(
            host="127.0.0.1",
            user="lockstep",
            dbname=database,
            password=passwords["POSTGRES_PASSWORD"],
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query)
        return list(cursor.fetchall())


def bucket(key: str) -> list[str]:
    """The names of what the store holds; raises ClientError if it refuses the key."""
    import boto3

    client = boto3.client(
        "s3", endpoint_url=STORE, aws_access_key_id="lockstep", aws_secret_access_key=key,
        region_name="us-east-1",
    )  # fmt: skip
    return [each["Key"] for each in client.list_objects_v2(Bucket="mlflow").get("Contents", [])]


def test_the_experiment_ends_in_postgresql(
    stack: Stack, flow_run: dict[str, Any], passwords: dict[str, str]
) -> None:
    assert flow_run["state_type"] == "COMPLETED", stack.running["worker"].output.read_text()
    assert flow_run["state"]["message"].startswith("saved as epochs-2-")
    query = "SELECT id::text, state_type FROM flow_run"
    assert rows(passwords, "prefect", query) == [(flow_run["id"], "COMPLETED")]
    assert rows(passwords, "mlflow", "SELECT status FROM runs") == [("FINISHED",)]
    assert rows(passwords, "mlflow", "SELECT name, version FROM model_versions") == [("digits", 1)]


def test_its_files_end_in_the_store(flow_run: dict[str, Any], passwords: dict[str, str]) -> None:
    names = bucket(passwords["STORE_PASSWORD"])
    assert any(name.endswith("/MLmodel") for name in names), names
    assert any(name.endswith("/artifacts/report/metrics.json") for name in names), names


def test_mlflows_page_shows_it(
    flow_run: dict[str, Any], passwords: dict[str, str], tmp_path: Path
) -> None:
    ((experiment, sought, name),) = rows(
        passwords, "mlflow", "SELECT experiment_id, run_uuid, name FROM runs"
    )
    address = f"{MLFLOW}/#/experiments/{experiment}/runs/{sought}"
    login = ("admin", passwords["MLFLOW_PASSWORD"])
    look(address, [name, "test_accuracy"], "compose-mlflow", tmp_path, login)


def test_tensorboard_shows_it(flow_run: dict[str, Any], passwords: dict[str, str]) -> None:
    def runs() -> Any:
        login = ("any", passwords["TENSORBOARD_PASSWORD"])
        return httpx.get(f"{TENSORBOARD}/data/runs", auth=login, timeout=30).json()

    until(runs, 60)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("login", [None, ("admin", "wrong"), ("admin", "password1234")])
def test_a_server_refuses_without_the_password(
    stack: Stack, page: str, login: tuple[str, str] | None
) -> None:
    method, address, code = PAGES[page]
    answer = httpx.request(method, address, auth=login, json={} if method == "POST" else None)
    assert answer.status_code == code
    assert "digits" not in answer.text


@pytest.mark.parametrize("page", ["mlflow", "mlflow's artifacts", "prefect", "tensorboard"])
def test_a_server_accepts_the_password(stack: Stack, passwords: dict[str, str], page: str) -> None:
    method, address, _ = PAGES[page]
    login = ("admin", passwords[f"{page.partition(chr(39))[0].upper()}_PASSWORD"])
    answer = httpx.request(method, address, auth=login, json={} if method == "POST" else None)
    assert answer.status_code == 200


def test_the_stores_refuse_a_wrong_password(stack: Stack, passwords: dict[str, str]) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        rows({"POSTGRES_PASSWORD": "wrong"}, "mlflow", "SELECT 1")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        bucket("wrong")
    for wrong in (None, "wrong"):
        with redis.Redis(password=wrong) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
    with redis.Redis(password=passwords["REDIS_PASSWORD"]) as client:
        assert client.ping()


@pytest.mark.parametrize(
    ("host", "code"),
    [("mlflow", 200), ("mlflow:5000", 200), ("localhost", 200), ("localhost:5000", 200),
     ("evil.example", 403)],
)  # fmt: skip
def test_mlflow_answers_to_its_own_names(
    stack: Stack, passwords: dict[str, str], host: str, code: int
) -> None:
    login = ("admin", passwords["MLFLOW_PASSWORD"])
    answer = httpx.get(f"{MLFLOW}{SEARCH}", auth=login, headers={"Host": host})
    assert answer.status_code == code


def test_no_password_stands_in_the_output(
    stack: Stack, flow_run: dict[str, Any], passwords: dict[str, str]
) -> None:
    for name, each in stack.running.items():
        output = each.output.read_text(errors="replace")
        assert not [secret for secret in passwords.values() if secret in output], name
