"""Many runs that are asked for at once by Prefect's REST API, on SQLite and PostgreSQL."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.postgresql import USER, postgresql
from tests.support.prefect_server import OURS, filtered
from tests.support.prefect_server import started as server_started
from tests.support.served import FINAL, deploy, started
from tests.support.waiting import until

pytestmark = pytest.mark.system
RUNS, RUNS_ON_POSTGRESQL, WAITED_FOR = 20, 100, 4


def test_twenty_runs_at_once_are_made_and_end_on_sqlite(
    make_workspace: Callable[..., Path],
) -> None:
    assert_made_and_ended(make_workspace({}, "many", until="download"), RUNS, RUNS)


def test_a_hundred_runs_at_once_are_made_on_postgresql(
    make_workspace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their processes take half an hour: the test waits for the first ones."""
    port = free_port()
    url = f"postgresql+asyncpg://{USER}:a-password@127.0.0.1:{port}/postgres"
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", url)
    with postgresql("a-password", port):
        root = make_workspace({}, "many", until="download")
        assert_made_and_ended(root, RUNS_ON_POSTGRESQL, WAITED_FOR)


def assert_made_and_ended(root: Path, count: int, awaited: int) -> None:
    """Ask for runs of a deployment at once, and wait until the worker has run some of them."""
    with started(root) as served:
        deploy(served)
        found = httpx.get(f"{served.prefect}/deployments/name/experiment/manual", timeout=60)
        address = f"{served.prefect}/deployments/{found.json()['id']}/create_flow_run"

        def ask(number: int) -> int:
            return httpx.post(address, json={"name": f"run {number}"}, timeout=300).status_code

        with ThreadPoolExecutor(count) as threads:
            assert Counter(threads.map(ask, range(count))) == {201: count}

        def states() -> Counter[str]:
            found = filtered(served.prefect, "flow_runs", {})
            assert len(found) == count
            return Counter(each["state_type"] for each in found)

        until(lambda: sum(states()[each] for each in FINAL) >= awaited, 340, every=2)
        assert states()["COMPLETED"] >= awaited, served.output.read_text()
        assert not (FINAL - {"COMPLETED"}) & states().keys(), served.output.read_text()
        assert "database is locked" not in served.output.read_text()


def test_prefects_states_of_runs_at_once_are_kept_by_sqlite(tmp_path: Path) -> None:
    with server_started(tmp_path, start=OURS) as (server, _):
        assert all_at_once(server, RUNS) == {"COMPLETED": RUNS}


def test_prefects_states_of_a_hundred_runs_at_once_are_kept_by_postgresql(tmp_path: Path) -> None:
    port = free_port()
    url = f"postgresql+asyncpg://{USER}:a-password@127.0.0.1:{port}/postgres"
    variables = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
    with (
        postgresql("a-password", port),
        server_started(tmp_path, start=OURS, **variables) as (server, _),
    ):
        assert all_at_once(server, RUNS_ON_POSTGRESQL) == {"COMPLETED": RUNS_ON_POSTGRESQL}


def all_at_once(server: str, count: int) -> Counter[str]:
    """Ask for runs of a deployment at once, and report each one's states as a worker does.

    The number of runs by the state in which they end.
    """

    def posted(path: str, content: Any) -> Any:
        answer = httpx.post(f"{server}/{path}", json=content, timeout=300)
        answer.raise_for_status()
        return answer.json()

    flow = posted("flows/", {"name": "many"})["id"]
    deployment = posted("deployments/", {"name": "many", "flow_id": flow})["id"]

    def run_one(number: int) -> None:
        made = posted(f"deployments/{deployment}/create_flow_run", {"name": f"run {number}"})
        for state in ("PENDING", "RUNNING", "COMPLETED"):
            answer = posted(f"flow_runs/{made['id']}/set_state", {"state": {"type": state}})
            assert answer["status"] == "ACCEPT"

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(run_one, range(count)))
    return Counter(each["state_type"] for each in filtered(server, "flow_runs", {}))
