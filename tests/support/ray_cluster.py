"""A Ray cluster of two machines, of which the second doesn't see the first one's workspace."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.machines import Machine, two_machines
from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY

PACKAGES = REPOSITORY / ".venv" / "ray"  # by `make test-system`
PORT = 6379
NODE = ("--num-cpus", "1", "--object-store-memory", "100000000", "--disable-usage-stats", "--block")


class RayCluster:
    """The machines, and the variables of a process that connects to the cluster."""

    def __init__(self, machines: tuple[Machine, Machine], folder: Path) -> None:
        self.machines, self.folder = machines, folder
        self.environment = {
            "PYTHONPATH": f"{os.environ['PYTHONPATH']}:{PACKAGES}",
            "RAY_ADDRESS": f"{machines[0].address}:{PORT}",
            "RAY_worker_niceness": "0",  # not behind the other tests
        }
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start_head(self) -> None:
        """Start Ray on the first machine."""
        address = self.machines[0].address
        self._start(
            0, f"--head --port {PORT} --include-dashboard false --node-ip-address {address}"
        )

    def start_other(self, hidden: Path) -> None:
        """Start Ray on the second machine, which sees an empty folder in place of `hidden`."""
        join = f"--address {self.environment['RAY_ADDRESS']}"
        where = f"--node-ip-address {self.machines[1].address}"
        self._start(1, f"{join} {where}", f"mount -t tmpfs none {shlex.quote(str(hidden))} && ")

    def _start(self, number: int, options: str, before: str = "") -> None:
        # Short, since Ray makes Unix sockets in it.
        options += f" --temp-dir {self.folder}" if not number else ""
        ray = shlex.join([sys.executable, "-m", "ray.scripts.scripts", "start", *NODE])
        log = (self.folder / f"node-{number}.log").open("wb")
        with log:
            self.nodes.append(
                subprocess.Popen(
                    self.machines[number].command("sh", "-c", f"{before}exec {ray} {options}"),
                    env={**os.environ, **self.environment},
                    stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip
        until(lambda: self.alive() == number + 1 or self.nodes[number].poll() is not None, 120)
        said = (self.folder / f"node-{number}.log").read_text()
        assert self.nodes[number].poll() is None, said

    def alive(self) -> int:
        """The number of nodes that the cluster knows; 0 while it doesn't answer."""
        code = "import ray; ray.init(logging_level='ERROR'); print(len(ray.nodes()))"
        command = self.machines[0].command("python", "-c", code)
        variables = {**os.environ, **self.environment}
        found = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        return int(found.stdout) if found.returncode == 0 else 0

    def end(self) -> None:
        """End the nodes, with all that they have started."""
        for node in self.nodes:
            os.killpg(node.pid, signal.SIGTERM)
        for node in self.nodes:
            node.wait(60)


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Yield a cluster on two new machines, on which nothing is started yet."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # for short paths
    try:
        with two_machines() as machines:
            cluster = RayCluster(machines, folder)
            try:
                yield cluster
            finally:
                cluster.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
