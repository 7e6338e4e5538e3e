"""Many runs that are asked for at once by Prefect's REST API, on SQLite."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.prefect_server import filtered
from tests.support.served import FINAL, deploy, started
from tests.support.waiting import until

pytestmark = pytest.mark.system
RUNS = 20


def test_twenty_runs_at_once_are_made_and_end(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace({}, "many", until="download")
    with started(root) as served:
        deploy(served)
        found = httpx.get(f"{served.prefect}/deployments/name/experiment/manual", timeout=60)
        address = f"{served.prefect}/deployments/{found.json()['id']}/create_flow_run"

        def ask(number: int) -> int:
            return httpx.post(address, json={"name": f"run {number}"}, timeout=300).status_code

        with ThreadPoolExecutor(RUNS) as threads:
            assert Counter(threads.map(ask, range(RUNS))) == {201: RUNS}

        def states() -> list[str]:
            return [each["state_type"] for each in filtered(served.prefect, "flow_runs", {})]

        until(lambda: all(state in FINAL for state in states()), 600, every=2)
        assert Counter(states()) == {"COMPLETED": RUNS}, served.output.read_text()
        assert "database is locked" not in served.output.read_text()
