"""lockstep worker --pool: a Prefect worker for servers that run elsewhere."""

import os
import uuid
from pathlib import Path

from lockstep.errors import ParamsError
from lockstep.process.environment import prepare_environment
from lockstep.process.runner import announce_runner
from pipelines import local
from pipelines.servers import orphan_killer
from pipelines.servers.processes import Servers


def work(root: Path, pool: str, limit: int) -> None:
    """Execute the pool's runs until a signal; a worker that was killed is started again.

    Raises ParamsError without a server's address, UnavailableError if it doesn't answer.
    """
    address = local.configured_server()
    if not address:
        raise ParamsError(
            f"--pool {pool}: no Prefect server, expected the address of one in PREFECT_API_URL"
        )
    local.server()
    prepare_environment(root)
    announce_runner()
    mark = uuid.uuid4().hex
    servers = Servers(mark)
    variables = {"PREFECT_API_URL": address, orphan_killer.NAME: mark, "PYTHONUNBUFFERED": "1"}
    servers.add_worker(root, {**os.environ, **variables}, "--pool", pool, "--limit", str(limit))
    orphan_killer.watch(mark)
    try:
        servers.loop()
    finally:
        orphan_killer.stop(mark)
    raise SystemExit(servers.returncode or 1)
