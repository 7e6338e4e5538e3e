"""A temporary Prefect server for a run without a configured one; it ends with the run.

It ends even when the run is killed. Prefect's own temporary server doesn't, and then two servers
write to one database.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys

import httpx

from lockstep.errors import MachineError
from lockstep.process import stopping
from lockstep.process.environment import python_module
from lockstep.process.runner import end_with_runner
from lockstep.process.temporary_folders import remove_abandoned, temporary_folder
from pipelines.servers.prefect_template import URL, copy_template, url_of

START_LIMIT_SECONDS = 180
STOP_LIMIT_SECONDS = 3
_started: list[str] = []  # addresses


def is_started() -> bool:
    """Return whether this process has started a temporary server."""
    return bool(_started)


def start() -> str:
    """Start a server, and return its API URL at once: `wait` waits until it answers."""
    remove_abandoned()  # the databases of servers whose runs were killed
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The socket is passed on open, so no other process can take the port.
        command = python_module("pipelines.servers.temporary_server", str(listener.fileno()))
        # The environment is copied: TensorFlow, imported in a thread, changes it, and a process
        # started at that moment fails with "Bad address".
        # In its own session: Ctrl-C in a terminal goes to the whole process group, and the flow
        # reports its end to this server.
        server = subprocess.Popen(
            command,
            pass_fds=[listener.fileno()],
            env=dict(os.environ),
            start_new_session=True,
        )
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    _started.append(address)
    # Registered before Prefect's handler, which sends the last logs and is then called first.
    atexit.register(_stop, server)
    stopping.at_end(lambda: _stop(server))
    return address


def wait() -> None:
    """Wait until a server that this process has started answers; raises MachineError."""
    for address in _started:
        try:
            httpx.get(f"{address}/health", timeout=START_LIMIT_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            raise MachineError(
                f"Prefect's temporary server: {error}; try again, or start one and set "
                "PREFECT_API_URL"
            ) from None


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        remove_abandoned()


def serve(descriptor: int) -> None:
    """Serve Prefect's API on a socket that the parent has opened."""
    end_with_runner()
    # uvicorn sends itself the signal again when it has ended, which would leave the folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with temporary_folder() as folder:
        database = folder / "prefect.db"
        copy_template(database)
        # For one run, without users: no UI, and no background services.
        settings = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}
        os.environ.update(settings | {URL: url_of(database)})
        import uvicorn
        from prefect.server.api.server import create_app

        server = uvicorn.Server(uvicorn.Config(create_app, factory=True, log_level="error"))
        server.run([socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
