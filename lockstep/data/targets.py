"""Targets of a data set: as its module declares them, or inferred from the values."""

from collections.abc import Mapping
from types import ModuleType

import numpy as np

from lockstep.config.schema import Data
from lockstep.data.labels import (
    class_names,
    class_numbers,
    distinct,
    is_one_hot,
    numbers_of_one_hot,
)
from lockstep.data.spec import Examples, Target, X, Y, as_dict, unwrap_single
from lockstep.data.spec.target_kinds import KINDS, NONE
from lockstep.data.target_inference import are_classes, check_dtype, infer_kind
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice
from lockstep.process import console

AUTO = "auto"
CLASS_KINDS = ("classification", "mask", "sequence")
NAMED_KINDS = ("classification", "mask", "multilabel")
RANK_OF_SERIES = 3


def resolve_targets(
    dataset: ModuleType, data: Data, splits: Mapping[str, Examples]
) -> tuple[dict[str, Target], dict[str, Examples]]:
    """Return the targets by name, and the splits with labels as class numbers.

    Raises DataError for a label that the training split doesn't have, or targets whose kind isn't
    certain; ParamsError for a data.target_kind other than the one that the data set declares.
    """
    if hasattr(dataset, "TARGET_KIND"):
        return _declared(dataset, data, splits["train"]), dict(splits)
    if _without(splits["train"], data.target_kind):
        console.say(f"no targets in {data.path}: the model computes its own loss")
        return {}, {split: each._replace(y={}) for split, each in splits.items()}
    targets, stored = {}, {split: as_dict(each.y, Y) for split, each in splits.items()}
    for name in list(stored["train"]):
        values = {split: np.asanyarray(each[name]) for split, each in stored.items()}
        targets[name], encoded = _resolve(name, values, splits["train"], data)
        for split, y in encoded.items():
            stored[split][name] = y
    _check_names(data.target_kind, targets)
    return targets, {
        split: each._replace(y=unwrap_single(stored[split])) for split, each in splits.items()
    }


def _resolve(
    name: str, values: dict[str, np.ndarray], train: Examples, data: Data
) -> tuple[Target, dict[str, np.ndarray]]:
    """Return one target, and each split's values as they are stored."""
    given = data.target_kind
    kind = _kind(train, values["train"], given if isinstance(given, str) else given.get(name, AUTO))
    target, stored = _encoded(kind, _plain(kind, values))
    _check_spread(target, stored["train"])
    _say(name, target, data)
    return target, stored


def _check_names(given: str | Mapping[str, str], targets: Mapping[str, Target]) -> None:
    for name in given if isinstance(given, Mapping) else ():
        if name not in targets:
            raise ParamsError(f"data.target_kind: got {name!r}, expected {choice(name, targets)}")


def _declared(dataset: ModuleType, data: Data, train: Examples) -> dict[str, Target]:
    kinds = as_dict(dataset.TARGET_KIND, Y)
    if data.target_kind not in (AUTO, *kinds.values()):
        declared = ", ".join(dict.fromkeys(kinds.values()))
        raise ParamsError(
            f"data.target_kind: got {data.target_kind}, but tasks/datasets/{data.name}.py declares "
            f"{declared}; expected auto"
        )
    if NONE in kinds.values():
        return {}
    for kind in kinds.values():
        if kind not in KINDS:
            raise DataError(
                f"tasks/datasets/{data.name}.py: TARGET_KIND is {kind!r}, expected "
                f"{choice(kind, (*KINDS, NONE))}"
            )
    classes, y = as_dict(getattr(dataset, "CLASSES", ()), Y), as_dict(train.y, Y)
    for name, kind in kinds.items():
        if kind in NAMED_KINDS and not classes.get(name):
            raise DataError(
                f"tasks/datasets/{data.name}.py: no CLASSES for the target {name}, expected the "
                f"names, since it is {kind}"
            )
    return {
        name: _described(kind, list(classes.get(name, ())), np.asarray(y[name]))
        for name, kind in kinds.items()
    }


