"""Seven programs as their authors port them: data, parameters, and metrics in Keras's own words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.support.program_runs import Values

RANDOM = np.random.default_rng(0)


class Program(NamedTuple):
    """Parameters, the file that is served with its targets, and the expected metrics by name.

    `columns` are those of `lockstep predict`'s table that the metrics take.
    """

    values: Values
    served: Path
    y: np.ndarray
    columns: list[str]
    metrics: dict[str, Any]
    metric: str  # compared with the plain script's in the last epoch
    noise: float


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
        "train.custom_objects_file": "models/recommender.py", "train.loss": "custom.crossentropy",
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
    noise = 2.0
    return Program(
        values, path / "test.csv", y[:, None], ["value"], metrics, "mean_absolute_error", noise
    )


def text_transformer(folder: Path) -> Program:
    """Short reviews; two softmax units and class numbers."""
    import keras
    import pandas as pd

    frame = pd.DataFrame({"text": reviews(900), "label": ["good", "bad"] * 450})
    path, y = split(frame, folder / "reviews")
    values = {
        "data.name": "csv", "data.path": str(path), "data.columns": {"text": "text"},
        "normalize.sequence_length": 12, "model.name": "text_transformer", "train.epochs": 3,
        "train.loss": "SparseCategoricalCrossentropy", "train.learning_rate": 0.01,
        "train.metrics": ["accuracy", "SparseCategoricalCrossentropy", "AUC"],
    }  # fmt: skip
    metrics = {
        "accuracy": keras.metrics.SparseCategoricalAccuracy(),
        "sparse_categorical_crossentropy": keras.metrics.SparseCategoricalCrossentropy(),
    }
    classes = np.unique(y, return_inverse=True)[1]
    columns = ["bad", "good"]
    return Program(values, path / "test.csv", classes, columns, metrics, "accuracy", 0.1)


def reviews(count: int) -> list[str]:
    """Texts of 12 words, of which one is telling: good and bad ones in turn."""
    words = RANDOM.integers(0, 30, (count, 12)).astype("U6")
    words = np.char.add("w", words)
    words[range(count), RANDOM.integers(0, 12, count)] = ["lovely", "awful"] * (count // 2)
    return [" ".join(each) for each in words]


def vision_transformer(folder: Path) -> Program:
    """Digits of 8 x 8 pixels; logits and class numbers."""
    import keras

    path, y = digits(folder)
    values = {
        "data.name": "npz", "data.path": str(path), "model.name": "vision_transformer",
        "normalize.method": "standard", "train.epochs": 3, "train.learning_rate": 0.003,
        "train.optimizer": {"name": "AdamW", "weight_decay": 1e-4},
        "train.loss": {"name": "SparseCategoricalCrossentropy", "from_logits": True},
        "train.metrics": [
            {"class": "SparseCategoricalAccuracy", "name": "accuracy"},
            {"class": "SparseTopKCategoricalAccuracy", "k": 3, "name": "top-3-accuracy"},
        ],
    }  # fmt: skip
    metrics = {
        "accuracy": keras.metrics.SparseCategoricalAccuracy(),
        "top-3-accuracy": keras.metrics.SparseTopKCategoricalAccuracy(3),
    }
    return Program(values, folder / "x.npy", y, list("0123456789"), metrics, "accuracy", 0.15)


def compact_transformer(folder: Path) -> Program:
    """Digits of 8 x 8 pixels; logits, one-hot classes and smoothed labels."""
    import keras

    path, y = digits(folder)
    smooth = {"name": "CategoricalCrossentropy", "from_logits": True, "label_smoothing": 0.1}
    values = {
        "data.name": "npz", "data.path": str(path), "model.name": "compact_transformer",
        "train.epochs": 3, "train.learning_rate": 0.005, "train.loss": smooth,
        "train.optimizer": {"name": "AdamW", "weight_decay": 1e-4}, "train.metrics": [
            {"class": "CategoricalAccuracy", "name": "accuracy"},
            {"class": "TopKCategoricalAccuracy", "k": 5, "name": "top-5-accuracy"},
        ],
    }  # fmt: skip
    metrics = {
        "accuracy": keras.metrics.CategoricalAccuracy(),
        "top-5-accuracy": keras.metrics.TopKCategoricalAccuracy(5),
    }
    one_hot = np.eye(10)[y]
    return Program(values, folder / "x.npy", one_hot, list("0123456789"), metrics, "accuracy", 0.15)


def random_features(folder: Path) -> Program:
    """Digits again, with a hinge loss of each class against the others."""
    import keras

    path, y = digits(folder)
    values = {
        "data.name": "npz", "data.path": str(path), "model.name": "random_features",
        "train.epochs": 6, "train.learning_rate": 0.01, "train.loss": "Hinge",
        "model.random_features": {"scale": 3.0},
        "train.metrics": [{"class": "CategoricalAccuracy", "name": "acc"}],
    }  # fmt: skip
    metrics = {"acc": keras.metrics.CategoricalAccuracy()}
    one_hot = np.eye(10)[y]
    return Program(values, folder / "x.npy", one_hot, list("0123456789"), metrics, "acc", 0.1)


def split(frame: Any, folder: Path) -> tuple[Path, np.ndarray]:
    """Write train.csv, and test.csv of the last 1000 rows or sixth; return the last column there."""
    folder.mkdir()
    tested = min(1000, len(frame) // 6)
    frame[:-tested].to_csv(folder / "train.csv", index=False)
    frame[-tested:].to_csv(folder / "test.csv", index=False)
    return folder, frame.iloc[-tested:, -1].to_numpy()


def digits(folder: Path) -> tuple[Path, np.ndarray]:
    """scikit-learn's digits as arrays, the test pictures also alone; return the test classes."""
    from sklearn.datasets import load_digits

    x, y = load_digits().images[:1200].astype(np.uint8), load_digits().target[:1200]
    path = folder / "digits.npz"
    np.savez(path, x_train=x[:900], y_train=y[:900], x_test=x[900:], y_test=y[900:])
    np.save(folder / "x.npy", x[900:])
    return path, y[900:]


PORTED: list[Callable[[Path], Program]] = [
    fraud, ratings, sums, text_transformer, vision_transformer, compact_transformer,
    random_features,
]  # fmt: skip
