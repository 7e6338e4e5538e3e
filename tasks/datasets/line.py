"""A noisy line: 1,000 generated points of y = w x + b with w = 3 and b = 2.

x and the noise are normal, with standard deviations of 1 and 0.3. Every fifth point is for testing.
"""

from pathlib import Path

import numpy as np

FOLDER = None
ADDRESSES = ()
FILES: dict[str, tuple[int, str]] = {}
TARGET_KIND = "regression"
TRAIN_EXAMPLES = 800
CLASSES = ()
POINTS, NOISE, SEED = 1000, 0.3, 0
W, B = 3.0, 2.0
TEST_EVERY = 5


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return x (n, 1) and y (n,)."""
    random = np.random.RandomState(SEED)  # numpy guarantees the same stream in all versions
    x = random.normal(size=(POINTS, 1))
    y = W * x[:, 0] + B + random.normal(scale=NOISE, size=POINTS)
    test = np.arange(POINTS) % TEST_EVERY == 0
    return {"train": (x[~test], y[~test]), "test": (x[test], y[test])}
