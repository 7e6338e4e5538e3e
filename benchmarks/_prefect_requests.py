"""What the requests of workers and runs take of a Prefect server: a part of `benchmarks.scale`.

The server is a temporary one of SQLite in one process, as `lockstep run` starts it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks._measure import REPOSITORY
from lockstep.process.runner import announce_runner
from pipelines.servers import temporary_server

POOL = "scale"


PATIENCE_SECONDS = 30
Request = Callable[[], Any]


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Return the ms of each request, one after another, and the CPU time it takes of the server."""
    with served() as (client, server):
        return {
            name: timed(request, server, repeats) for name, request in requests_of(client).items()
        }


@contextmanager
def served() -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """Yield a client of a server that ends with this process, and the server's process."""
    announce_runner()
    before = psutil.Process().children()
    os.environ["PYTHONPATH"] = str(REPOSITORY)  # the server is a module of this checkout
    try:
        address = temporary_server.start()
    finally:
        del os.environ["PYTHONPATH"]
    (server,) = (each for each in psutil.Process().children() if each not in before)
    temporary_server.wait()
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client, server


def requests_of(client: httpx.Client) -> dict[str, Request]:
    """Return what a worker and a run ask again and again."""

    def post(path: str, **content: Any) -> Any:
        answer = client.post(path, json=content)
        for _ in range(PATIENCE_SECONDS):
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)  # the server's own first writes lock SQLite; Prefect's clients wait too
            answer = client.post(path, json=content)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    post("/work_pools/", name=POOL, type="process")
    flow = post("/flows/", name="scale")["id"]
    run = post("/flow_runs/", flow_id=flow)["id"]
    pool, running = f"/work_pools/{POOL}", {"type": "RUNNING"}
    return {
        "worker_poll": lambda: post(f"{pool}/get_scheduled_flow_runs"),
        "worker_heartbeat": lambda: post(f"{pool}/workers/heartbeat", name="worker"),
        "state_of_a_run": lambda: post(f"/flow_runs/{run}/set_state", state=running, force=True),
    }


def timed(request: Request, server: psutil.Process, repeats: int) -> dict[str, float]:
    """Return the ms of a request from the client's side, and the server's CPU time for one."""
    request()
    begin, seconds = sum(server.cpu_times()[:2]), []
    for _ in range(repeats):
        start = time.perf_counter()
        request()
        seconds.append(time.perf_counter() - start)
    cpu = (sum(server.cpu_times()[:2]) - begin) / repeats
    found = {"fastest": min(seconds), "median": median(seconds), "cpu": cpu}
    return {name: round(1000 * each, 2) for name, each in found.items()}
