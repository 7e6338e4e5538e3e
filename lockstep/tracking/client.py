"""Which MLflow server or file is written to, and how it is reached."""

import logging
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from filelock import FileLock

from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

# Creating the tables of a new file isn't news.
logging.getLogger("mlflow").setLevel(logging.WARNING)


def connect(root: Path) -> tuple[MlflowClient, Experiment]:
    """Return a client and the experiment that runs go into.

    MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME decide; without them it is the experiment
    "lockstep" in the file mlflow.db of the main checkout. Raises MlflowException.
    """
    main = main_checkout(root)
    given = os.environ.get("MLFLOW_TRACKING_URI")
    uri = given or f"sqlite:///{main / layout.TRACKING_DATABASE}"
    # Two first starts at once would both create the tables.
    (main / layout.PRIVATE).mkdir(exist_ok=True)
    with nullcontext() if given else FileLock(main / layout.TRACKING_LOCK):
        client = MlflowClient(uri, uri)
        return client, _experiment(
            client, None if given else (main / layout.TRACKING_ARTIFACTS).as_uri()
        )


@contextmanager
def as_default(client: MlflowClient) -> Iterator[None]:
    """Make this client's server the process's default: the registry asks the default for models."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(client.tracking_uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # this also unsets the variable
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _experiment(client: MlflowClient, artifacts: str | None) -> Experiment:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "lockstep")
    found = client.get_experiment_by_name(name)
    return found or client.get_experiment(client.create_experiment(name, artifacts))


def host_tags() -> dict[str, str]:
    """What tells this machine from others."""
    return {"host": platform.node(), "platform": platform.platform(), "cpus": str(os.cpu_count())}
