"""Trainings by replicas in one process and by workers in several: a part of `benchmarks.scale`."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple

from benchmarks import _cluster_figures, _measure
from benchmarks._cluster_figures import Process


class Way(NamedTuple):
    """How a model is trained: the cores of each process, replicas in each, and if by TF_CONFIG."""

    cores: tuple[tuple[int, ...], ...]
    replicas: int
    workers: bool


class Load(NamedTuple):
    """What each way trains and sums, and how often."""

    ways: tuple[str, ...]
    work: dict[str, int]  # the batch size of each model
    examples: int
    megabytes: tuple[float, ...]
    repeats: int  # in each process
    rounds: int  # of new processes


# As many cores for each replica; the third is what one process does by default on two cores.
WAYS = {
    "replica_1": Way(((0,),), 1, workers=False),
    "worker_1": Way(((0,),), 1, workers=True),
    "replica_1_of_2_cores": Way(((0, 1),), 1, workers=False),
    "replicas_2": Way(((0, 1),), 2, workers=False),
    "workers_2": Way(((0,), (1,)), 1, workers=True),
}


def measure(load: Load) -> dict[str, Any]:
    """Run all ways in turn, and return examples/s, the ms of an all-reduce, and seconds to start.

    Of each there is the fastest and the median.
    """
    check_cores()
    rounds = [{name: run(WAYS[name], load) for name in load.ways} for _ in range(load.rounds)]
    ways = {name: [each[name] for each in rounds] for name in load.ways}
    return {
        "throughput": {
            model: _cluster_figures.throughput(ways, model, load.examples) for model in load.work
        },
        "all_reduce_ms": _cluster_figures.all_reduce(ways),
        "start_seconds": _cluster_figures.starts(ways),
        "loopback_mb_per_second": loopback(),
    }


def check_cores() -> None:
    """Exit unless this process may use the two cores."""
    usable = sorted(os.sched_getaffinity(0))
    if not {0, 1} <= set(usable):
        sys.exit(f"got the cores {usable}, expected 0 and 1 among them: start it without taskset")


def run(way: Way, load: Load) -> list[Process]:
    """Return what the processes of one training have measured, with the moment of their start."""
    addresses = [f"127.0.0.1:{_measure.free_port()}" for _ in way.cores]
    begin = time.monotonic()
    processes = [start(way, load, index, addresses) for index in range(len(addresses))]
    try:
        outputs = [process.communicate() for process in processes]
    finally:
        for process in processes:
            process.kill()
    if any(process.returncode for process in processes):
        sys.exit("\n".join(map("".join, outputs)))
    return [{"begin": begin, **json.loads(output.splitlines()[-1])} for output, _ in outputs]


def start(way: Way, load: Load, index: int, addresses: list[str]) -> subprocess.Popen[str]:
    """Start one process of a training."""
    given = {**load._asdict(), "cores": way.cores[index], "replicas": way.replicas}
    task = {"type": "worker", "index": index}
    config = {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks._cluster_process", json.dumps(given)],
        cwd=_measure.REPOSITORY, env={**os.environ, **(config if way.workers else {})},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def loopback() -> int:
    """Return the MB per second that one connection carries, the limit of what workers exchange."""
    block, count = bytes(1_000_000), 500
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            with socket.create_connection(server.getsockname()) as connection:
                for _ in range(count):
                    connection.sendall(block)

        threading.Thread(target=send).start()
        received, buffer, begin = 0, bytearray(len(block)), time.perf_counter()
        with server.accept()[0] as connection:
            while got := connection.recv_into(buffer):
                received += got
    return round(received / 1e6 / (time.perf_counter() - begin))
