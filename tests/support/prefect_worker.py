"""Prefect workers: a plain one as a fixture, and `lockstep worker`."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.workspaces import run


@pytest.fixture
def worker(server: str, tmp_path: Path) -> Iterator[Path]:
    """A plain worker, started outside of the project; yields the file with its output."""
    output = tmp_path / "output"
    made = run(tmp_path, "prefect", "work-pool", "create", "lockstep", "--type", "process",
               "--overwrite", PREFECT_API_URL=server)  # fmt: skip
    assert made.returncode == 0, made.stdout
    command = ["prefect", "worker", "start", "--pool", "lockstep", "--type", "process"]
    with output.open("w") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "PREFECT_API_URL": server},
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    yield output
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(60)


@contextmanager
def pool_worker(root: Path, server: str) -> Iterator[Path]:
    """`lockstep worker` of a checkout for the pool lockstep; yields the file with its output."""
    output = root.parent / "worker-output"
    with output.open("w") as log:
        process = subprocess.Popen(
            ["lockstep", "worker", "--pool", "lockstep"],
            cwd=root, env={**os.environ, "PREFECT_API_URL": server},
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield output
    finally:
        process.terminate()
        process.wait(60)
