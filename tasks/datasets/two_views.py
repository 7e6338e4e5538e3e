"""Two views of each of the digits, and two things to tell: its number, and whether it is odd.

The views are the image, and the sum of each of its rows.
"""

from pathlib import Path

import numpy as np

from tasks.datasets._shared import digit_images

FOLDER, ADDRESSES, FILES = digit_images.FOLDER, digit_images.ADDRESSES, digit_images.FILES
TASK = {"digit": "classification", "parity": "classification"}
CLASSES = {"digit": digit_images.CLASSES, "parity": ("even", "odd")}
Named = dict[str, np.ndarray]


def read(folder: Path) -> dict[str, tuple[Named, Named]]:
    """Return image (n, 8, 8) and rows (n, 8), and digit and parity, (n,) each."""
    return {
        split: (
            {"image": images, "rows": images.sum(axis=2)},
            {"digit": labels, "parity": labels % 2},
        )
        for split, (images, labels) in digit_images.read(folder).items()
    }
