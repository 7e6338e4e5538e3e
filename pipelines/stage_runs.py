"""Run a stage's command in this process, for DVC, which does everything else."""

import re
from collections.abc import Callable
from pathlib import Path

from lockstep.launchers.ray_stages import STAGES as CLUSTER_STAGES
from lockstep.process import console
from lockstep.runtime.cluster import read_cluster
from lockstep.runtime.launcher import starts_workers
from tasks.__main__ import run_stage

COMMAND = re.compile(r"python -m tasks (\w+)")


def in_process(root: Path, name: str) -> Callable[[str], bool]:
    """Return a function that runs the stage's command in this process, as `reproduce_stage` takes.

    It returns False for a command that DVC is to run in a process of its own.
    """

    def run(command: str) -> bool:
        match = COMMAND.fullmatch(command)
        if match and _needs_process(name):
            return False
        if match:
            console.say(f"{name}: {command}")
            run_stage(match[1], root)
        return bool(match)

    return run


def _needs_process(name: str) -> bool:
    """Whether a stage needs a new process.

    TensorFlow must connect to other workers before its first operation, and Ray has a process for
    its own signal handlers and threads.
    """
    return (name == "train" and read_cluster().size > 1) or (
        name in CLUSTER_STAGES and starts_workers()
    )
