"""The environment variables of every stage, set before the libraries that read them load."""

import os
import shutil
import sys
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.storage import layout

QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # No usage statistics are sent.
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Nothing of this project is pickled, and nobody's pickles are loaded.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    # Give up on an unreachable tracking server after seconds, not minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
# Keras silently limits training by these; only params.yaml should set its length.
CAPS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")

# With what git sets for a hook, git commands in other folders would change the hook's index too.
OF_GIT_HOOKS = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX",
)  # fmt: skip


def prepare_environment(root: Path) -> None:
    """Set environment variables; call this before TensorFlow, Keras or MLflow is imported.

    The variables in QUIET keep values that the user has set.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # The user's ~/.keras/keras.json could change the float type.
    os.environ["KERAS_HOME"] = str(root / layout.KERAS_HOME)
    for name in CAPS:
        os.environ.pop(name, None)


def leave_git_hook() -> None:
    """Let git find the repository of each folder by itself, also in a hook of a repository."""
    for name in OF_GIT_HOOKS:
        os.environ.pop(name, None)


def check_system() -> None:
    """Raise MachineError unless this is Linux, whose /proc and pidfd watch processes, with git."""
    if sys.platform != "linux":
        raise MachineError(f"this is {sys.platform}, expected Linux; on Windows use WSL2")
    if not shutil.which("git"):
        raise MachineError("git: not found in PATH, expected the program; install the package git")


def python_module(name: str, *arguments: str) -> list[str]:
    """Return the `python -m` command of a module; the current folder isn't put on sys.path."""
    return [sys.executable, "-P", "-m", name, *arguments]
