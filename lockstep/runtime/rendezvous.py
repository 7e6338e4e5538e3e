"""The workers of a cluster wait for each other, before TensorFlow takes their ports."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lockstep.errors import MachineError, UnavailableError
from lockstep.runtime.cluster import TF_CONFIG, Cluster

PAUSE = 0.1  # seconds


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
        with socket.create_connection((host, int(port)), 1) as line:
            line.settimeout(1)
            line.sendall(name + b"\n")
            return line.recv(10) == name
    except OSError:
        return False
