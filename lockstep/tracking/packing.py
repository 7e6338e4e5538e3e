"""Pack a SavedModel as a model of MLflow that needs none of this code, and upload it."""

import warnings
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType


def pack(saved: Path, spec: Path, packed: Path, example: Any, output: Any) -> None:
    """Write a SavedModel and spec.json to a folder as a pyfunc model of MLflow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a hint to annotate predict, though the signature is given
        mlflow.pyfunc.save_model(
            packed,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            # As URIs: MLflow takes % and # in a path for parts of one.
            artifacts={"saved_model": saved.resolve().as_uri(), "spec": spec.resolve().as_uri()},
            signature=ModelSignature(_schema(example), _schema(output)),
            input_example=as_frame(example),
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


def as_frame(example: Any) -> Any:
    """Return raw examples as MLflow's models take them."""
    if isinstance(example, np.ndarray) and example.dtype.kind == "U":
        return example.tolist()
    return pd.DataFrame(example) if _are_columns(example) else example


def _requirements() -> list[str]:
    # Listed here because MLflow would otherwise infer them by loading the model in a new process.
    return [
        f"{name}=={version_of(name)}"
        for name in ("mlflow", "tensorflow", "keras", "numpy", "pandas")
    ]


def upload(client: MlflowClient, run: Run, packed: Path, copy: Path) -> str:
    """Upload a packed model, download it to `copy`, and return the logged model's id."""
    model = client.create_logged_model(run.info.experiment_id, "model", run.info.run_id)
    client.log_model_artifacts(model.model_id, str(packed))
    client.finalize_logged_model(model.model_id, "READY")
    download_artifacts(
        f"models:/{model.model_id}", dst_path=str(copy), tracking_uri=client.tracking_uri
    )
    return str(model.model_id)
