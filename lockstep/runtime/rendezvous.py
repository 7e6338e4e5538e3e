"""Wait for all workers of a cluster, before TensorFlow binds their ports."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lockstep.errors import MachineError, UnavailableError
from lockstep.runtime.cluster import TF_CONFIG, Cluster

PAUSE = 0.1  # seconds


def wait_for_workers(cluster: Cluster, seconds: float) -> None:
    """Return when all workers have connected; raises UnavailableError if one doesn't in time.

    TensorFlow itself would wait for ever, in a call that no signal, thread or exception ends.
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
                    f"{cluster.size - len(missing)} of {cluster.size} workers connected within "
                    f"{seconds:g} s (train.cluster_timeout_seconds); start the others: "
                    f"{', '.join(cluster.addresses[each] for each in missing)}"
                )
            reached |= {each for each in others - reached if _reach(cluster, each)}
            time.sleep(PAUSE)


@contextmanager
def _listening(cluster: Cluster) -> Iterator[set[int]]:
    """Answer on this worker's port; yields the set of workers that have connected."""
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
        raise MachineError(f"{TF_CONFIG}: port {port}: {error.strerror}") from None
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
        with socket.create_connection((host, int(port)), 1) as connection:
            connection.settimeout(1)
            connection.sendall(name + b"\n")
            return connection.recv(10) == name
    except OSError:
        return False
