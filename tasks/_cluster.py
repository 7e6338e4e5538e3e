"""Several workers, as TF_CONFIG names them: who is the chief, and how many replicas in all."""

import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from errors import MachineError, ParamsError, UnavailableError

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """The workers' addresses, the chief first, and which of them this process is."""

    addresses: tuple[str, ...]
    index: int

    @property
    def size(self) -> int:
        """How many workers there are, the chief among them."""
        return len(self.addresses)

    @property
    def chief(self) -> bool:
        """Whether this process runs the graph, and alone writes."""
        return self.index == 0


ALONE = Cluster(("",), 0)
PAUSE = 0.1  # seconds


def read() -> Cluster:
    """Return the cluster of the environment variable TF_CONFIG, or ALONE.

    Raises ParamsError for one that isn't of workers, or doesn't say which this is.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return ALONE
    expected = f"expected {EXAMPLE}"
    try:
        given = json.loads(text)
        cluster, task = given["cluster"], given["task"]
        chiefs, workers = list(cluster.get("chief", [])), list(cluster.get("worker", []))
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        addresses = tuple(str(each) for each in (*chiefs, *workers))
        all(int(address.rpartition(":")[2]) for address in addresses)  # each ends in a port
        known = set(cluster) <= {"chief", "worker"} and task["type"] in ("chief", "worker")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParamsError(f"{VARIABLE}: {type(error).__name__}: {error}; {expected}") from None
    if not known or not 0 <= index < len(addresses):
        raise ParamsError(f"{VARIABLE}: got {text}, {expected}")
    return Cluster(addresses, index) if len(addresses) > 1 else ALONE


def meet(cluster: Cluster, seconds: float) -> None:
    """Return when all workers are there; raises UnavailableError if one doesn't come in time.

    Before TensorFlow binds the same ports: it would wait for ever, in a call that no signal, no
    thread and no exception ends.
    """
    others = set(range(cluster.size)) - {cluster.index}
    if not others:
        return
    reached: set[int] = set()
    deadline = time.monotonic() + seconds
    with _listening(cluster) as seen:
        while not reached >= others or not seen >= others:
            if time.monotonic() > deadline:
                missing = sorted(others - (reached & seen))
                raise UnavailableError(
                    f"{cluster.size - len(missing)} of {cluster.size} workers met within "
                    f"{seconds:g} s (train.cluster_seconds); start the others: "
                    f"{', '.join(cluster.addresses[each] for each in missing)}"
                )
            reached |= {each for each in others - reached if _reach(cluster, each)}
            time.sleep(PAUSE)


@contextmanager
def _listening(cluster: Cluster) -> Iterator[set[int]]:
    """Answer on this worker's port; yields the set of those who have called."""
    seen: set[int] = set()

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            name = self.rfile.readline(10).strip()
            if name.isdigit():
                self.wfile.write(name)
                seen.add(int(name))

    port = int(cluster.addresses[cluster.index].rpartition(":")[2])
    try:
        server = _Server(("", port), Answer)
    except OSError as error:
        raise MachineError(f"{VARIABLE}: port {port}: {error.strerror}") from None
    with server:
        threading.Thread(target=server.serve_forever, args=(PAUSE,), daemon=True).start()
        try:
            yield seen
        finally:
            server.shutdown()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _reach(cluster: Cluster, other: int) -> bool:
    host, _, port = cluster.addresses[other].rpartition(":")
    name = str(cluster.index).encode()
    try:
        with socket.create_connection((host, int(port)), 1) as line:
            line.settimeout(1)
            line.sendall(name + b"\n")
            return line.recv(10) == name
    except OSError:
        return False
