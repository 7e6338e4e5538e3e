"""lockstep worker: join the training of TF_CONFIG's chief, or execute the runs of a work pool."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config.versions import check_versions
from lockstep.process.runner import end_with_runner
from lockstep.runtime import devices
from pipelines.cli._parameters import checked

HELP = "join the training of the chief that TF_CONFIG names; with --pool be a Prefect worker"


def add_arguments(parser: ArgumentParser) -> None:
    """Add --pool and --limit; TF_CONFIG says which worker of a training this is."""
    parser.add_argument("--pool", help="execute the runs of this work pool until Ctrl-C")
    parser.add_argument("--limit", type=int, default=2, help="runs of the pool at once")


def act(root: Path, arguments: Namespace) -> None:
    """Train together with the chief until training ends, or be a worker of the pool."""
    if arguments.pool:
        from pipelines.servers import pool_worker

        pool_worker.work(root, arguments.pool, arguments.limit)
        return
    end_with_runner()
    values = checked(root, [])
    devices.replicas(values)
    check_versions(root)
    from lockstep.training import worker

    worker.work(values, root)
