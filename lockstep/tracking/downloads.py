"""Download versions of registered models."""

from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from lockstep.errors import ParamsError, UnavailableError
from lockstep.tracking.client import as_default, connect

NOT_FOUND_CODES = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def fetch(
    root: Path, name: str, alias: str | None, version: str | None, folder: Path
) -> Mapping[str, str]:
    """Download a version, named by alias or number, into a folder, and return its tags.

    Raises ParamsError if there is no such version, UnavailableError if the registry can't be
    reached.
    """
    try:
        client, _ = connect(root)
        found = _find(client, name, alias, version)
        source = f"models:/{found.name}/{found.version}"
        with as_default(client):
            download_artifacts(source, dst_path=str(folder), tracking_uri=client.tracking_uri)
    except MlflowException as error:
        line = str(error).partition("\n")[0]
        if error.error_code in NOT_FOUND_CODES:
            raise ParamsError(f"{line}; expected a model that is registered") from None
        raise UnavailableError(f"the MLflow registry: {line}; try again when it is back") from None
    return dict(found.tags)


def _find(client: MlflowClient, name: str, alias: str | None, version: str | None) -> ModelVersion:
    if alias:
        return client.get_model_version_by_alias(name, alias)
    return client.get_model_version(name, str(version))
