"""The registered model as MLflow loads it: raw examples in, the model's outputs out.

MLflow copies this one file beside the SavedModel and runs it where it serves, far from this
repository: it imports nothing of it, and nothing is pickled.
"""

import json
from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import numpy as np
import pandas as pd


class Serving(mlflow.pyfunc.PythonModel):
    """Answers with the SavedModel's outputs."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Load the SavedModel from the registered files."""
        import tensorflow as tf

        self.model = tf.saved_model.load(context.artifacts["saved_model"])
        inputs = json.loads(Path(context.artifacts["spec"]).read_text(encoding="utf-8"))["inputs"]
        self.takes_text = [each["kind"] for each in inputs.values()] == ["text"]

    def predict(
        self,
        context: mlflow.pyfunc.PythonModelContext,
        model_input: np.ndarray,  # or frames, or a dict: MLflow warns of any type but this
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Return the outputs, (n, numbers), or those of each target by name.

        Texts and a table's rows come as frames, pixels and numbers as arrays.
        """
        outputs = self.model.serve(self._tensors(model_input))
        if isinstance(outputs, dict):
            return {name: each.numpy() for name, each in outputs.items()}
        return outputs.numpy()

    def _tensors(self, given: Any) -> Any:
        if not isinstance(given, pd.DataFrame):
            return given
        if self.takes_text:
            return given.iloc[:, 0].to_numpy(str)
        return {name: _column(given[name]) for name in given.columns}


def _column(column: pd.Series) -> np.ndarray:
    numeric = pd.api.types.is_numeric_dtype(column)
    return column.to_numpy(np.float32 if numeric else str)


mlflow.models.set_model(Serving())
