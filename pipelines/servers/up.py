"""lockstep up: run MLflow, Prefect with a worker, and TensorBoard until Ctrl-C."""

import errno
import os
import shlex
import socket
import sys
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

from lockstep.errors import LockstepError, MachineError, ParamsError
from lockstep.process import hash_seed
from lockstep.process.environment import prepare_environment, python_module
from lockstep.process.process_ids import process_name
from lockstep.process.runner import announce_runner, end_with
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import database
from pipelines.servers import orphan_killer, prefect_database, running, team
from pipelines.servers.commands import MLFLOW_STORE, PREFECT_STORE, Places, commands, settings
from pipelines.servers.processes import Servers

PORTS = {"mlflow": 5000, "prefect": 4200, "tensorboard": 6006}


def up(root: Path, host: str) -> None:
    """Run the servers until a signal or until one of them ends; then stop all their processes.

    Raises ParamsError for an address that others reach without passwords, MachineError if they
    already run for this checkout, LockstepError if one has ended.
    """
    team.check(host)
    _end_with_make()
    prepare_environment(root)
    main = main_checkout(root)
    folder = main / layout.SERVERS
    folder.mkdir(parents=True, exist_ok=True)
    (main / layout.LOGS).mkdir(exist_ok=True)
    mark = uuid.uuid4().hex
    try:
        with FileLock(folder / "lock", timeout=0):
            _serve_locked(root, main, host, mark)
    except Timeout:
        raise MachineError(
            f"{main}: is served already by another `make up`; stop that first"
        ) from None
    finally:
        orphan_killer.stop(mark)


def _serve_locked(root: Path, main: Path, host: str, mark: str) -> None:
    announce_runner()
    # The servers would make them in place, and a kill in that second would leave them incomplete.
    if MLFLOW_STORE not in os.environ:
        database.ensure(main)
        team.check_artifacts(main, host)
    if PREFECT_STORE not in os.environ:
        prefect_database.ensure(main / layout.SERVERS / "prefect" / "prefect.db")
    places = Places(host, {name: _free_port(host, port) for name, port in PORTS.items()})
    _print_addresses(places)
    orphan_killer.watch(mark)
    try:
        _serve(_servers(root, main, places, mark), places)
    finally:
        running.withdraw(main)


def _end_with_make() -> None:
    """Under make, stop this process when make ends, even if make was killed."""
    parent = os.getppid()
    if Path(f"/proc/{parent}/comm").read_text(encoding="utf-8").strip() in ("make", "gmake"):
        end_with(process_name(parent))


def _servers(root: Path, main: Path, places: Places, mark: str) -> Servers:
    folder = main / layout.SERVERS
    servers = Servers(mark)
    # What clients send must not collide: a server's hashes can't be foreseen.
    own = {orphan_killer.NAME: mark, hash_seed.NAME: hash_seed.RANDOM}
    environment = {**os.environ, **own, **settings(folder, places)}
    for name, command in commands(main, places).items():
        servers.add_process(
            name, f"exec {shlex.join(python_module(*command))}", cwd=str(folder), env=environment
        )
    variables = {**environment, **places.variables()}
    servers.add_worker(root, variables, "--tensorboard", places.address("tensorboard"))
    return servers


def _print_addresses(places: Places) -> None:
    for name in places.ports:
        print(f"{name:12} {places.address(name)}")
    print("in other shells (commands in this checkout find the servers without these lines):")
    for name, value in places.variables().items():
        print(f"  export {name}={value}")
    if team.has_logins():
        print(f"and {', '.join(team.CLIENT_LOGINS)} for all commands, as the servers ask for them")
    sys.stdout.flush()


def _serve(servers: Servers, places: Places) -> None:
    servers.loop()
    name, code = servers.ended, servers.returncode or 1
    if not name:  # stopped by a signal
        raise SystemExit(code)
    port = places.ports.get(name)
    if port and _free_port(places.host, port) != port:
        line = f"{name}: port {port} was taken by another program; start again"
        raise MachineError(line)
    failure = LockstepError(f"{name} ended, so the others were stopped; its last lines say why")
    failure.exit_code = code if code > 0 else 128 - code
    raise failure


def _free_port(host: str, port: int) -> int:
    """Return the port if it is free, otherwise another one that is."""
    for wanted in (port, 0):
        try:
            with socket.create_server((host, wanted)) as probe:
                return int(probe.getsockname()[1])
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ParamsError(
                    f"--host: got {host}, expected an address of this machine"
                ) from None
    raise MachineError(f"{host}: no free port, neither {port} nor another")
