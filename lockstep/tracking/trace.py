"""Read the passports of registered versions, and find what was made of a data set."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from lockstep.errors import DataError, ParamsError
from lockstep.process.temporary_folders import temporary_folder
from lockstep.storage import atomic_files, layout
from lockstep.tracking import run_tags
from lockstep.tracking.client import as_default, connect, given_or_there, registry_error
from lockstep.tracking.passport import DEVICES, FILE, PATCH, PREFIX, SHA256, Passport

# Tags with DVC's hashes: of runs, and of versions.
RUN_TAGS = tuple(
    f"dvc.{path}"
    for path in (
        layout.RAW, layout.READY,
        layout.INITIAL_WEIGHTS, layout.BEST_WEIGHTS, layout.LAST_WEIGHTS,
    )
)  # fmt: skip
VERSION_TAGS = (f"{PREFIX}data.raw", f"{PREFIX}data.ready")
SERVER = "set MLFLOW_TRACKING_URI to the server that has the model"
MOST = 1000  # runs or versions of one data set


class Traced(NamedTuple):
    """A registered version with its passport."""

    uri: str  # models:/NAME/VERSION
    aliases: list[str]
    verdict: str
    passport: Passport
    difference: bytes  # the uncommitted changes, as a patch


class Made(NamedTuple):
    """A run or a version that was made of a data set."""

    kind: str
    name: str
    details: str


def read(root: Path, name: str, alias: str | None, number: str | None) -> Traced:
    """Return a version, named by alias or number.

    Raises ParamsError if there is none, DataError if it has no passport or a damaged one, and
    UnavailableError if the registry can't be reached.
    """
    if not given_or_there(root):
        raise ParamsError(f"models:/{name}: got no MLflow database here, expected one; {SERVER}")
    try:
        client, _ = connect(root)
        if alias:
            version = client.get_model_version_by_alias(name, alias)
        else:
            version = client.get_model_version(name, str(number))
        return _with_passport(client, version)
    except MlflowException as error:
        raise registry_error(error, root) from None


def _with_passport(client: MlflowClient, version: ModelVersion) -> Traced:
    uri = f"models:/{version.name}/{version.version}"
    if SHA256 not in version.tags:
        raise DataError(
            f"{uri}: has no passport, expected one: it was registered by an earlier Lockstep, or "
            "its registration was interrupted; run the stage register again"
        )
    whole = client.get_model_version(version.name, str(version.version))  # with its aliases
    passport = json.loads(_artifact(client, version, FILE, version.tags[SHA256]))
    sha256 = passport["git"]["difference"]
    patch = _artifact(client, version, PATCH, sha256) if sha256 else b""
    return Traced(uri, list(whole.aliases), version.tags.get("verdict", ""), passport, patch)


def _artifact(client: MlflowClient, version: ModelVersion, name: str, sha256: str) -> bytes:
    """Return a file beside the model; raises DataError if it isn't the one that was stored."""
    uri = f"models:/{version.name}/{version.version}/{name}"
    with temporary_folder() as folder, as_default(client):
        file = Path(download_artifacts(uri, dst_path=str(folder), tracking_uri=client.tracking_uri))
        found = atomic_files.sha256(file)
        if found != sha256:
            raise DataError(
                f"{uri}: got sha256 {found}, expected {sha256}: it has changed since the version "
                "was registered"
            )
        return file.read_bytes()


def made_of(root: Path, md5s: list[str]) -> list[Made]:
    """Return the runs that read one of these hashes, and the versions made by them.

    Raises UnavailableError if MLflow can't be reached.
    """
    if not given_or_there(root):
        return []
    try:
        client, experiment = connect(root)
        runs = {
            run.info.run_id: run
            for tag in RUN_TAGS
            for md5 in md5s
            for run in client.search_runs(
                [experiment.experiment_id], f"tags.`{tag}` = '{md5}'", max_results=MOST
            )
        }
        versions = {(each.name, each.version): each for each in _versions(client, runs, md5s)}
    except MlflowException as error:
        raise registry_error(error, root) from None
    return [*map(_made_run, runs.values()), *map(_made_version, versions.values())]


def _versions(
    client: MlflowClient, runs: dict[str, Run], md5s: list[str]
) -> Iterator[ModelVersion]:
    queries = [f"run_id = '{each}'" for each in runs]
    # Also versions whose run was deleted.
    queries += [f"tags.`{tag}` = '{md5}'" for tag in VERSION_TAGS for md5 in md5s]
    for query in queries:
        yield from client.search_model_versions(query, max_results=MOST)


def _made_run(run: Run) -> Made:
    return Made("MLflow run", run.info.run_name, f"{run.info.run_id}, {run.info.status.lower()}")


def _made_version(version: ModelVersion) -> Made:
    name = f"models:/{version.name}/{version.version}"
    return Made("model version", name, version.tags.get("verdict", ""))


def trained_on(root: Path) -> dict[str, str]:
    """Return the devices, replicas and settings of the training in a project's own database.

    They are none if an earlier Lockstep recorded it.
    """
    uri = f"sqlite:///{root / layout.TRACKING_DATABASE}"
    client = MlflowClient(uri, uri)
    ids = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(ids, max_results=MOST)
    each = (run_tags.ungrouped(run.data.tags, DEVICES) for run in runs)
    return {name: value for found in each for name, value in found.items()}
