"""A validation split, drawn from the training split."""

from pathlib import Path

import numpy as np

from lockstep.data import random_streams
from lockstep.data.spec import Examples
from lockstep.errors import DataError
from lockstep.process import console

BLOCK = 2**24  # bytes to copy at once


def split_validation(splits: dict[str, Examples], share: float, seed: int) -> dict[str, Examples]:
    """Move a random share of the training split to a validation split; both keep their order.

    The data's own validation split stays. Raises DataError if either is left empty.
    """
    if "validation" in splits:
        count = splits["validation"].size
        console.say(
            f"validation: the data's own {count} examples; data.validation_split isn't used"
        )
        return splits
    if share == 0:
        return splits
    train = splits["train"]
    count = round(train.size * share)
    if count in (0, train.size):
        empty = "validation" if count == 0 else "training"
        raise DataError(
            f"data.validation_split: {share} of {train.size} examples leaves the {empty} split "
            "empty"
        )
    order = random_streams.generator(seed, random_streams.VALIDATION).permutation(train.size)
    training, validation = np.sort(order[count:]), np.sort(order[:count])
    return {
        "train": _at(train, training, "training"),
        "validation": _at(train, validation, "validation"),
        "test": splits["test"],
    }


def _at(examples: Examples, indices: np.ndarray, name: str) -> Examples:
    taken = [_rows(array, indices, name) for array in examples.arrays]
    return Examples(*examples.packed(taken))


def _rows(array: np.ndarray, indices: np.ndarray, name: str) -> np.ndarray:
    """Return rows of an array; those of a memory map in another one beside it."""
    if not isinstance(array, np.memmap):
        return array[indices]
    source = Path(str(array.filename))
    shape = (len(indices), *array.shape[1:])
    out = np.lib.format.open_memmap(
        source.with_name(f"{name}-{source.name}"), "w+", array.dtype, shape
    )
    count = max(1, BLOCK // array[0].nbytes)
    for at in range(0, len(indices), count):
        out[at : at + count] = array[indices[at : at + count]]
    return out
