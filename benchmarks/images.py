"""MNIST as its publisher has it, or a few images of its shape where figures mean nothing."""

from pathlib import Path

import numpy as np

from lockstep.data.spec import Examples
from tasks import datasets

SHAPE, CLASSES, LARGEST = (28, 28, 1), 10, 255


def splits(data: Path, made_up: int) -> tuple[Examples, Examples]:
    """Return the examples to train on and to test on, `made_up` of each unless that is 0."""
    if made_up:
        return random_pixels(made_up, 0), random_pixels(made_up, 1)
    found = datasets.find("mnist").read(data / "mnist")
    return Examples(*found["train"]), Examples(*found["test"])


def random_pixels(count: int, seed: int) -> Examples:
    """Return examples that nothing can be learned from."""
    random = np.random.default_rng(seed)
    x = random.integers(0, LARGEST + 1, (count, *SHAPE[:2]), np.uint8)
    return Examples(x, random.integers(0, CLASSES, count).astype(np.uint8))
