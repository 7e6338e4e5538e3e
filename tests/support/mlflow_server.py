"""An MLflow server for tests, on a database that is there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.waiting import until


class MlflowServer:
    """A server of a database's URI, always on the same port, with its log in a folder."""

    def __init__(self, database: str, folder: Path) -> None:
        self.log, port = folder / "server.log", free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database]
        self.command += ["--port", str(port), "--workers", "1"]
        self.command += ["--artifacts-destination", str(folder / "artifacts")]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or let it go on after SIGSTOP, and wait until it answers."""
        if self.process is None:
            # No processes for AI features.
            variables = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
            with self.log.open("a") as log:
                self.process = subprocess.Popen(
                    self.command, env=variables, stdout=log, stderr=log, start_new_session=True
                )
        else:
            self.send(signal.SIGCONT)
        until(self._answers, 120)

    def send(self, sent: signal.Signals) -> None:
        """Send a signal to the server and its workers."""
        assert self.process is not None
        os.killpg(self.process.pid, sent)

    def end(self, sent: signal.Signals = signal.SIGTERM) -> None:
        """End it, if it runs, and wait for that; it may have been stopped by SIGSTOP."""
        if self.process is not None:
            self.send(sent)
            self.send(signal.SIGCONT)
            self.process.wait(60)
            self.process = None

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/health").is_success
        return False


@contextmanager
def mlflow_server(database: str, folder: Path) -> Iterator[str]:
    """Start a server of a database's URI, with its log in a folder, and yield its address."""
    server = MlflowServer(database, folder)
    try:
        server.start()
        yield server.address
    finally:
        server.end()
