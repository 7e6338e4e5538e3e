"""Programs on tables as their authors port them: data, parameters, and Keras's own metrics."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.support.program_runs import Program

RANDOM = np.random.default_rng(0)


def fraud(folder: Path) -> Program:
    """One transaction in 200 is a fraud; class weights, and counts by short names."""
    import keras
    import pandas as pd

    frame = pd.DataFrame(RANDOM.normal(size=(6000, 6)), columns=[f"V{n}" for n in range(1, 7)])
    frame["Amount"] = RANDOM.lognormal(3, 1, len(frame)).round(2)
    risk = frame.V1 - 2 * frame.V2 + np.log(frame.Amount)
    frame["Class"] = (risk > np.quantile(risk, 0.995)).astype(int)
    path, y = split(frame, folder / "fraud")
    names = {
        "fn": "FalseNegatives", "fp": "FalsePositives", "tn": "TrueNegatives",
        "tp": "TruePositives", "precision": "Precision", "recall": "Recall", "auc": "AUC",
    }  # fmt: skip
    positives = int(frame.Class[:-1000].sum())
    values = {
        "data.name": "csv", "data.path": str(path), "model.name": "mlp",
        "model.mlp": {"units": [32, 32], "dropout": 0.3}, "normalize.method": "standard",
        "train.class_weight": {"0": 1 / (5000 - positives), "1": 1 / positives},
        "train.loss": "BinaryCrossentropy", "train.epochs": 4, "train.batch_size": 512,
        "train.jit_compile": False,  # XLA takes longer to compile than these few steps
        "train.learning_rate": 0.01, "train.metrics": [
            each if name == each.lower() else {"class": each, "name": name}
            for name, each in names.items()
        ],
    }  # fmt: skip
    metrics = {name: getattr(keras.metrics, each)() for name, each in names.items()}
    return Program(values, path / "test.csv", y[:, None], ["1"], metrics, "auc", 0.1)


def ratings(folder: Path) -> Program:
    """Users and films by embeddings; ratings scaled to 0 to 1, behind a sigmoid."""
    import keras
    import pandas as pd

    users, films = RANDOM.integers(1, 60, 2500), RANDOM.integers(1, 40, 2500)
    frame = pd.DataFrame({"user": users, "film": films, "time": range(2500)})
    taste = 1.5 * np.sin(users) * np.cos(films) + 0.7 * np.sin(films)
    frame["rating"] = np.clip((2 * (2.7 + taste)).round() / 2, 0.5, 5.0)
    path, y = split(frame, folder / "ratings")
    values = {
        "data.name": "csv", "data.path": str(path), "data.target": "rating",
        "data.target_kind": "regression",
        "data.columns": {"user": "category", "film": "category", "time": "drop"},
        "normalize.target": "unit", "model.name": "recommender", "train.epochs": 4,
        "train.loss": "BinaryCrossentropy",
        "train.batch_size": 64, "train.learning_rate": 0.01,
        "train.metrics": ["MeanAbsoluteError", {"class": "RootMeanSquaredError", "name": "rmse"}],
    }  # fmt: skip
    metrics = {
        "mean_absolute_error": keras.metrics.MeanAbsoluteError(),
        "rmse": keras.metrics.RootMeanSquaredError(),
    }
    return Program(values, path / "test.csv", y[:, None], ["value"], metrics, "rmse", 0.1)


def sums(folder: Path) -> Program:
    """A price is a multiple of the size, and what the town and the kind add."""
    import keras
    import pandas as pd

    town, kind = RANDOM.integers(0, 12, 1500), RANDOM.integers(0, 5, 1500)
    size = RANDOM.uniform(20, 200, 1500).round(1)
    price = 3 * size + 40 * np.sin(town) + 25 * kind + RANDOM.normal(0, 2, 1500)
    frame = pd.DataFrame({"size": size, "town": [f"t{n}" for n in town], "kind": kind})
    path, y = split(frame.assign(price=price.round(2)), folder / "sums")
    values = {
        "data.name": "csv", "data.path": str(path), "data.columns": {"kind": "category"},
        "normalize.method": "standard", "normalize.target": "standard", "model.name": "sums",
        "train.epochs": 6, "train.learning_rate": 0.03, "train.optimizer": "RMSprop",
        "train.metrics": ["MeanAbsoluteError", "R2Score"],
    }  # fmt: skip
    metrics = {
        "mean_absolute_error": keras.metrics.MeanAbsoluteError(),
        "r2_score": keras.metrics.R2Score(),
    }
    test, name = path / "test.csv", "mean_absolute_error"
    return Program(values, test, y[:, None], ["value"], metrics, name, 2.0)


def split(frame: Any, folder: Path) -> tuple[Path, np.ndarray]:
    """Write train.csv, and test.csv with the last rows; return the last column of these."""
    folder.mkdir()
    tested = min(1000, len(frame) // 6)
    frame[:-tested].to_csv(folder / "train.csv", index=False)
    frame[-tested:].to_csv(folder / "test.csv", index=False)
    return folder, frame.iloc[-tested:, -1].to_numpy()
