"""Connect to the MLflow server, or to the database file if there is no server."""

import logging
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from lockstep.errors import LockstepError, ParamsError, UnavailableError
from lockstep.process.machine_errors import machine_error
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import database

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException

NAME, EXPERIMENT = "MLFLOW_EXPERIMENT_NAME", "lockstep"  # the variable, and its default
# By this tag, which its pages set too, MLflow shows an experiment as one of models, not of agents.
KIND, MODEL_TRAINING = "mlflow.experimentKind", "custom_model_development"
# What does the same in an address: the pages of 3.17 read no tag, but this or the last choice.
MODEL_TRAINING_PAGES = "workflowType=machine_learning"
# Hides the messages about creating the tables of a new database file.
logging.getLogger("mlflow").setLevel(logging.WARNING)
# It prints a traceback for each error of the database, which it raises besides.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
# A line for each retry says no more than the error that follows.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


def connect(root: Path) -> tuple[MlflowClient, Experiment]:
    """Return a client and the experiment that runs go into.

    They come from MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME; the defaults are mlflow.db in
    the main checkout, and the experiment "lockstep". Raises MlflowException, or DataError for a
    damaged mlflow.db.
    """
    main = main_checkout(root)
    given = os.environ.get("MLFLOW_TRACKING_URI")
    uri = given or database.ensure(main)
    artifacts = None  # a server knows where they go
    if given and database.is_database(given):
        database.ensure_tables(main, given)
    if database.is_database(uri):
        # By default MLflow puts them below the current folder, which may be a run's workspace.
        artifacts = (main / layout.TRACKING_ARTIFACTS).as_uri()
    with nullcontext() if given else database.damage_told(main):
        client = MlflowClient(uri, uri)
        experiment = _experiment(client, artifacts)
    if not _is_of_this_machine(uri):
        _check_artifacts(experiment)
    return client, experiment


def _is_of_this_machine(uri: str) -> bool:
    """Whether a database file or a server on the loopback, which see the same folders."""
    host = urlsplit(uri).hostname or ""
    return uri.startswith("sqlite") or host == "localhost" or host.startswith("127.")


def _check_artifacts(experiment: Experiment) -> None:
    """Raise MlflowException if artifacts would go to a folder that only another machine has.

    MLflow's client would make such a folder here, where nobody finds them.
    """
    folder = folder_of_artifacts(experiment)
    if folder and not folder.parent.is_dir():
        raise MlflowException(
            f"experiment {experiment.name}: artifacts are in {folder} of another machine, expected "
            "a server with --artifacts-destination, or an MLFLOW_EXPERIMENT_NAME that it creates"
        )


def folder_of_artifacts(experiment: Experiment) -> Path | None:
    """Return the folder that clients write artifacts to themselves; None if a server does."""
    place = urlsplit(experiment.artifact_location)
    return Path(url2pathname(place.path)) if place.scheme in ("", "file") else None


def local_artifacts(main: Path) -> Path | None:
    """Return the folder of artifacts of the experiment in the checkout's own database, if any."""
    uri = database.uri_in(main)
    name = os.environ.get(NAME, EXPERIMENT)
    found = MlflowClient(uri, uri).get_experiment_by_name(name)
    return folder_of_artifacts(found) if found else None


def given_or_there(root: Path) -> bool:
    """Return whether a server is given, or the main checkout has a database."""
    there = (main_checkout(root) / layout.TRACKING_DATABASE).exists()
    return there or "MLFLOW_TRACKING_URI" in os.environ


@contextmanager
def as_default(client: MlflowClient) -> Iterator[None]:
    """Make this client's server the process's default, which MLflow uses for `models:/` URIs."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(client.tracking_uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # this also unsets the variable
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _experiment(client: MlflowClient, artifacts: str | None) -> Experiment:
    name = os.environ.get(NAME, EXPERIMENT)
    found = client.get_experiment_by_name(name)
    if found is None:
        found = _created(client, name, artifacts)
    if KIND not in found.tags:
        # Only its pages need it: another process may write it at once, and a user may not write it.
        with suppress(MlflowException):
            client.set_experiment_tag(found.experiment_id, KIND, MODEL_TRAINING)
    return found


def _created(client: MlflowClient, name: str, artifacts: str | None) -> Experiment:
    try:
        client.create_experiment(name, artifacts)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # by a process that began at once
            raise
    return client.get_experiment_by_name(name)


def reason(error: Exception) -> str:
    """Say in one line why MLflow failed, shortly if its server doesn't answer."""
    if isinstance(error.__context__, OSError):  # as the errors of requests are
        return f"{place_of(os.environ.get('MLFLOW_TRACKING_URI', ''))} doesn't answer"
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__


def place_of(uri: str) -> Path | str:
    """Return what a message names for a tracking URI: the file of its database, or the server."""
    parts = urlsplit(uri)
    if parts.scheme.startswith("sqlite"):
        return Path(uri.partition(":///")[2])
    # What stands before an @ is a password.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_conflict(error: Exception) -> bool:
    """Return whether another process wrote the same row at once, so that a retry succeeds.

    MLflow looks whether there is such a row, as of the data set of two runs, and then inserts it.
    """
    text = str(error)
    # The driver's name, and what SQLite and PostgreSQL, or MySQL and SQL Server, say of it.
    of_driver = "IntegrityError" in text or "UniqueViolation" in text
    return of_driver and ("unique constraint" in text.lower() or "duplicate" in text.lower())


def is_refusal(error: Exception) -> bool:
    """Return whether MLflow refused a name or value, so that a retry would fail again."""
    code = getattr(error, "error_code", None)
    return code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST") and not is_conflict(error)


def registry_error(error: MlflowException, root: Path) -> LockstepError:
    """Return why the registry failed: nothing of that name, a refused value, or out of reach."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or database.uri_in(main_checkout(root))
    full = machine_error(error, place_of(uri))
    if full:
        return full
    line = str(error).partition("\n")[0]
    if error.error_code == "RESOURCE_DOES_NOT_EXIST" or is_refusal(error):
        return ParamsError(f"the MLflow registry: {line}; expected what is registered")
    return UnavailableError(f"the MLflow registry: {reason(error)}; try again when it is back")


def host_tags() -> dict[str, str]:
    """Return the tags that identify this machine, without their prefix."""
    return {"host": platform.node(), "cpus": str(os.cpu_count())}
