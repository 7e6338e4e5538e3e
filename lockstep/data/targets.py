"""What is to be told of an example: as the data set says, or by what its values are."""

from collections.abc import Mapping
from types import ModuleType

import numpy as np

from lockstep.config.schema import Data
from lockstep.data.spec import Examples, Target, Y, by_name
from lockstep.data.tables import is_text
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice

# As few different whole numbers are classes.
MOST_CLASSES = 20


def taken_from_table(table: np.ndarray, target: str | None) -> Examples:
    """Return a table's columns without its target, the last if none is named, and the target."""
    names = list(table.dtype.names or ())
    name = target or names[-1]
    if name not in names:
        raise ParamsError(f"data.target: got {name!r}, expected {choice(name, names)}")
    return Examples(table[[each for each in names if each != name]], table[name])


def resolve_targets(
    dataset: ModuleType, asked: Data, splits: Mapping[str, Examples]
) -> tuple[dict[str, Target], dict[str, Examples]]:
    """Return each target, and the splits with labels as numbers.

    Raises DataError for a label that is no class of the training split.
    """
    if hasattr(dataset, "TASK"):
        tasks, classes = by_name(dataset.TASK, Y), by_name(dataset.CLASSES, Y)
        said = {name: Target(task, list(classes.get(name, ()))) for name, task in tasks.items()}
        return said, dict(splits)
    target = _by_values(np.asarray(splits["train"].y), asked.task)
    if target.task == "regression":
        return {Y: target}, dict(splits)
    labelled = {
        split: each._replace(y=_numbers(split, _texts(np.asarray(each.y)), target.classes))
        for split, each in splits.items()
    }
    return {Y: target}, labelled


def _by_values(y: np.ndarray, asked: str) -> Target:
    if asked == "regression" or (asked == "auto" and not _are_classes(y)):
        return Target("regression", [])
    return Target("classification", list(dict.fromkeys(_texts(np.unique(y)))))


def _are_classes(y: np.ndarray) -> bool:
    if is_text(y):
        return True
    return bool((y == np.trunc(y)).all()) and len(np.unique(y)) <= MOST_CLASSES


def _texts(y: np.ndarray) -> list[str]:
    return [str(each) if is_text(y) else f"{each:g}" for each in y.tolist()]


def _numbers(split: str, labels: list[str], classes: list[str]) -> np.ndarray:
    number = {name: each for each, name in enumerate(classes)}
    for row, name in enumerate(labels):
        if name not in number:
            known = choice(name, classes)
            raise DataError(f"{split} split: label of example {row} is {name!r}, expected {known}")
    return np.array([number[name] for name in labels])
