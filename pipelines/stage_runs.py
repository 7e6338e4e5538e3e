"""Run a stage's command in this process, for DVC, which does everything else."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path

from lockstep.config.imports import STAGES_OF_DATA
from lockstep.config.python_files import imports
from lockstep.config.reading import load_values
from lockstep.config.surface import DATASETS
from lockstep.errors import LockstepError
from lockstep.launchers.ray_stages import STAGES as CLUSTER_STAGES
from lockstep.process import console, hash_seed
from lockstep.process.runner import announce_runner
from lockstep.runtime.cluster import read_cluster
from lockstep.runtime.launcher import starts_workers
from tasks.__main__ import run_stage

# Packages that start TensorFlow, or may do so.
OF_TENSORFLOW = {
    "keras", "keras_cv", "keras_hub", "keras_nlp", "tensorflow", "tensorflow_datasets",
    "tensorflow_hub", "tensorflow_io", "tensorflow_text", "tf_keras",
}  # fmt: skip
COMMAND = re.compile(r"python -m tasks (\w+)")


def in_process(root: Path, name: str) -> Callable[[str], bool]:
    """Return a function that runs the stage's command in this process, as `reproduce_stage` takes.

    It returns False for a command that DVC is to run in a process of its own.
    """

    def run(command: str) -> bool:
        match = COMMAND.fullmatch(command)
        if match and _needs_process(root, name):
            return False
        if match:
            console.say(f"{name}: {command}")
            run_stage(match[1], root)
        return bool(match)

    return run


def run_again(root: Path, name: str) -> None:
    """Run a stage that is up to date once more, without DVC; it must end with the same results."""
    if _needs_process(root, name):
        in_new_process(root, name)
        return
    with chdir(root):  # as DVC does
        run_stage(name, root)


def in_new_process(root: Path, name: str, variables: Mapping[str, str] = {}) -> None:
    """Run a stage in a process of its own, with the workspace's code; raises LockstepError."""
    announce_runner()  # so that it ends with this process
    command = [sys.executable, "-m", "tasks", name]
    ended = subprocess.run(command, cwd=root, env={**os.environ, **variables}, check=False)
    if ended.returncode:
        raise LockstepError(f"{name} ended with {ended.returncode}, expected 0")


def _needs_process(root: Path, name: str) -> bool:
    """Whether a stage needs a new process.

    TensorFlow must connect to other workers before its first operation, and Ray has a process for
    its own signal handlers and threads.
    """
    return (
        not hash_seed.is_fixed()
        or (name == "train" and read_cluster().size > 1)
        or (name in CLUSTER_STAGES and starts_workers())
        or _reads_with_tensorflow(root, name)
    )


def _reads_with_tensorflow(root: Path, name: str) -> bool:
    """Whether the file of the data set computes with TensorFlow, in a stage that needs none.

    In this process it would start TensorFlow with one device for all cores, before the stages that
    need one for each; or after them, with their settings.
    """
    if name not in STAGES_OF_DATA:
        return False
    file = DATASETS / f"{load_values(root).data.name}.py"
    shared = [each.relative_to(root) for each in (root / DATASETS / "_shared").rglob("*.py")]
    found = (name for each in (file, *shared) for name in imports(root, each))
    return any(name.partition(".")[0] in OF_TENSORFLOW for name in found)
