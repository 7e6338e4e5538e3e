"""Register model versions in MLflow, one per set of weights; the alias `champion` is the best."""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType

from lockstep.errors import DataError, ParamsError, UnavailableError
from lockstep.process.machine_errors import machine_error
from lockstep.storage import atomic_files
from lockstep.tracking.client import as_default, is_refusal

CHAMPION = "champion"


@dataclass(frozen=True)
class Candidate:
    """A model to register as a version."""

    name: str
    tags: Mapping[str, str]  # identify it: hashes of its weights, spec and test data
    metric: str
    metrics: Mapping[str, float]  # on the test data
    beats: Callable[[float], bool]  # whether it beats a champion with this value of the metric
    # Writes a SavedModel to a folder; returns a batch of raw inputs, and the outputs for it.
    export: Callable[[Path], tuple[Any, Any]]
    spec: Path  # path of spec.json, which describes inputs and outputs
    fold: str = ""  # of a cross-validation, whose models are only there to be measured


def register_version(client: MlflowClient, run: Run, candidate: Candidate) -> str:
    """Register the candidate if it is new, and move the alias if it beats the champion.

    Returns the version's URI and the verdict. Raises ParamsError for a value that the registry
    refuses, UnavailableError if it can't be reached.
    """
    try:
        with as_default(client):
            version = _find(client, candidate) or _create(client, run, candidate)
        verdict = _compare(client, candidate, version)
        client.set_model_version_tag(version.name, version.version, "verdict", verdict)
        client.set_tag(run.info.run_id, "registered", f"models:/{version.name}/{version.version}")
        client.set_tag(run.info.run_id, "verdict", verdict)
    except MlflowException as error:
        full = machine_error(error)
        if full:
            raise full from None
        line = str(error).partition("\n")[0]
        if is_refusal(error):
            raise ParamsError(f"the MLflow registry refuses a value: {line}") from None
        raise UnavailableError(f"the MLflow registry: {line}; try again when it is back") from None
    return f"models:/{version.name}/{version.version}: {verdict}"


def _find(client: MlflowClient, candidate: Candidate) -> ModelVersion | None:
    wanted = [f"name = '{candidate.name}'"]
    wanted += [f"tags.`{tag}` = '{value}'" for tag, value in candidate.tags.items()]
    found = client.search_model_versions(" and ".join(wanted), max_results=1)
    return found[0] if found else None


def _compare(client: MlflowClient, candidate: Candidate, version: ModelVersion) -> str:
    """Move the alias if the version beats the champion, and return the verdict."""
    mine = f"{candidate.metric} {candidate.metrics[candidate.metric]}"
    champion = _champion(client, candidate.name)
    if candidate.fold:
        return f"not champion: it was trained for {candidate.fold}, with {mine}"
    if champion is None:
        client.set_registered_model_alias(version.name, CHAMPION, version.version)
        return f"champion, the first, with {mine}"
    if str(champion.version) == str(version.version):
        return f"champion with {mine}"
    theirs = f"version {champion.version}"
    if champion.tags.get("test_data") != candidate.tags["test_data"]:
        return f"not compared: the champion, {theirs}, was measured on other test data"
    other = champion.tags.get(f"test_{candidate.metric}")
    if other is None or not candidate.beats(float(other)):
        return f"not champion: {mine}, {theirs} has {other}"
    client.set_registered_model_alias(version.name, CHAMPION, version.version)
    return f"champion with {mine}, {theirs} had {other}"


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _create(client: MlflowClient, run: Run, candidate: Candidate) -> ModelVersion:
    """Upload the model, verify the uploaded copy, and only then create a version with its tags."""
    with tempfile.TemporaryDirectory() as folder:
        saved, packed = Path(folder, "saved_model"), Path(folder, "model")
        example, output = candidate.export(saved)
        _pack(saved, candidate.spec, packed, example, output)
        model_id = _upload(client, run, packed, Path(folder, "copy"))
    _ensure_model(client, candidate.name)
    scores = {f"test_{name}": str(value) for name, value in candidate.metrics.items()}
    tags = {**candidate.tags, **scores}
    source = f"models:/{model_id}"
    return client.create_model_version(
        candidate.name, source, run.info.run_id, tags, model_id=model_id
    )


def _pack(saved: Path, spec: Path, packed: Path, example: Any, output: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a hint to annotate predict, though the signature is given
        mlflow.pyfunc.save_model(
            packed,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            # As URIs: MLflow takes % and # in a path for parts of one.
            artifacts={"saved_model": saved.resolve().as_uri(), "spec": spec.resolve().as_uri()},
            signature=ModelSignature(_schema(example), _schema(output)),
            input_example=_as_frame(example),
            pip_requirements=_requirements(),
        )


def _schema(arrays: Any) -> Schema:
    """Return the schema: tensors, or DataFrame columns for strings and for a dict of 1-D arrays."""
    if isinstance(arrays, np.ndarray) and arrays.dtype.kind != "U":
        return Schema([_tensor(arrays)])
    if isinstance(arrays, np.ndarray):
        return Schema([ColSpec(DataType.string)])
    if _are_columns(arrays):
        # Any: pandas has many types for numbers, true and false, and missing cells.
        return Schema([ColSpec(AnyType(), name, required=False) for name in arrays])
    return Schema([_tensor(each, name) for name, each in arrays.items()])


def _tensor(array: np.ndarray, name: str | None = None) -> TensorSpec:
    return TensorSpec(array.dtype, (-1, *array.shape[1:]), name)


def _are_columns(arrays: Any) -> bool:
    return isinstance(arrays, dict) and all(each.ndim == 1 for each in arrays.values())


def _as_frame(example: Any) -> Any:
    if isinstance(example, np.ndarray) and example.dtype.kind == "U":
        return example.tolist()
    return pd.DataFrame(example) if _are_columns(example) else example


def _requirements() -> list[str]:
    # Listed here because MLflow would otherwise infer them by loading the model in a new process.
    return [
        f"{name}=={version_of(name)}"
        for name in ("mlflow", "tensorflow", "keras", "numpy", "pandas")
    ]


def _upload(client: MlflowClient, run: Run, packed: Path, copy: Path) -> str:
    model = client.create_logged_model(run.info.experiment_id, "model", run.info.run_id)
    client.log_model_artifacts(model.model_id, str(packed))
    client.finalize_logged_model(model.model_id, "READY")
    download_artifacts(
        f"models:/{model.model_id}", dst_path=str(copy), tracking_uri=client.tracking_uri
    )
    if not _hashes(packed).items() <= _hashes(copy).items():
        raise DataError(f"models:/{model.model_id}: the registry's copy differs from what was sent")
    return str(model.model_id)


def _hashes(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): atomic_files.sha256(file) for file in files}


def _ensure_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
