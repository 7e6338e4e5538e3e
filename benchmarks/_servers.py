"""Servers that end with a benchmark: MLflow's, and PostgreSQL for MLflow's runs."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks import _measure
from lockstep.process.environment import python_module
from lockstep.tracking import database

PROGRAMS = Path("/usr/lib/postgresql")  # where Debian's packages put each version
USER = "lockstep"
PATIENCE_SECONDS = 120


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Serve MLflow on the loopback from a SQLite file in `folder`, and yield its address."""
    port = _measure.free_port()
    command = python_module(
        "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", database.uri_of(folder / "mlflow.db"),
        "--artifacts-destination", str(folder / "mlartifacts"),
        "--uvicorn-opts", "--log-level warning",
    )  # fmt: skip
    variables = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # Its output isn't this program's; in a session of its own, since it starts further processes.
    server = subprocess.Popen(
        command, cwd=folder, env=variables, stdout=sys.stderr, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(server, lambda: _answers(address))
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(PATIENCE_SECONDS)


@contextmanager
def postgresql() -> Iterator[str]:
    """Run Debian's PostgreSQL with an empty database, and yield the database's URI.

    It listens on a socket in a folder that only its user and root can enter.
    """
    programs = next(PROGRAMS.glob("*/bin"), None)
    if programs is None:
        sys.exit(f"no PostgreSQL in {PROGRAMS}: install the package postgresql")
    with tempfile.TemporaryDirectory() as name:
        options = _options(Path(name))
        data, client = f"{name}/data", ["--host", name, "--username", USER]
        initdb = [programs / "initdb", "--pgdata", data, "--username", USER, "--auth", "trust"]
        subprocess.run([*initdb, "--encoding", "UTF8", "--no-sync"], check=True, **options)
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-c", "listen_addresses=",
             "-c", f"unix_socket_directories={name}", "-c", "log_min_messages=panic"],
            **options,
        )  # fmt: skip
        try:
            ready = [programs / "pg_isready", *client]
            _wait(server, lambda: subprocess.run(ready, check=False, **options).returncode == 0)
            subprocess.run([programs / "createdb", *client, "mlflow"], check=True, **options)
            yield f"postgresql://{USER}@/mlflow?host={name}"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown, which ends open sessions
            server.wait(PATIENCE_SECONDS)


def _options(folder: Path) -> dict[str, Any]:
    """Return how PostgreSQL's programs are started; as root, which they refuse, by Debian's user.

    The folder is then that user's.
    """
    options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        options |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    return options


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").is_success
    except httpx.TransportError:
        return False


def _wait(server: subprocess.Popen[Any], ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{server.args}: code {server.poll()}, expected it to answer")
        time.sleep(0.1)
