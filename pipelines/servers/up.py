"""lockstep up: run MLflow, Prefect with a worker, and TensorBoard on 127.0.0.1 until Ctrl-C."""

import os
import shlex
import socket
import sys
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

from lockstep.errors import LockstepError, MachineError
from lockstep.process import stopping
from lockstep.process.environment import prepare_environment, python_module
from lockstep.process.process_ids import process_name
from lockstep.process.runner import announce_runner, end_with
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import database
from pipelines.servers import orphan_killer, prefect_database, running
from pipelines.servers.processes import Servers

HOST = "127.0.0.1"
PORTS = {"mlflow": 5000, "prefect": 4200, "tensorboard": 6006}
LEASES = "prefect.server.concurrency.lease_storage.filesystem"


def up(root: Path) -> None:
    """Run the servers until a signal or until one of them ends; then stop all their processes.

    Raises MachineError if they already run for this checkout, LockstepError if one has ended.
    """
    _end_with_make()
    prepare_environment(root)
    main = main_checkout(root)
    folder = main / layout.SERVERS
    folder.mkdir(parents=True, exist_ok=True)
    (main / layout.LOGS).mkdir(exist_ok=True)
    mark = uuid.uuid4().hex
    try:
        with FileLock(folder / "lock", timeout=0):
            _serve_locked(root, main, mark)
    except Timeout:
        raise MachineError(
            f"{main}: is served already by another `make up`; stop that first"
        ) from None
    finally:
        orphan_killer.stop(mark)


def _serve_locked(root: Path, main: Path, mark: str) -> None:
    announce_runner()
    # The servers would make them in place, and a kill in that second would leave them incomplete.
    database.ensure(main)
    prefect_database.ensure(main / layout.SERVERS / "prefect" / "prefect.db")
    ports = {name: _free_port(port) for name, port in PORTS.items()}
    _print_addresses(ports)
    orphan_killer.watch(mark)
    try:
        _serve(_servers(root, main, ports, mark), ports)
    finally:
        running.withdraw(main)


def _end_with_make() -> None:
    """Under make, stop this process when make ends, even if make was killed."""
    parent = os.getppid()
    if Path(f"/proc/{parent}/comm").read_text(encoding="utf-8").strip() in ("make", "gmake"):
        end_with(process_name(parent))


def _servers(root: Path, main: Path, ports: dict[str, int], mark: str) -> Servers:
    folder = main / layout.SERVERS
    servers = Servers(mark)
    environment = {**os.environ, orphan_killer.NAME: mark, **_settings(folder, ports)}
    for name, command in _commands(main, ports).items():
        servers.add_process(
            name, f"exec {shlex.join(python_module(*command))}", cwd=str(folder), env=environment
        )
    worker = python_module("pipelines.servers.prefect_worker", address(ports, "tensorboard"))
    servers.add_process(
        "worker",
        f"exec {shlex.join(worker)}",
        cwd=str(root),
        env={**environment, **addresses(ports), stopping.SILENT: "1"},
    )
    return servers


def _commands(main: Path, ports: dict[str, int]) -> dict[str, list[str]]:
    """Return each server's command. MLflow uses the same files as runs without a server."""
    bound = {name: ["--host", HOST, "--port", str(port)] for name, port in ports.items()}
    store = [
        "--backend-store-uri",
        database.uri_of(main / layout.TRACKING_DATABASE),
        "--workers",
        "1",
    ]
    store += ["--uvicorn-opts", "--log-level warning"]  # no log line for each request
    store += ["--default-artifact-root", (main / layout.TRACKING_ARTIFACTS).as_uri()]
    return {
        "mlflow": ["mlflow", "server", *bound["mlflow"], *store],
        "prefect": ["prefect", "server", "start", *bound["prefect"]],
        "tensorboard": [
            "pipelines.servers.tensorboard_server",
            *bound["tensorboard"],
            "--logdir",
            str(main / layout.LOGS),
        ],
    }


def _settings(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """Return the servers' settings: where they store data, and which web origins they allow."""
    pages = (f"http://{host}:{ports['prefect']}" for host in (HOST, "localhost"))
    return {
        "PREFECT_HOME": str(folder / "prefect"),
        # Without this the UI calls port 4200, whatever the server's port is.
        "PREFECT_SERVER_UI_API_URL": f"{address(ports, 'prefect')}/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # By default any web page in a local browser could start runs.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(pages),
        # Leases in memory are lost with the server, and their slots stay taken forever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # no processes for AI features
        "PYTHONUNBUFFERED": "1",
    }


def addresses(ports: dict[str, int]) -> dict[str, str]:
    """Return the variables that name the servers and turn off telemetry."""
    return {
        "PREFECT_API_URL": f"{address(ports, 'prefect')}/api",
        "MLFLOW_TRACKING_URI": address(ports, "mlflow"),
        "DO_NOT_TRACK": "1",
    }


def address(ports: dict[str, int], name: str) -> str:
    """Return a server's URL."""
    return f"http://{HOST}:{ports[name]}"


def _print_addresses(ports: dict[str, int]) -> None:
    for name in ports:
        print(f"{name:12} {address(ports, name)}")
    print("in other shells (commands in this checkout find the servers without these lines):")
    for name, value in addresses(ports).items():
        print(f"  export {name}={value}")
    sys.stdout.flush()


def _serve(servers: Servers, ports: dict[str, int]) -> None:
    servers.loop()
    name, code = servers.ended, servers.returncode or 1
    if not name:  # stopped by a signal
        raise SystemExit(code)
    if name in ports and _free_port(ports[name]) != ports[name]:
        line = f"{name}: port {ports[name]} was taken by another program; start again"
        raise MachineError(line)
    failure = LockstepError(f"{name} ended, so the others were stopped; its last lines say why")
    failure.exit_code = code if code > 0 else 128 - code
    raise failure


def _free_port(port: int) -> int:
    """Return the port if it is free, otherwise another one that is."""
    for wanted in (port, 0):
        try:
            with socket.create_server((HOST, wanted)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise MachineError(f"{HOST}: no free port, neither {port} nor another")
