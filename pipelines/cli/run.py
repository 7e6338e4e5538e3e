"""lockstep run: run one experiment, in the checkout or, with overrides, in a workspace."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.errors import ParamsError
from lockstep.launchers import ray_cluster
from lockstep.process.runner import end_with_runner
from lockstep.runtime import devices
from lockstep.runtime.cluster import read_cluster
from lockstep.runtime.launcher import LAUNCHER, RAY
from lockstep.training import worker
from pipelines.cli import sweep
from pipelines.cli._folds import ALL, count_of, with_fold
from pipelines.cli._parameters import add_overrides, assignments_of, checked
from pipelines.sweeps import definition
from tasks import datasets

HELP = "run one experiment"
OF_DATA = {"data", "normalize", "seed"}  # sections of the parameters of which spec.json is made


def add_arguments(parser: ArgumentParser) -> None:
    """Add the overrides, and the launcher."""
    add_overrides(parser)
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="run with N seeds, and show the spread of metrics"
    )
    parser.add_argument("--json", action="store_true", help="with --seeds, print one JSON object")
    parser.add_argument(
        "--launcher", choices=[RAY], help="start the workers of `normalize` and `train` by Ray"
    )


def act(root: Path, arguments: Namespace) -> None:
    """Run the flow in this process; with overrides, in a child process and a new workspace.

    With the override data.fold=all there is one such run for each fold, and with --seeds a sweep
    over seeds. A worker that isn't the chief joins its training instead: launchers start the same
    command everywhere. Raises ParamsError for options that don't go together.
    """
    if arguments.json and arguments.seeds is None:
        raise ParamsError("--json: got it without --seeds, expected both")
    if arguments.launcher:
        ray_cluster.require_installed()
        os.environ[LAUNCHER] = arguments.launcher  # for the stages' processes
    end_with_runner()  # with overrides, a parent process waits to save the result
    given, assignments = arguments.overrides, assignments_of(root, arguments)
    values = checked(root, with_fold(assignments, 1))
    count = count_of(values) if ALL in given else None
    if arguments.seeds is not None:
        _run_seeds(root, arguments, values.seed)
        return
    devices.replicas(values)
    if not read_cluster().chief:
        worker.work(values, root)
        return
    _check_recorded_data(values.data.path, root)
    datasets.check_user_data(values, root)
    datasets.check_batch_size(values, root)
    from pipelines import local, workspaces

    if count:
        from pipelines import cross_validation

        runs = [(with_fold(assignments, n), with_fold(given, n)) for n in range(1, count + 1)]
        print(cross_validation.run(root, runs, arguments.preset), end="")
    elif assignments:
        if not OF_DATA & {each.partition(".")[0] for each in assignments}:
            local.check_with_data(values, root, local.forecast(root))
        workspaces.run(root, assignments, arguments.preset, given)
    else:
        local.run(root)


def _run_seeds(root: Path, arguments: Namespace, first: int) -> None:
    """Run a sweep over seeds, from the one of the parameters on."""
    count = arguments.seeds
    if count < 2:
        raise ParamsError(f"--seeds: got {count}, expected a number of 2 or more")
    if ALL in arguments.overrides:
        raise ParamsError(f"--seeds: got it with {ALL}, expected one of them")
    given = [each for each in arguments.overrides if not each.startswith("seed=")]
    seeds = f"seed={first}..{first + count - 1}"
    asked = definition.make([*given, seeds], preset=arguments.preset, name="seeds")
    sweep.run(root, asked, as_json=arguments.json)


def _check_recorded_data(path: str, root: Path) -> None:
    """Say how to bring data that aren't here, if DVC knows.

    DVC takes a second to import: it is asked only where a .dvc file of their name may record them.
    """
    recorded = any(
        (root / each.parent / f"{each.name}.dvc").is_file()
        for each in (Path(path), *Path(path).parents)
    )
    if recorded and not (root / path).exists():
        from lockstep.versioning import data_sources  # imports DVC

        data_sources.require_as_recorded(root, path)
