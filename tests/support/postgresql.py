"""A real PostgreSQL on the loopback, whose one user may create databases."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.waiting import until

USER = "lockstep"


@contextmanager
def postgresql(password: str, port: int = 5432) -> Iterator[None]:
    """Start a server with an empty cluster, which it removes again."""
    # Where the user postgres may go: tests' folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))
    try:
        _make_cluster(folder, password)
        with _started(folder, port) as process:
            until(lambda: _answers(process, port), 60)
            yield
    finally:
        shutil.rmtree(folder)


def _make_cluster(folder: Path, password: str) -> None:
    (folder / "password").write_text(password, encoding="utf-8")
    for path in (folder, folder / "password"):
        if not os.geteuid():
            shutil.chown(path, "postgres", "postgres")
    command = [_program("initdb"), "--username", USER, "--pwfile", str(folder / "password"),
               "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync",
               str(folder / "data")]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, **_as_postgres())
    assert ended.returncode == 0, ended.stdout + ended.stderr


@contextmanager
def _started(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    settings = {"listen_addresses": "127.0.0.1", "port": port, "fsync": "off",
                "unix_socket_directories": folder}  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [_program("postgres"), "-D", str(folder / "data"), *options],
            stdout=log, stderr=log, start_new_session=True, **_as_postgres(),
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # without waiting for its clients
        process.wait(60)


def _as_postgres() -> dict[str, Any]:
    """How to start a process: PostgreSQL refuses root."""
    if os.geteuid():
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}


def _program(name: str) -> str:
    # Debian keeps them where no PATH leads.
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, "expected the Debian package postgresql"
    return str(found[-1])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None
    ready = ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    return subprocess.run(ready, check=False).returncode == 0
