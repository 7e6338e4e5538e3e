"""The worker of compose.yaml: deploys the workspace's project once, and starts Prefect's worker."""

import subprocess
import sys
from pathlib import Path

from lockstep.errors import LockstepError
from lockstep.process.environment import prepare_environment
from lockstep.process.exit_codes import exit_code
from pipelines.servers.prefect_worker import LIMIT, POOL, become_worker, set_up

DEPLOYMENT = "experiment/manual"


def main() -> None:
    """Set up Prefect, deploy the project in the current folder, and become the worker.

    Deployments that exist are kept, since to deploy again would make their schedules inactive.
    """
    prepare_environment(Path.cwd())
    set_up()
    if not _is_deployed():
        _deploy()
    become_worker(POOL, LIMIT, "--with-healthcheck")


def _is_deployed() -> bool:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            return False
    return True


def _deploy() -> None:
    command = [sys.executable, "-m", "prefect", "deploy", "--all"]
    if code := subprocess.run(command, check=False).returncode:
        raise LockstepError(f"prefect deploy: exit code {code}, expected 0; its last lines say why")


if __name__ == "__main__":
    with exit_code("worker") as outcome:
        main()
    sys.exit(outcome.code)
