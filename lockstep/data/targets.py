"""Targets of a data set: as its module declares them, or inferred from the values."""

from collections.abc import Mapping
from types import ModuleType

import numpy as np

from lockstep.config.schema import Data
from lockstep.data.readers.csv_files import check_target
from lockstep.data.spec import Examples, Target, Y, as_dict
from lockstep.data.tables import is_text
from lockstep.errors import DataError
from lockstep.messages import choice

# Up to so many distinct whole numbers are classes; more are a regression target.
MAX_CLASSES = 20


def examples_from_table(table: np.ndarray, target: str | None) -> Examples:
    """Split a table into inputs and the target column, by default its last."""
    names = list(table.dtype.names or ())
    name = check_target(target, names)
    return Examples(table[[each for each in names if each != name]], table[name])


def resolve_targets(
    dataset: ModuleType, data: Data, splits: Mapping[str, Examples]
) -> tuple[dict[str, Target], dict[str, Examples]]:
    """Return the targets by name, and the splits with labels as class numbers.

    Raises DataError for a label that the training split doesn't have.
    """
    if hasattr(dataset, "TARGET_KIND"):
        kinds, classes = as_dict(dataset.TARGET_KIND, Y), as_dict(dataset.CLASSES, Y)
        declared = {name: Target(kind, list(classes.get(name, ()))) for name, kind in kinds.items()}
        return declared, dict(splits)
    target = _infer_target(np.asarray(splits["train"].y), data.target_kind)
    if target.kind == "regression":
        return {Y: target}, dict(splits)
    labelled = {
        split: each._replace(y=_class_numbers(split, _labels(np.asarray(each.y)), target.classes))
        for split, each in splits.items()
    }
    return {Y: target}, labelled


def _infer_target(y: np.ndarray, target_kind: str) -> Target:
    if target_kind == "regression" or (target_kind == "auto" and not _are_classes(y)):
        return Target("regression", [])
    return Target("classification", list(dict.fromkeys(_labels(np.unique(y)))))


def _are_classes(y: np.ndarray) -> bool:
    if is_text(y):
        return True
    return bool((y == np.trunc(y)).all()) and len(np.unique(y)) <= MAX_CLASSES


def _labels(y: np.ndarray) -> list[str]:
    return [str(each) if is_text(y) else f"{each:g}" for each in y.tolist()]


def _class_numbers(split: str, labels: list[str], classes: list[str]) -> np.ndarray:
    number = {name: each for each, name in enumerate(classes)}
    for row, name in enumerate(labels):
        if name not in number:
            known = choice(name, classes)
            raise DataError(f"{split} split: label of example {row} is {name!r}, expected {known}")
    return np.array([number[name] for name in labels])
