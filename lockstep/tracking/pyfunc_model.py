"""The registered model as an MLflow pyfunc: raw examples in, the model's outputs out.

MLflow stores a copy of this file with the SavedModel and runs it without this repository, so it
imports nothing from there. Nothing is pickled ("models from code").
"""

import json
from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import numpy as np
import pandas as pd


class PyfuncModel(mlflow.pyfunc.PythonModel):
    """Returns the SavedModel's outputs."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Load the SavedModel from the registered files."""
        import tensorflow as tf

        self.model = tf.saved_model.load(context.artifacts["saved_model"])
        inputs = json.loads(Path(context.artifacts["spec"]).read_text(encoding="utf-8"))["inputs"]
        self.takes_text = [each["kind"] for each in inputs.values()] == ["text"]

    def predict(
        self,
        context: mlflow.pyfunc.PythonModelContext,
        model_input: np.ndarray,  # or a frame or dict: MLflow warns about other annotations
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Return the outputs, (examples, outputs), or a dict of them by target.

        Texts and table rows are passed as a DataFrame, pixels and numbers as arrays.
        """
        outputs = self.model.serve(self._tensors(model_input))
        if isinstance(outputs, dict):
            return {name: each.numpy() for name, each in outputs.items()}
        return outputs.numpy()

    def _tensors(self, model_input: Any) -> Any:
        if not isinstance(model_input, pd.DataFrame):
            return model_input
        if self.takes_text:
            return model_input.iloc[:, 0].to_numpy(str)
        return {name: _column(model_input[name]) for name in model_input.columns}


def _column(column: pd.Series) -> np.ndarray:
    numeric = pd.api.types.is_numeric_dtype(column)
    return column.to_numpy(np.float32 if numeric else str)


mlflow.models.set_model(PyfuncModel())
