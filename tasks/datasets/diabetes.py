"""Diabetes: 442 patients, ten measurements, and the disease's progression a year later.

B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least Angle Regression", Annals of Statistics
32(2):407-499, 2004, from scikit-learn, with unscaled columns: age, sex, body mass index, blood
pressure and six of blood serum. It has no test split: every fifth example is
used for testing.
"""

from pathlib import Path

import numpy as np

from lockstep.errors import DataError

FOLDER = None
ADDRESSES = ("package://scikit-learn/sklearn/datasets/data/",)
FILES = {
    "diabetes_data_raw.csv.gz": (
        7_073,
        "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",
    ),
    "diabetes_target.csv.gz": (
        1_050,
        "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803",
    ),
}
TARGET_KIND = "regression"
TRAIN_EXAMPLES = 353
CLASSES = ()
TEST_EVERY = 5


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return rows (n, 10) and targets (n,) from 25 to 346."""
    x, y = (_table(folder / name) for name in FILES)
    test = np.arange(len(x)) % TEST_EVERY == 0
    return {"train": (x[~test], y[~test]), "test": (x[test], y[test])}


def _table(path: Path) -> np.ndarray:
    try:
        return np.loadtxt(path)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path}: not a readable table of numbers ({error}), download it again"
        ) from None
