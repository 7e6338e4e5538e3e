"""lockstep up: MLflow, Prefect with a worker, and TensorBoard on the loopback, until Ctrl-C."""

import os
import shlex
import socket
import sys
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

from lockstep.errors import LockstepError, MachineError
from lockstep.process.environment import prepare_environment, python_module
from lockstep.process.runner import end_with_runner
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from pipelines.servers import orphan_killer
from pipelines.servers.processes import Servers

HOST = "127.0.0.1"
PORTS = {"mlflow": 5000, "prefect": 4200, "tensorboard": 6006}
LEASES = "prefect.server.concurrency.lease_storage.filesystem"


def up(root: Path) -> None:
    """Serve a checkout until a signal comes or one of the servers ends; nothing outlives it.

    Raises MachineError where it is served already, LockstepError where a server ended.
    """
    end_with_runner({b"make", b"gmake"})
    prepare_environment(root)
    main = main_checkout(root)
    folder = main / layout.SERVERS
    (folder / "prefect").mkdir(parents=True, exist_ok=True)
    (main / layout.LOGS).mkdir(exist_ok=True)
    mark = uuid.uuid4().hex
    try:
        with FileLock(folder / "lock", timeout=0):
            ports = {name: _free(port) for name, port in PORTS.items()}
            _tell(ports)
            orphan_killer.watch(mark)
            _serve(_servers(root, main, ports, mark), ports)
    except Timeout:
        raise MachineError(f"{main}: is served already, by another `make up`; stop that") from None
    finally:
        orphan_killer.stop(mark)


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
        env={**environment, **addresses(ports)},
    )
    return servers


def _commands(main: Path, ports: dict[str, int]) -> dict[str, list[str]]:
    """MLflow serves the file and the folder that runs without a server write to as well."""
    bound = {name: ["--host", HOST, "--port", str(port)] for name, port in ports.items()}
    store = [
        "--backend-store-uri",
        f"sqlite:///{main / layout.TRACKING_DATABASE}",
        "--workers",
        "1",
    ]
    store += ["--uvicorn-opts", "--log-level warning"]  # not a line for each request
    store += ["--default-artifact-root", (main / layout.TRACKING_ARTIFACTS).as_uri()]
    return {
        "mlflow": ["mlflow", "server", *bound["mlflow"], *store],
        "prefect": ["prefect", "server", "start", *bound["prefect"]],
        "tensorboard": [
            "tensorboard.main",
            *bound["tensorboard"],
            "--logdir",
            str(main / layout.LOGS),
        ],
    }


def _settings(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """What the servers keep where, and whom they answer."""
    pages = (f"http://{host}:{ports['prefect']}" for host in (HOST, "localhost"))
    return {
        "PREFECT_HOME": str(folder / "prefect"),
        # Its pages ask port 4200 otherwise, whatever port they come from.
        "PREFECT_SERVER_UI_API_URL": f"{address(ports, 'prefect')}/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # By default any page that a browser here shows may start runs.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(pages),
        # Those in memory are lost with the server, and what they hold stays taken for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes that only its AI features use
        "PYTHONUNBUFFERED": "1",
    }


def addresses(ports: dict[str, int]) -> dict[str, str]:
    """Return the variables by which runs find the servers, and tell nobody else."""
    return {
        "PREFECT_API_URL": f"{address(ports, 'prefect')}/api",
        "MLFLOW_TRACKING_URI": address(ports, "mlflow"),
        "DO_NOT_TRACK": "1",
    }


def address(ports: dict[str, int], name: str) -> str:
    """Return where a server's pages are."""
    return f"http://{HOST}:{ports[name]}"


def _tell(ports: dict[str, int]) -> None:
    for name in ports:
        print(f"{name:12} {address(ports, name)}")
    print("in other shells:")
    for name, value in addresses(ports).items():
        print(f"  export {name}={value}")
    sys.stdout.flush()


def _serve(servers: Servers, ports: dict[str, int]) -> None:
    servers.loop()
    name, code = servers.ended, servers.returncode or 1
    if not name:  # a signal
        raise SystemExit(code)
    if name in ports and _free(ports[name]) != ports[name]:
        line = f"{name}: port {ports[name]} was taken by another program meanwhile; start again"
        raise MachineError(line)
    failure = LockstepError(f"{name} ended, so the others were stopped; its last lines say why")
    failure.exit_code = code if code > 0 else 128 - code
    raise failure


def _free(port: int) -> int:
    """Return the port if nobody listens on it, otherwise one that is free."""
    for wanted in (port, 0):
        try:
            with socket.create_server((HOST, wanted)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise MachineError(f"{HOST}: no port is free, expected one beside {port}")
