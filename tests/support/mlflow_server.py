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
from tests.support.served import until


@contextmanager
def mlflow_server(database: str, folder: Path) -> Iterator[str]:
    """Start a server of a database's URI, with its log in a folder, and yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database]
    command += ["--port", str(port), "--workers", "1"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{address}/health").is_success
        return False

    try:
        until(answers, 120)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
