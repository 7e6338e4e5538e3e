"""1,797 handwritten digits, 8x8 with 17 grey levels, from scikit-learn.

The test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine
Learning Repository, 1998; CC BY 4.0). It has no test split: every fifth example is used for
testing, so that both splits have digits of all writers.
"""

from pathlib import Path

import numpy as np

from lockstep.errors import DataError

FOLDER = None
ADDRESSES = ("package://scikit-learn/sklearn/datasets/data/",)
FILES = {
    "digits.csv.gz": (
        57_523,
        "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    ),
}
TARGET_KIND = "classification"
TRAIN_EXAMPLES = 1_437
CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
TEST_EVERY = 5


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images (n, 8, 8) of 0 to 16 and labels (n,)."""
    path = folder / "digits.csv.gz"
    try:
        rows = np.loadtxt(path, delimiter=",")
    except (ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path}: not a readable table of numbers ({error}), download it again"
        ) from None
    images, labels = rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(int)
    test = np.arange(len(rows)) % TEST_EVERY == 0
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}
