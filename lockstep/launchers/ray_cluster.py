"""The Ray cluster that RAY_ADDRESS names, or else the one that runs on this machine."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.errors import MachineError, UnavailableError, one_line
from lockstep.process import hash_seed
from lockstep.storage import layout

# Ray copies the workspace to each node, without what .gitignore lists and without:
LEFT_OUT = [".git", str(layout.PRIVATE), str(layout.LOGS)]
SECONDS = 10
INSTALL = "uv pip install --require-hashes --no-deps -r requirements-ray.lock"


class Node(NamedTuple):
    """A machine of the cluster."""

    id: str
    address: str
    gpus: int


@contextmanager
def connected(root: Path) -> Iterator[list[Node]]:
    """Connect to the cluster, with a workspace's code; yields its nodes, this machine's first.

    Raises MachineError if Ray isn't installed, has another version or can't take the workspace,
    UnavailableError if there is no cluster.
    """
    require_installed()
    _require_answer(os.environ.get("RAY_ADDRESS", ""))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # no usage statistics are sent
    import ray

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(
            address="auto",
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={
                "working_dir": str(root),
                "excludes": LEFT_OUT,
                "env_vars": {hash_seed.NAME: hash_seed.FIXED},
            },
        )
    except ConnectionError as error:
        raise UnavailableError(
            f"Ray: {_first(error)}; start a cluster with `ray start --head`, or set RAY_ADDRESS"
        ) from None
    # Another version of Ray or Python on the cluster; a workspace larger than Ray copies.
    except (RuntimeError, ray.exceptions.RuntimeEnvSetupError) as error:
        raise MachineError(f"Ray: {one_line(error)}") from None
    for number, handler in handlers.items():
        signal.signal(number, handler)  # Ray has replaced them
    try:
        yield _nodes(ray)
    finally:
        ray.shutdown()


def free_cpus() -> int:
    """Return the number of CPUs of the cluster that nothing has taken."""
    import ray

    return int(ray.available_resources().get("CPU", 0))


def require_installed() -> None:
    """Raise MachineError if Ray isn't installed; it isn't imported."""
    if find_spec("ray") is None:
        raise MachineError(f"--launcher ray: Ray isn't installed; {INSTALL}")


def _require_answer(address: str) -> None:
    """Raise UnavailableError if nothing listens at HOST:PORT; Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # a name that Ray looks up, or none
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except OSError as error:
        raise UnavailableError(
            f"RAY_ADDRESS: {address} doesn't answer ({error}); start a cluster with `ray start "
            "--head`, or correct the variable"
        ) from None


def _first(error: Exception) -> str:
    return one_line(str(error).split(". ")[0])


def _nodes(ray: Any) -> list[Node]:
    here = ray.get_runtime_context().get_node_id()
    found = [
        Node(each["NodeID"], each["NodeManagerAddress"], int(each["Resources"].get("GPU", 0)))
        for each in ray.nodes()
        if each["Alive"] and each["Resources"].get("CPU")
    ]
    if here not in [node.id for node in found]:
        raise MachineError("Ray: this machine gives the cluster no CPU, expected one for the chief")
    return sorted(found, key=lambda node: (node.id != here, node.id))
