"""Programs in the manner of Keras's examples: as good as a plain script, and exact when killed."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.program_runs import (
    Values,
    cut_off_and_resumed,
    last_row,
    plain_script,
    set_up,
)
from tests.support.trainings import digests
from tests.support.workspaces import run_stages

pytestmark = pytest.mark.system


def write_table(path: Path, rows: int, positives: float) -> Path:
    """A table of numbers and categories, with this share of positive examples."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 4))
    job, town = random.integers(0, 5, rows), random.integers(0, 8, rows)
    score = numbers @ [1.0, -2.0, 0.5, 0.0] + np.array([0, 1, -1, 2, -2])[job] + 0.1 * town
    label = score + random.normal(0, 0.3, rows) > np.quantile(score, 1 - positives)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "job", "town", "label"])
        for at in range(rows):
            row = [*numbers[at].round(4), f"job{job[at]}", f"town{town[at]}"]
            writer.writerow([*row, "yes" if label[at] else "no"])
    return path


def wide_and_deep(folder: Path) -> Values:
    path = write_table(folder / "census.csv", 1200, 0.5)
    return {"data.name": "csv", "data.path": str(path), "model.name": "any", "train.epochs": 6}


def fraud(folder: Path) -> Values:
    path = write_table(folder / "fraud.csv", 3000, 0.05)
    metrics = ["Precision", "Recall", "AUC", {"class": "FalseNegatives", "name": "fn"}]
    return {
        "data.name": "csv", "data.path": str(path), "model.name": "mlp", "model.mlp.units": [32],
        "train.class_weight": "balanced", "train.metrics": metrics, "train.batch_size": 256,
        "train.epochs": 8, "train.learning_rate": 0.01, "normalize.method": "standard",
    }  # fmt: skip


def pictures(folder: Path, size: int, channels: int) -> Path:
    """A folder of pictures by class: bright above, or bright below."""
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(160):
        kind = ("above", "below")[number % 2]
        picture = random.integers(0, 90, (size, size, channels), np.uint8)
        half = slice(0, size // 2) if kind == "above" else slice(size // 2, size)
        picture[half] += 120
        path = folder / "pictures" / kind / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.squeeze()).save(path)
    return folder / "pictures"


def augmented(folder: Path) -> Values:
    return {
        "data.name": "folder", "data.path": str(pictures(folder, 16, 1)), "model.name": "cnn",
        "model.cnn.filters": [8], "train.epochs": 4, "train.learning_rate": 0.003,
        "train.augmentation": [{"name": "RandomZoom", "height_factor": 0.1}],
    }  # fmt: skip


def backbone(folder: Path) -> Values:
    return {
        "data.name": "folder", "data.path": str(pictures(folder, 32, 3)), "model.name": "backbone",
        "train.phases": [{"epochs": 1, "freeze": "backbone"}, {"epochs": 1, "learning_rate": 1e-4}],
    }  # fmt: skip


def bidirectional(folder: Path) -> Values:
    random = np.random.default_rng(0)
    for number in range(240):
        kind = ("good", "bad")[number % 2]
        words = [f"w{each}" for each in random.integers(0, 30, 12)]
        words[random.integers(0, 12)] = {"good": "lovely", "bad": "awful"}[kind]
        path = folder / "reviews" / kind / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(words))
    return {
        "data.name": "texts", "data.path": str(folder / "reviews"), "model.name": "bidirectional",
        "normalize.sequence_length": 12, "train.epochs": 8, "train.learning_rate": 0.01,
        "train.loss": "SparseCategoricalCrossentropy",
    }  # fmt: skip


def vae(folder: Path) -> Values:
    from sklearn.datasets import load_digits

    x = load_digits().data[:800].astype(np.uint8)
    np.savez(folder / "digits.npz", x_train=x[:600], x_test=x[600:])
    return {
        "data.name": "npz", "data.path": str(folder / "digits.npz"), "data.target_kind": "none",
        "model.name": "vae", "train.epochs": 4, "register.threshold": None,
    }  # fmt: skip


def dcgan(folder: Path) -> Values:
    from sklearn.datasets import load_digits

    x = load_digits().images[:800].astype(np.uint8)
    np.savez(folder / "digits.npz", x_train=x[:600], x_test=x[600:])
    return {
        "data.name": "npz", "data.path": str(folder / "digits.npz"), "data.target_kind": "none",
        "model.name": "dcgan", "train.epochs": 3, "register.threshold": None,
        "train.monitor": "d_loss", "train.mode": "min",
    }  # fmt: skip


# How far the last epoch's training figures may be from the plain script's, which has another order
# of examples and other random numbers.
PROGRAM_NOISE: list[tuple[Callable[[Path], Values], str, float]] = [
    (wide_and_deep, "accuracy", 0.05),
    (fraud, "auc", 0.03),
    (augmented, "accuracy", 0.1),
    (backbone, "accuracy", 0.25),
    (bidirectional, "accuracy", 0.12),
    (vae, "loss", 1.5),
    (dcgan, "g_loss", 0.5),
]


@pytest.mark.parametrize(
    ("program", "metric", "noise"), PROGRAM_NOISE, ids=[each[0].__name__ for each in PROGRAM_NOISE]
)
def test_it_is_as_good_as_a_script_and_exact_when_killed(
    make_workspace: Callable[..., Path],
    tmp_path: Path,
    tensorflow: Any,
    monkeypatch: pytest.MonkeyPatch,
    program: Callable[[Path], Values],
    metric: str,
    noise: float,
) -> None:
    root = set_up(make_workspace, program(tmp_path), monkeypatch, "train")
    whole = Path(shutil.copytree(root, tmp_path / "whole"))
    run_stages(whole, "train")
    figures, _ = plain_script(whole)
    assert last_row(whole)[metric] == pytest.approx(figures[metric], abs=noise)
    cut_off_and_resumed(root, monkeypatch)
    assert digests(root) == digests(whole)
