"""The command line: lockstep COMMAND."""

import argparse
import os
import sys
from importlib.metadata import version
from pathlib import Path

import params
from errors import MachineError
from params import Params
from tasks import _devices, _exit

CODE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the command that the arguments name, and return its exit code."""
    _use_the_code_here()
    arguments = _parser().parse_args()
    with _exit.codes(f"lockstep {arguments.command}") as outcome:
        root = Path.cwd()
        if not (root / "dvc.yaml").exists():
            raise MachineError(f"{root}: no dvc.yaml, expected to be run in a checkout")
        arguments.act(root, arguments)
    return outcome.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("lockstep", description="Reproducible, distributed Keras.")
    parser.add_argument("--version", action="version", version=version("lockstep"))
    commands = parser.add_subparsers(dest="command", required=True)
    overrides = argparse.ArgumentParser(add_help=False)
    overrides.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="parameters to change, in a workspace of their own, such as train.epochs=3",
    )
    run = commands.add_parser("run", parents=[overrides], help="one experiment through the flow")
    run.set_defaults(act=_run)
    plan = commands.add_parser("plan", parents=[overrides], help="what a run would do, and why")
    plan.add_argument("--json", action="store_true", help="print one JSON list")
    plan.set_defaults(act=_plan)
    worker = commands.add_parser("worker", help="train along with the chief of TF_CONFIG")
    worker.set_defaults(act=_worker)
    return parser


def _run(root: Path, arguments: argparse.Namespace) -> None:
    _exit.with_its_runner()  # an overridden run is the child of one that waits to save it
    values = _checked(root, arguments.overrides)
    _devices.replicas(values)
    from pipelines import run, workspaces

    if arguments.overrides:
        workspaces.run(root, arguments.overrides)
    else:
        run.run(root)


def _plan(root: Path, arguments: argparse.Namespace) -> None:
    _checked(root, arguments.overrides)
    from pipelines import plan

    plan.plan(root, arguments.overrides, arguments.json)


def _worker(root: Path, arguments: argparse.Namespace) -> None:
    values = _checked(root, [])
    _devices.replicas(values)
    from tasks import _worker

    _worker.work(values, root)


def _checked(root: Path, overrides: list[str]) -> Params:
    """A mistake is told here, before DVC or Prefect is imported."""
    values = params.overridden(params.read(root / "params.yaml"), overrides)
    return params.check(values, "overrides" if overrides else "params.yaml")


def _use_the_code_here() -> None:
    """Start anew with the current folder's code, if it is another checkout's than this."""
    here = Path.cwd()
    if here.resolve() != CODE and (here / "pipelines" / "__main__.py").exists():
        os.execv(sys.executable, [sys.executable, "-m", "pipelines", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
