"""Runs and models that nothing needs any more, in the main checkout's own MLflow database."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelStatus, Run, ViewType
from mlflow.exceptions import MlflowException

from lockstep.errors import LockstepError
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import KEY, database, orphaned_runs, run_checkouts, run_tags
from lockstep.tracking.client import registry_error

MOST = 1000  # of a page
PROXIED = "mlflow-artifacts"  # the scheme of artifacts that the server stores
WEIGHTS = (f"dvc.{layout.BEST_WEIGHTS}", f"dvc.{layout.LAST_WEIGHTS}")


class Record(NamedTuple):
    """What nothing needs: runs and logged models that are still there, and folders with files."""

    kind: str
    name: str
    runs: list[str]
    models: list[str]
    folders: list[Path]


def find(root: Path, known: Collection[str]) -> list[Record]:
    """Return what nothing needs in the main checkout's own database.

    `known` are the hashes that git has. Runs that this checkout alone has made of experiments are
    left over if their weights aren't among them, logged models if their upload was interrupted, and
    what was deleted in MLflow's pages. Raises DataError for a damaged database, UnavailableError if
    it can't be read.
    """
    main = main_checkout(root)
    if not (main / layout.TRACKING_DATABASE).exists():
        return []
    with _failures_told(main):
        client = _own(main)
        found = (_removed(client, main, known), _interrupted(client, main), _deleted(client, main))
        return [record for records in found for record in records]


def remove(root: Path, records: Collection[Record]) -> None:
    """Remove records and their files, and all that was deleted in MLflow's pages, for good.

    Raises LockstepError if that fails.
    """
    main = main_checkout(root)
    with _failures_told(main):
        client = _own(main)
        for record in records:
            for run in record.runs:
                client.delete_run(run)
            for model in record.models:
                client.delete_logged_model(model)
    _empty(client.tracking_uri)
    for record in records:
        for folder in record.folders:  # checkpoints, which MLflow doesn't know
            shutil.rmtree(folder, ignore_errors=True)


def _own(main: Path) -> MlflowClient:
    uri = database.uri_in(main)
    return MlflowClient(uri, uri)


@contextmanager
def _failures_told(main: Path) -> Iterator[None]:
    try:
        with database.damage_told(main):
            yield
    except MlflowException as error:
        raise registry_error(error, main) from None


def _empty(uri: str) -> None:
    """Run MLflow's own gc."""
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri]
    server = os.environ.get("MLFLOW_TRACKING_URI", uri)  # of `make up`, which has the artifacts
    ended = subprocess.run(
        [*command, "--tracking-uri", server], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines()
        raise LockstepError(f"mlflow gc: {lines[-1] if lines else ended.returncode}")


def _removed(client: MlflowClient, main: Path, known: Collection[str]) -> Iterator[Record]:
    """Runs of this checkout's DVC experiments that were removed.

    Those that failed show what failed, and stay. What other checkouts have isn't known here.
    """
    registered = {each.run_id for each in client.search_model_versions(max_results=10 * MOST)}
    for run in _runs(client, ViewType.ACTIVE_ONLY, "attributes.status = 'FINISHED'"):
        weights = {run.data.tags[name] for name in WEIGHTS if name in run.data.tags}
        named = "dvc.experiment" in run.data.tags and run.info.run_id not in registered
        gone = weights and not weights & set(known)
        if named and gone and run_checkouts.is_own(run, main):
            yield _of_run(client, main, run)


def _interrupted(client: MlflowClient, main: Path) -> Iterator[Record]:
    ids = [each.experiment_id for each in client.search_experiments()]
    for model in _pages(partial(client.search_logged_models, ids, max_results=50)):
        if model.status == LoggedModelStatus.PENDING and not _is_running(client, model):
            folders = _folders(main, model.artifact_location)
            yield Record("interrupted upload", model.model_id, [], [model.model_id], folders)


def _deleted(client: MlflowClient, main: Path) -> Iterator[Record]:
    for run in _runs(client, ViewType.DELETED_ONLY, ""):
        folders = _folders(main, run.info.artifact_uri)
        yield Record("run deleted in MLflow", run.info.run_name or run.info.run_id, [], [], folders)
    for each in _pages(partial(client.search_experiments, ViewType.DELETED_ONLY)):
        yield Record("experiment deleted in MLflow", each.name, [], [], [])


def _runs(client: MlflowClient, view: int, query: str) -> Iterator[Run]:
    ids = [each.experiment_id for each in client.search_experiments(ViewType.ALL)]
    return _pages(partial(client.search_runs, ids, query, view, MOST))


def _pages(search: Callable[..., Any]) -> Iterator[Any]:
    """Yield what all pages of a search have."""
    token = None
    while True:
        found = search(page_token=token)
        yield from found
        token = found.token
        if not token:
            return


def _of_run(client: MlflowClient, main: Path, run: Run) -> Record:
    query = f"source_run_id = '{run.info.run_id}'"
    models = client.search_logged_models([run.info.experiment_id], query)
    places = [run.info.artifact_uri, *(each.artifact_location for each in models)]
    folders = [folder for each in places for folder in _folders(main, each)]
    checkpoints = main / layout.CHECKPOINTS / run.data.tags.get(KEY, "")[:12]
    if KEY in run.data.tags and checkpoints.is_dir():
        folders.append(checkpoints)
    name, ids = run.data.tags["dvc.experiment"], [each.model_id for each in models]
    return Record("MLflow run of a removed experiment", name, [run.info.run_id], ids, folders)


def _is_running(client: MlflowClient, model: LoggedModel) -> bool:
    """Whether the run that uploads a model goes on, as far as it can be seen from here."""
    if not model.source_run_id:
        return False
    try:
        run = client.get_run(model.source_run_id)
    except MlflowException:  # it was removed for good
        return False
    here = run.data.tags.get(run_tags.HOST) == platform.node()
    return run.info.status == "RUNNING" and not (here and orphaned_runs.has_ended(run))


def _folders(main: Path, address: str) -> list[Path]:
    place = urlsplit(address)
    path = Path(url2pathname(place.path))
    folder = main / layout.TRACKING_ARTIFACTS / str(path).lstrip("/")
    found = folder if place.scheme == PROXIED else path
    return [found] if place.scheme in ("", "file", PROXIED) and found.is_dir() else []
