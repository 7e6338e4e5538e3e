"""A validation split, drawn from the training split."""

import numpy as np

from lockstep.data import random_streams
from lockstep.data.spec import Examples
from lockstep.errors import DataError


def split_validation(splits: dict[str, Examples], share: float, seed: int) -> dict[str, Examples]:
    """Move a random share of the training split to a validation split; both keep their order.

    Raises DataError if that leaves one of them empty.
    """
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
    return {"train": train.at(training), "validation": train.at(validation), "test": splits["test"]}
