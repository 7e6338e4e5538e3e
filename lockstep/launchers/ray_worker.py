"""What Ray's TensorflowTrainer calls in each worker's process: one worker of ours in a new one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lockstep.process.process_ids import process_name
from lockstep.process.runner import RUNNER

ENVIRONMENT, OUTPUT = "environment.json", "output"
LOST = 75  # the exit code of a worker that has lost another one
PATIENCE_SECONDS = 5.0
# Ray sets them in its processes; the first would make `tf.keras` another Keras.
OF_RAY = ("TF_USE_LEGACY_KERAS", "OMP_NUM_THREADS")
KEPT_OF_RAY = ("TF_CONFIG", "CUDA_VISIBLE_DEVICES")


class Outcome:
    """A Ray actor that knows the chief's exit code, once Ray needn't start it again."""

    def __init__(self) -> None:
        self._code: int | None = None

    def set(self, code: int) -> None:
        """Keep the chief's exit code."""
        self._code = code

    def get(self) -> int | None:
        """Return it."""
        return self._code


def work(config: dict[str, Any]) -> None:
    """Run one worker; raises RuntimeError where Ray is to start all of them again."""
    from ray import train

    root, chief = Path(config["root"]), train.get_context().get_world_rank() == 0
    code, said = _chief(root, Path(config["folder"])) if chief else _other(root)
    if chief and code >= 0 and code != LOST:
        config["outcome"].set.remote(code)
    elif code and not _chief_has_ended(config["outcome"]):
        raise RuntimeError(f"{'chief' if chief else 'worker'} ended with {code}{said}")


def _chief(root: Path, folder: Path) -> tuple[int, str]:
    """Run the stage, with the environment of the process that has asked Ray for it."""
    given = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))
    of_ray = {name: os.environ[name] for name in KEPT_OF_RAY if name in os.environ}
    with (folder / OUTPUT).open("wb") as output:
        command = [sys.executable, "-m", "tasks", "train"]
        process = subprocess.Popen(
            command, cwd=root, env=_with_runner({**given, **of_ray}), stdout=output, stderr=output
        )
        return process.wait(), ""


def _other(root: Path) -> tuple[int, str]:
    """Join the training; returns the last line that the worker has printed, too."""
    variables = {name: value for name, value in os.environ.items() if name not in OF_RAY}
    process = subprocess.run(
        [sys.executable, "-m", "lockstep", "worker"],
        cwd=root, env=_with_runner(variables), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = process.stdout.strip().splitlines()
    return process.returncode, f": {lines[-1]}" if lines else ""


def _with_runner(variables: dict[str, str]) -> dict[str, str]:
    """Let the worker's process end when Ray ends this one."""
    return {**variables, RUNNER: process_name()}


def _chief_has_ended(outcome: Any) -> bool:
    """Whether the chief has ended for good, which the other workers see as a loss."""
    import ray

    end = time.monotonic() + PATIENCE_SECONDS
    while (code := ray.get(outcome.get.remote())) is None and time.monotonic() < end:
        time.sleep(0.2)
    return code is not None
