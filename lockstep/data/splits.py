"""A validation split, drawn from the training split."""

import numpy as np

from lockstep.data import random_streams
from lockstep.data.spec import Examples
from lockstep.errors import DataError
from lockstep.process import console


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
    return {"train": train.at(training), "validation": train.at(validation), "test": splits["test"]}
