"""Run a stage in a process that ends by SIGKILL right after the first call of a named function.

python -m tests.support.kill_points POINT STAGE
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

CLIENT = "mlflow.MlflowClient"
# In the order of register's steps.
POINTS = {
    "model created": f"{CLIENT}.create_logged_model",
    "files uploaded": f"{CLIENT}.finalize_logged_model",
    "version created": f"{CLIENT}.create_model_version",
    "passport uploaded": "lockstep.tracking.passport._upload",
    "passport attached": "lockstep.tracking.passport.attach",
    "smoke test passed": "lockstep.tracking.registry._smoke_test",
    "verdict recorded": "lockstep.tracking.registry._record",
    "move in git": "lockstep.versioning.promotions.record",
    "move in history": f"{CLIENT}.set_registered_model_tag",
    "alias moved": f"{CLIENT}.set_registered_model_alias",
}


def _end_after(name: str) -> None:
    path, _, function = name.rpartition(".")
    owner = _resolve(path)
    original: Callable[..., Any] = getattr(owner, function)

    def killed(*arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, function, killed)


def _resolve(path: str) -> Any:
    if path == CLIENT:
        return import_module("mlflow").MlflowClient
    return import_module(path)


def main() -> None:
    """Run the stage of the project in the current folder."""
    from lockstep.process.environment import prepare_environment
    from tasks.__main__ import run_stage

    point, stage = sys.argv[1:]
    prepare_environment(Path.cwd())
    _end_after(POINTS[point])
    run_stage(stage, Path.cwd())


if __name__ == "__main__":
    main()
