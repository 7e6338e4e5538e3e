"""The command line: lockstep COMMAND."""

import argparse
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from errors import MachineError
from pipelines import commands
from tasks import _exit, _saved

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
    subparsers = parser.add_subparsers(dest="command", required=True)
    overrides = argparse.ArgumentParser(add_help=False)
    overrides.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="parameters to change, in a workspace of their own, such as train.epochs=3",
    )
    overrides.add_argument("--preset", metavar="NAME", help="one of `lockstep presets`")
    run = subparsers.add_parser("run", parents=[overrides], help="one experiment through the flow")
    run.set_defaults(act=commands.run)
    plan = subparsers.add_parser("plan", parents=[overrides], help="what a run would do, and why")
    plan.add_argument("--json", action="store_true", help="print one JSON list")
    plan.set_defaults(act=commands.plan)
    listing = subparsers.add_parser("presets", help="the experiments that can be run by name")
    listing.add_argument(
        "name", nargs="?", help="print its options for dvc: dvc exp run $(lockstep presets NAME)"
    )
    listing.set_defaults(act=commands.presets)
    _add_saving(subparsers)
    up = subparsers.add_parser("up", help="MLflow, Prefect with a worker, and TensorBoard")
    up.set_defaults(act=commands.up)
    worker = subparsers.add_parser("worker", help="train along with the chief of TF_CONFIG")
    worker.set_defaults(act=commands.worker)
    return parser


def _add_saving(subparsers: Any) -> None:
    saving = subparsers.add_parser("export", help="a trained model as one file or folder")
    saving.add_argument("model", help="best, last, models:/NAME@ALIAS or models:/NAME/VERSION")
    saving.add_argument("--format", choices=list(_saved.SUFFIXES), default="keras")
    saving.add_argument("--to", type=Path, metavar="PATH", help="default: export/MODEL.FORMAT")
    saving.set_defaults(act=commands.export)
    predict = subparsers.add_parser("predict", help="labels and probabilities for a file, as CSV")
    predict.add_argument("model", help="as for export, or the path of what export wrote")
    predict.add_argument("file", type=Path, help="an image or a folder of them, .npy, .csv, .txt")
    predict.add_argument("--to", type=Path, metavar="OUT.csv", help="default: standard output")
    predict.set_defaults(act=commands.predict)


def _use_the_code_here() -> None:
    """Start anew with the current folder's code, if it is another checkout's than this."""
    here = Path.cwd()
    if here.resolve() != CODE and (here / "pipelines" / "__main__.py").exists():
        os.execv(sys.executable, [sys.executable, "-m", "pipelines", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
