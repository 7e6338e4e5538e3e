"""Many runs that are asked for at once by Prefect's REST API, on SQLite and PostgreSQL."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.many_runs import assert_made_and_ended, prefect_on_postgresql
from tests.support.prefect_server import OURS, filtered
from tests.support.prefect_server import started as server_started

pytestmark = pytest.mark.system
RUNS, RUNS_ON_POSTGRESQL, WAITED_FOR = 20, 100, 4


def test_twenty_runs_at_once_are_made_and_end_on_sqlite(
    make_workspace: Callable[..., Path],
) -> None:
    assert_made_and_ended(make_workspace({}, "many", until="download"), RUNS, RUNS)


def test_a_hundred_runs_at_once_are_made_on_postgresql(
    make_workspace: Callable[..., Path],
) -> None:
    """The test waits for the first ones; `python -m tests.faults.soak runs` for all."""
    root = make_workspace({}, "many", until="download")
    with prefect_on_postgresql():
        assert_made_and_ended(root, RUNS_ON_POSTGRESQL, WAITED_FOR)


def test_prefects_states_of_runs_at_once_are_kept_by_sqlite(tmp_path: Path) -> None:
    with server_started(tmp_path, start=OURS) as (server, _):
        assert all_at_once(server, RUNS) == {"COMPLETED": RUNS}


def test_prefects_states_of_a_hundred_runs_at_once_are_kept_by_postgresql(tmp_path: Path) -> None:
    with prefect_on_postgresql(), server_started(tmp_path, start=OURS) as (server, _):
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
