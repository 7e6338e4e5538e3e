"""Brings a stage and those before it up to date, in one process, without Prefect.

It is run by its path, python stages_until.py STAGE, in a workspace whose code may be older: of that
code it needs what it imports.
"""

import re
import sys
from functools import partial
from pathlib import Path

from lockstep.process import console, stopping
from lockstep.process.environment import prepare_environment
from lockstep.process.exit_codes import exit_code
from lockstep.process.runner import end_with_runner
from lockstep.versioning import experiments
from lockstep.versioning.reproduction import graph, reproduce_stage
from tasks.__main__ import run_stage

COMMAND = re.compile(r"python -m tasks (\w+)")
FAILED = "can't be run"  # begins the line with the reason


def main(last: str) -> int:
    """Check out what DVC's cache has, run the other stages, and return the exit code."""
    stopping.handle("stage")
    root = Path.cwd()
    with exit_code(FAILED) as outcome:
        end_with_runner()
        prepare_environment(root)
        experiments.checkout(root)
        for name in _until(last, root):
            console.say(f"{name}: {reproduce_stage(root, name, partial(_run, root))}")
    return outcome.code


def _until(last: str, root: Path) -> list[str]:
    """The stages that a stage needs, and itself, each after those that it depends on."""
    stages = {node.name: node for node in graph(root)}
    needed = {last}
    for node in reversed(stages.values()):
        if node.name in needed:
            needed |= set(node.upstream)
    return [name for name in stages if name in needed]


def _run(root: Path, command: str) -> bool:
    match = COMMAND.fullmatch(command)
    if match:
        console.say(f"{match[1]}: {command}")
        run_stage(match[1], root)
    return bool(match)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