def _described(kind: str, classes: list[str], y: np.ndarray) -> Target:
    """Return the target of these stored values of the training split."""
    statistics = {"minimum": float(y.min()), "maximum": float(y.max())} if kind == "image" else {}
    return Target(kind, classes, list(y.shape[1:]), statistics)


def _without(train: Examples, given: str | Mapping[str, str]) -> bool:
    """Whether there are no targets."""
    if isinstance(train.y, Mapping) and not train.y:
        if given not in (AUTO, NONE):
            raise DataError(f"data.target_kind: got {given}, but the data have no targets")
        return True
    return given == NONE


def _kind(train: Examples, y: np.ndarray, given: str) -> str:
    check_dtype(y)
    shape = () if isinstance(train.x, Mapping) else train.x.shape
    return infer_kind(shape, y) if given == AUTO else given


def _plain(kind: str, raw: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return targets without a last axis of size 1, and one-hot rows as class numbers."""
    if kind != "image":
        raw = {
            split: y[..., 0] if y.ndim > 1 and y.shape[-1] == 1 else y for split, y in raw.items()
        }
    if kind == "classification" and is_one_hot(raw["train"]):
        return {split: numbers_of_one_hot(split, y) for split, y in raw.items()}
    return raw


def _encoded(kind: str, raw: dict[str, np.ndarray]) -> tuple[Target, dict[str, np.ndarray]]:
    """Return the target, and each split's values as they are stored."""
    train = raw["train"]
    if kind == "multilabel":
        labels = [str(number) for number in range(train.shape[1] if train.ndim > 1 else 1)]
        return _described(kind, labels, train), raw
    with_classes = kind != "sequence" or are_classes(train)
    if kind not in CLASS_KINDS or not with_classes:
        return _described(kind, [], train), raw
    values = distinct(train)
    if kind != "classification" and values.dtype.kind == "f" and (values != np.trunc(values)).any():
        raise DataError(f"data.target_kind: got {kind} for fractions, expected whole numbers")
    numbers = {split: class_numbers(split, y, values) for split, y in raw.items()}
    return _described(kind, class_names(values), numbers["train"]), numbers


def _check_spread(target: Target, y: np.ndarray) -> None:
    """Raise DataError if there is only one class or value, from which nothing can be learned."""
    if target.kind in ("classification", "regression") and (y == y[:1]).all():
        what = f"class {target.classes[0]}" if target.classes else f"number {y[0]}"
        raise DataError(
            f"the targets of all {len(y)} training examples are the {what}, expected two or more"
        )


def _say(name: str, target: Target, data: Data) -> None:
    """Say what the targets are taken for."""
    of = f"targets of {data.path}" if name == Y else f"target {name!r} of {data.path}"
    count = len(target.classes) or target.outputs
    what = target.values if target.classes else "number" if count == 1 else "numbers"
    other = "; to take them for another kind set data.target_kind"
    fix = other if data.target_kind == AUTO else ""
    console.say(f"{of}: {target.kind}, {count} {what}{fix}")


def _say_images(dataset: ModuleType, data: Data, inputs: Mapping[str, np.ndarray]) -> None:
    """Say that arrays of one's own, (n, a, b), are taken for grey images: they may be series."""
    own = not hasattr(dataset, "TARGET_KIND")
    for x in inputs.values() if own else ():
        if len(x.shape) == RANK_OF_SERIES:
            console.say(
                f"inputs of shape {x.shape} in {data.path}: grey images; to take them for steps "
                "and channels set data.input_kind series"
            )


def input_kinds(dataset: ModuleType, data: Data, train: Examples) -> dict[str, str]:
    """Return the kind of each input that doesn't follow from its shape, by name.

    Raises ParamsError for a data.input_kind other than the one that the data set declares.
    """
    declared = getattr(dataset, "INPUT_KIND", None)
    if declared is not None and data.input_kind not in ("auto", declared):
        raise ParamsError(
            f"data.input_kind: got {data.input_kind}, but tasks/datasets/{data.name}.py declares "
            f"{declared}; expected auto"
        )
    if declared is not None:
        return as_dict(declared, X)
    if data.input_kind == "auto":
        _say_images(dataset, data, as_dict(train.x, X))
        return {}
    return dict.fromkeys(as_dict(train.x, X), data.input_kind)
