"""MNIST from its publisher's files, or a few random images of its shape for --smallest."""

from pathlib import Path

import numpy as np

from lockstep.data.spec import Examples
from tasks import datasets

SHAPE, CLASSES, LARGEST = (28, 28, 1), 10, 255


def splits(data: Path, random_images: int) -> tuple[Examples, Examples]:
    """Return MNIST's training and test split, or `random_images` in each if that isn't 0."""
    if random_images:
        return random_pixels(random_images, 0), random_pixels(random_images, 1)
    found = datasets.find("mnist").read(data / "mnist")
    return Examples(*found["train"]), Examples(*found["test"])


def random_pixels(count: int, seed: int) -> Examples:
    """Return `count` images of random pixels with random labels."""
    random = np.random.default_rng(seed)
    x = random.integers(0, LARGEST + 1, (count, *SHAPE[:2]), np.uint8)
    return Examples(x, random.integers(0, CLASSES, count).astype(np.uint8))
