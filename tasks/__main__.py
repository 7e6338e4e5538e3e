"""Runs one stage in the current folder: python -m tasks STAGE."""

import sys
from importlib import import_module
from pathlib import Path

import params
from tasks import _devices, _environment, _exit

STAGES = ("download", "normalize", "build", "train", "evaluate", "register")


def main(arguments: list[str]) -> int:
    """Run the named stage and return its exit code."""
    if len(arguments) != 1 or arguments[0] not in STAGES:
        print(f"usage: python -m tasks {{{','.join(STAGES)}}}", file=sys.stderr)
        return 2
    stage, root = arguments[0], Path.cwd()
    with _exit.codes(stage) as outcome:
        values = params.load(root / "params.yaml")
        if stage == "train":
            _devices.replicas(values)  # too many are told before TensorFlow's slow import
        _environment.prepare(root)
        run = getattr(import_module(f"tasks.{stage}"), stage)
        run(values, root)
    return outcome.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
