"""The splits that a data set doesn't come with, drawn from its training split."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lockstep.config.schema import Data
from lockstep.data import random_streams
from lockstep.data.blocks import taken
from lockstep.data.folds import fold_numbers
from lockstep.data.limit import are_classes, draw_limit
from lockstep.data.readers.raw_data import SplitKeys
from lockstep.data.spec import Examples, Target
from lockstep.data.strata import draw, draw_by_class, draw_groups, indices, last_by_time
from lockstep.errors import DataError, ParamsError
from lockstep.process import console

Splits = dict[str, Examples]


class Drawn(NamedTuple):
    """Splits, and of those that were drawn the indices in the training split that was given."""

    splits: Splits
    indices: dict[str, np.ndarray]


def draw_splits(
    splits: Mapping[str, Examples],
    targets: Mapping[str, Target],
    data: Data,
    seed: int,
    *,
    own: bool,
    keys: Mapping[str, SplitKeys] = {},
) -> Drawn:
    """Return the training, validation and test splits, each in its examples' order.

    Splits that are there stay, but with data.folds a fold of the training split takes the place of
    the test split. The test split is the same for every seed, so that runs can be compared. With
    data.limit the training and validation splits are drawn from so many of the examples. `own`
    are the user's own data, which are drawn by class by default; `keys` say by which groups or
    times. Raises DataError if a split would be empty, ParamsError if there are no classes to draw
    by.
    """
    train = splits["train"]
    classes = np.asarray(train.y) if _by_class(data, targets, own=own) else None
    left = _Left(indices(train.size), classes, keys.get("train", SplitKeys()))
    drawn = {}
    if data.folds or "test" not in splits:
        chosen, rest = left.test(data, targets, splits.get("test"))
        drawn["test"], left = left.indices[chosen], left.at(rest)
    else:
        _say_shared_groups(keys)
    if data.limit:
        left = left.at(draw_limit(train.y, left.indices, targets, data, seed))
        drawn["train"] = left.indices
    if "validation" in splits:
        size = splits["validation"].size
        console.say(f"validation: the data's own {size} examples; data.validation_split isn't used")
    elif data.validation_split:
        generator = random_streams.generator(seed, random_streams.VALIDATION)
        chosen = left.draw("validation", data.validation_split, generator)
        drawn["validation"], left = left.indices[chosen], left.at(~chosen)
    if drawn:
        drawn["train"] = left.indices
    found = dict(splits) | {name: _at(train, each, name) for name, each in drawn.items()}
    if own and are_classes(targets):
        _say_missing_classes(found, next(iter(targets.values())))
    return Drawn(
        {name: found[name] for name in ("train", "validation", "test") if name in found}, drawn
    )


def _by_class(data: Data, targets: Mapping[str, Target], *, own: bool) -> bool:
    """Whether the splits are drawn by class; by default those of the user's own examples."""
    possible = are_classes(targets) and (data.time is None or data.split_by == "group")
    if data.stratify is True and not possible:
        kinds = ", ".join(each.kind for each in targets.values()) or "no targets"
        what = "data.time" if data.time else kinds
        raise ParamsError(f"data.stratify: got true for {what}, expected auto or false")
    return data.stratify is True or (data.stratify == "auto" and own and possible)


class _Left(NamedTuple):
    """The training examples that no other split has got, each (n,)."""

    indices: np.ndarray
    classes: np.ndarray | None  # to draw by
    keys: SplitKeys

    def at(self, chosen: np.ndarray) -> "_Left":
        """Return these of the examples."""
        classes = None if self.classes is None else self.classes[chosen]
        return _Left(self.indices[chosen], classes, self.keys.at(chosen))

    def draw(self, name: str, share: float, generator: np.random.Generator) -> np.ndarray:
        """Return a mask, (n,), of the examples for the split `name`; raises DataError."""
        size = len(self.indices)
        count = round(size * share)
        if count in (0, size):
            empty = name if count == 0 else "training"
            raise DataError(
                f"data.{name}_split: {share} of {size} examples leaves the {empty} split empty"
            )
        if self.keys.time is not None:
            return last_by_time(self.keys.time, count)
        if self.keys.group is not None:
            return draw_groups(self.keys.group, count, generator, self.classes)
        if self.classes is not None:
            return draw_by_class(self.classes, count, generator)
        return draw(size, count, generator)

    def test(
        self, data: Data, targets: Mapping[str, Target], own: Examples | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return masks, (n,), of the examples for testing and of the others; raises DataError.

        What follows a fold in time is in neither. `own` is the data's own test split.
        """
        if not data.folds:
            chosen = self.draw("test", data.test_split, np.random.default_rng(0))
            return chosen, ~chosen
        _say_fold(data, own)
        names = _class_names(targets)
        numbers = fold_numbers(len(self.indices), data.folds, self.keys, self.classes, names)
        if self.keys.time is None:
            return numbers == data.fold, numbers != data.fold
        return numbers == data.fold, numbers < data.fold


def _class_names(targets: Mapping[str, Target]) -> list[str]:
    return next(iter(targets.values())).classes if are_classes(targets) else []


def _say_fold(data: Data, test: Examples | None) -> None:
    aside = f"the data's own {test.size} test examples are" if test else "data.test_split isn't"
    console.say(
        f"test: fold {data.fold} of {data.folds} of the training data; {aside} "
        f"{'set aside' if test else 'used'}"
    )


def _say_shared_groups(keys: Mapping[str, SplitKeys]) -> None:
    groups = [keys[split].group for split in ("train", "test") if split in keys]
    if len(groups) == 2 and groups[0] is not None and groups[1] is not None:
        shared = set(groups[0]) & set(groups[1])
        if shared:
            console.say(f"{len(shared)} groups are in the data's own training and test splits")


def _at(examples: Examples, chosen: np.ndarray, name: str) -> Examples:
    parts = [taken(array, chosen, name) for array in examples.arrays]
    return Examples(*examples.packed(parts))


def _say_missing_classes(splits: Splits, target: Target) -> None:
    names = np.array(target.classes)
    counts = {
        split: np.bincount(np.asarray(each.y), minlength=len(names))
        for split, each in splits.items()
    }
    total = np.sum(list(counts.values()), axis=0)
    for split, count in counts.items():
        rare = [f"{names[n]} ({total[n]})" for n in np.flatnonzero(count == 0)]
        if rare:
            console.say(
                f"too few examples of a class for the {split} split, which has none of: "
                f"{', '.join(rare[:10])}{', ...' if len(rare) > 10 else ''}"
            )
