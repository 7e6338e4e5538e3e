"""The registered model as MLflow loads it: raw examples in, the model's outputs out.

MLflow copies this one file beside the SavedModel and runs it where it serves, far from this
repository: it imports nothing of it, and nothing is pickled.
"""

from typing import Any

import mlflow.models
import mlflow.pyfunc
import numpy as np


class Serving(mlflow.pyfunc.PythonModel):
    """Answers with the SavedModel's outputs."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Load the SavedModel from the registered files."""
        import tensorflow as tf

        self.model = tf.saved_model.load(context.artifacts["saved_model"])

    def predict(
        self,
        context: mlflow.pyfunc.PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Return the outputs, (n, classes) probabilities or (n, 1) numbers."""
        return self.model.serve(model_input).numpy()


mlflow.models.set_model(Serving())
