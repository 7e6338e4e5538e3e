"""Many runs of one checkout's deployment, asked for at once by Prefect's REST API."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.postgresql import USER, postgresql
from tests.support.prefect_server import filtered
from tests.support.served import FINAL, deploy, started
from tests.support.waiting import until

SECONDS = 20  # that a run takes with the start of its process, two at a time


@contextmanager
def prefect_on_postgresql() -> Iterator[None]:
    """Let the Prefect servers that are started inside this block use PostgreSQL."""
    port, name = free_port(), "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    with postgresql("a-password", port):
        os.environ[name] = f"postgresql+asyncpg://{USER}:a-password@127.0.0.1:{port}/postgres"
        try:
            yield
        finally:
            del os.environ[name]


def assert_made_and_ended(root: Path, count: int, awaited: int) -> None:
    """Ask for runs of a deployment at once, and wait until the worker has run some of them.

    Raises AssertionError if one isn't made, or ends otherwise than completed.
    """
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

        until(lambda: sum(states()[each] for each in FINAL) >= awaited, SECONDS * awaited, every=2)
        assert states()["COMPLETED"] >= awaited, served.output.read_text()
        assert not (FINAL - {"COMPLETED"}) & states().keys(), served.output.read_text()
        assert "database is locked" not in served.output.read_text()
