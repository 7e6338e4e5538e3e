"""Which data and weights registered versions need, as their passports say."""

import json
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from lockstep.process.temporary_folders import temporary_folder
from lockstep.tracking.client import as_default, connect, given_or_there, registry_error
from lockstep.tracking.passport import FILE, SHA256
from lockstep.versioning.recorded import md5s

MOST_MODELS, MOST_VERSIONS = 1000, 10_000


def needed_md5s(root: Path) -> set[str]:
    """Return the hashes of all that registered versions were made of, as their passports have it.

    Raises UnavailableError if the registry can't be reached.
    """
    if not given_or_there(root):
        return set()
    try:
        client, _ = connect(root)
        with temporary_folder() as folder, as_default(client):
            return {md5 for each in _passports(client, folder) for md5 in each}
    except MlflowException as error:
        raise registry_error(error, root) from None


def _passports(client: MlflowClient, folder: Path) -> Iterator[list[str]]:
    for model in client.search_registered_models(max_results=MOST_MODELS):
        query = f"name = '{model.name}'"
        for version in client.search_model_versions(query, max_results=MOST_VERSIONS):
            if SHA256 in version.tags:
                uri = f"models:/{version.name}/{version.version}/{FILE}"
                file = download_artifacts(uri, dst_path=str(folder))
                stages = json.loads(Path(file).read_text(encoding="utf-8"))["stages"]
                yield [*md5s(stages, "deps").values(), *md5s(stages, "outs").values()]
