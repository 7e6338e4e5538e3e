"""The environment variables every stage runs under, set before the libraries that read them."""

import os
import sys
from pathlib import Path

from lockstep.storage import layout

QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Nothing phones home.
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A tracking server that is down is given up on in seconds, not minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
# These cap training without a word; params.yaml says how long it lasts.
CAPS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")


def prepare_environment(root: Path) -> None:
    """Set what the user hasn't; call it before TensorFlow, Keras or MLflow is imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # A ~/.keras/keras.json of the user's could change the float type.
    os.environ["KERAS_HOME"] = str(root / layout.KERAS_HOME)
    for name in CAPS:
        os.environ.pop(name, None)


def python_module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a module found on the path, not in the current folder."""
    return [sys.executable, "-P", "-m", name, *arguments]
