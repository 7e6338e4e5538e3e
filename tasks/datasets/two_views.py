"""The digits with two inputs and two targets.

The inputs are the image and the sum of each of its rows; the targets are the digit and its parity.
"""

from pathlib import Path

import numpy as np

from tasks.datasets._shared import digit_images

FOLDER, ADDRESSES, FILES = digit_images.FOLDER, digit_images.ADDRESSES, digit_images.FILES
TRAIN_EXAMPLES = digit_images.TRAIN_EXAMPLES
TARGET_KIND = {"digit": "classification", "parity": "classification"}
CLASSES = {"digit": digit_images.CLASSES, "parity": ("even", "odd")}
ArraysByName = dict[str, np.ndarray]


def read(folder: Path) -> dict[str, tuple[ArraysByName, ArraysByName]]:
    """Return image (n, 8, 8) and rows (n, 8), and digit and parity, (n,) each."""
    return {
        split: (
            {"image": images, "rows": images.sum(axis=2)},
            {"digit": labels, "parity": labels % 2},
        )
        for split, (images, labels) in digit_images.read(folder).items()
    }
