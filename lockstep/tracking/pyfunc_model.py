"""The registered model as an MLflow pyfunc: raw examples in, the model's outputs out.

MLflow stores a copy of this file with the SavedModel and runs it without this repository, so it
imports nothing from there. Nothing is pickled ("models from code").
"""

import json
import re
from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import numpy as np
import pandas as pd

MAY_BE_MISSING = ("number", "boolean", "date")
SIGN = r"^[+-]?\s*[$€£¥]\s*|\s*[$€£¥%]$"  # of currency or percent


class PyfuncModel(mlflow.pyfunc.PythonModel):
    """Returns the SavedModel's outputs."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Load the SavedModel from the registered files."""
        import tensorflow as tf

        self.model = tf.saved_model.load(context.artifacts["saved_model"])
        inputs = json.loads(Path(context.artifacts["spec"]).read_text(encoding="utf-8"))["inputs"]
        # A text that is a table's column has its name instead of x.
        self.takes_text = {name: each["kind"] for name, each in inputs.items()} == {"x": "text"}
        self.columns = {
            name: column
            for each in inputs.values()
            for name, column in each["columns"].items()
            if not column["source"]
        }
        self.null_values = [text for each in inputs.values() for text in each["null_values"]]
        windows = [each for each in inputs.values() if each.get("windows")]
        self.window = windows[0] if windows else None

    def predict(
        self,
        context: mlflow.pyfunc.PythonModelContext,
        model_input: np.ndarray,  # or a frame or dict: MLflow warns about other annotations
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Return the outputs, (examples, outputs), or a dict of them by target.

        Texts and table rows are passed as a DataFrame, pixels and numbers as arrays. Of windows,
        rows are passed too; the outputs are in the order of the windows' last rows.
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
        if self.window:
            rows = _rows_of_windows(model_input, self.window["shape"][0], self.window["windows"])
            names = [name for name in self.columns if name in model_input.columns]
            return {name: self._cells(name, model_input[name])[rows] for name in names}
        return {name: self._cells(name, model_input[name]) for name in model_input.columns}

    def _cells(self, name: str, cells: pd.Series) -> np.ndarray:
        """Numbers as float64 with NaN, all else as texts, empty where a cell is missing."""
        column = self.columns.get(name, {"kind": "text", "written": {}})
        texts = [self._text(cell) for cell in cells]
        if column["kind"] in MAY_BE_MISSING and column["fill"] is None and "" in texts:
            row = texts.index("")
            raise ValueError(f"row {row}, column {name!r}: missing, expected a {column['kind']}")
        if column["kind"] != "number":
            return np.array(texts, str)
        if pd.api.types.is_numeric_dtype(cells):
            return cells.to_numpy(np.float64, na_value=np.nan)
        return np.array([_number(text, column["written"]) for text in texts], np.float64)

    def _text(self, cell: Any) -> str:
        text = "" if pd.isna(cell) else str(cell).strip()
        return "" if text in self.null_values else text


def _number(text: str, written: dict[str, Any]) -> float:
    """The number that a cell holds, written as in the training data."""
    if written.get("signed"):
        text = re.sub(SIGN, "", text)
    if written.get("thousands"):
        text = text.replace(written["thousands"], "")
    text = text.replace(written.get("decimal", "."), ".")
    return float(text) if text else float("nan")


def _rows_of_windows(frame: pd.DataFrame, steps: int, how: dict[str, Any]) -> np.ndarray:
    """The rows of each window, (windows, rows), in the order of the last ones.

    Windows are of rows of one group in the order of time, as in training; without these columns all
    rows are one group, in the frame's order.
    """
    groups = np.zeros(len(frame), np.int64)
    if how["group"] in frame.columns:
        groups = pd.factorize(frame[how["group"]].astype(str))[0]
    times = _ranks(frame[how["time"]]) if how["time"] in frame.columns else np.arange(len(frame))
    order = np.lexsort((times, groups))
    groups = groups[order]
    places = np.arange(len(groups)) - np.searchsorted(groups, groups)
    first = np.arange(max(0, len(groups) - steps + 1))
    first = first[groups[first] == groups[first + steps - 1]]
    first = first[places[first] % how["stride"] == 0]
    if not len(first):
        raise ValueError(f"{len(frame)} rows, expected {steps} in a row of one group")
    rows = order[first[:, None] + np.arange(steps)]
    ordered: np.ndarray = rows[np.argsort(rows[:, -1], kind="stable")]
    return ordered


def _ranks(times: pd.Series) -> np.ndarray:
    """Numbers in the order of times, which are numbers, moments, or ISO dates as texts."""
    numbers = pd.to_numeric(times, errors="coerce")
    ranked = times.astype(str) if numbers.isna().any() else numbers
    return np.asarray(pd.factorize(ranked, sort=True)[0])


mlflow.models.set_model(PyfuncModel())
