"""A Prefect server for one run that names no lasting one; it ends with the run, even a killed one.

Prefect's own outlives a kill, and then two servers write into one database.
"""

import atexit
import os
import socket
import subprocess
import sys

import httpx

from lockstep.errors import MachineError
from lockstep.process.environment import python_module
from lockstep.process.runner import end_with_runner

START_LIMIT_SECONDS = 180
STOP_LIMIT_SECONDS = 5


def start() -> str:
    """Return the address of its API when it answers; raises MachineError if it doesn't start."""
    with socket.create_server(("127.0.0.1", 0)) as line:
        # No one else can take the port meanwhile.
        command = python_module("pipelines.servers.temporary_server", str(line.fileno()))
        server = subprocess.Popen(command, pass_fds=[line.fileno()])
        address = f"http://127.0.0.1:{line.getsockname()[1]}/api"
    # Before Prefect registers what sends its last logs: that is called first.
    atexit.register(_stop, server)
    try:
        httpx.get(f"{address}/health", timeout=START_LIMIT_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise MachineError(
            f"Prefect's temporary server: {error}; try again, or start one and set PREFECT_API_URL"
        ) from None
    return address


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def serve(descriptor: int) -> None:
    """Serve Prefect's API on a socket that the parent has opened."""
    end_with_runner()
    # It is for one run and no person: no UI, and no services that watch over others' runs.
    os.environ.update(PREFECT_UI_ENABLED="0", PREFECT__SERVER_EPHEMERAL="1")
    import uvicorn
    from prefect.server.api.server import create_app

    server = uvicorn.Server(uvicorn.Config(create_app, factory=True, log_level="error"))
    server.run([socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
