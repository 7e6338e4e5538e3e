"""What each command of lockstep does; mistakes are told before anything slow is imported."""

import os
import sys
from argparse import Namespace
from pathlib import Path

import params
from params import Params
from tasks import _devices, _exit


def run(root: Path, arguments: Namespace) -> None:
    """Run one experiment through the flow: here, or with overrides in a workspace of its own."""
    _exit.with_its_runner()  # an overridden run is the child of one that waits to save it
    assignments = _assignments(arguments)
    values = _checked(root, assignments)
    _devices.replicas(values)
    from pipelines import run as here
    from pipelines import workspaces

    if assignments:
        workspaces.run(root, assignments, filter(None, [arguments.preset, *arguments.overrides]))
    else:
        here.run(root)


def plan(root: Path, arguments: Namespace) -> None:
    """Print what a run would do with each stage, and why."""
    assignments = _assignments(arguments)
    _checked(root, assignments)
    from pipelines import plan as forecast

    forecast.plan(root, assignments, arguments.json)


def presets(root: Path, arguments: Namespace) -> None:
    """Print the experiments that can be run by name, or one's options for dvc."""
    from pipelines import presets as known

    print(known.for_dvc(arguments.name) if arguments.name else known.table())


def up(root: Path, arguments: Namespace) -> None:
    """Serve this checkout: MLflow, Prefect with a worker, and TensorBoard."""
    from pipelines import up as servers

    servers.up(root)


def worker(root: Path, arguments: Namespace) -> None:
    """Train along with the chief of TF_CONFIG."""
    values = _checked(root, [])
    _devices.replicas(values)
    from tasks import _worker

    _worker.work(values, root)


def export(root: Path, arguments: Namespace) -> None:
    """Write a trained model as one file or folder."""
    from tasks import _exporting

    values = _checked(root, [])
    path, spec = _exporting.export(values, root, arguments.model, arguments.format, arguments.to)
    print(f"{_shown(root, path)}, with its inputs and classes in {_shown(root, spec)}")


def predict(root: Path, arguments: Namespace) -> None:
    """Print labels and probabilities, or values, for a file."""
    from tasks import _predicting

    values = _checked(root, [])
    table = _predicting.predict(values, root, arguments.model, arguments.file, arguments.to)
    if not arguments.to:
        _print_to_the_end(table)


def _print_to_the_end(text: str) -> None:
    """Print, for as long as somebody reads: `| head` doesn't read all."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _shown(root: Path, path: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


def _assignments(arguments: Namespace) -> list[str]:
    """What to change: the preset's values, and over them the user's own."""
    from pipelines import presets as known

    named = known.assignments(arguments.preset) if arguments.preset else []
    return [*named, *arguments.overrides]


def _checked(root: Path, overrides: list[str]) -> Params:
    """A mistake is told here, before DVC or Prefect is imported."""
    values = params.overridden(params.read(root / "params.yaml"), overrides)
    return params.check(values, "overrides" if overrides else "params.yaml")
