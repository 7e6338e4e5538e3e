"""Programs on texts and pictures as their authors port them, with Keras's own metrics."""

from pathlib import Path

import numpy as np

from tests.support.ported_tables import split
from tests.support.program_runs import Program

RANDOM = np.random.default_rng(0)


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
        "train.metrics": ["accuracy", "SparseCategoricalCrossentropy"],
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
        "train.metrics": [{"class": "CategoricalAccuracy", "name": "acc"}, "Hinge"],
    }  # fmt: skip
    metrics = {"acc": keras.metrics.CategoricalAccuracy(), "hinge": keras.metrics.Hinge()}
    columns = [f"score_{digit}" for digit in range(10)]
    return Program(values, folder / "x.npy", np.eye(10)[y], columns, metrics, "acc", 0.1)


def digits(folder: Path) -> tuple[Path, np.ndarray]:
    """scikit-learn's digits as arrays, the test pictures also alone; return the test classes."""
    from sklearn.datasets import load_digits

    x, y = load_digits().images[:1200].astype(np.uint8), load_digits().target[:1200]
    path = folder / "digits.npz"
    np.savez(path, x_train=x[:900], y_train=y[:900], x_test=x[900:], y_test=y[900:])
    np.save(folder / "x.npy", x[900:])
    return path, y[900:]
