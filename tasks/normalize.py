"""The stage that turns raw files into checked arrays and spec.json, in data/ready."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from errors import DataError
from params import Params
from tasks import _files, _random, _spec, datasets
from tasks._spec import Examples

RANK_OF_TABLE, RANK_OF_GREY, RANK_OF_COLOUR = 2, 3, 4


def normalize(params: Params, root: Path) -> None:
    """Check the raw arrays, keep a validation split apart, and store them in small dtypes.

    Values stay raw: spec.json says how they become a model's input. Raises DataError.
    """
    dataset = datasets.find(params.data.name)
    read = dataset.read(root / "data" / "raw")
    splits = _in_small_dtypes({name: Examples(*arrays) for name, arrays in read.items()})
    for name, split in splits.items():
        _check(name, split, splits["train"].x.shape[1:], dataset)
    splits = _keep_apart(splits, params.data.validation, params.seed)
    with _files.whole_folder(root / "data" / "ready") as ready:
        for name, split in splits.items():
            _spec.save(split, name, ready)
        _spec.write(_describe(params, dataset, splits), ready)


def _describe(params: Params, dataset: ModuleType, splits: dict[str, Examples]) -> _spec.Spec:
    x = splits["train"].x
    return _spec.Spec(
        data=params.data.name,
        task=dataset.TASK,
        kind="table" if x.ndim == RANK_OF_TABLE else "image",
        shape=list(x.shape[1:]),
        dtype=x.dtype.name,
        classes=list(dataset.CLASSES) if dataset.TASK == "classification" else [],
        splits={name: len(split.x) for name, split in splits.items()},
        method=params.normalize.method,
        statistics=_statistics(x),
    )


def _statistics(x: np.ndarray) -> dict[str, Any]:
    """Minimum, maximum, mean and deviation: over all pixels, or of each column of a table."""
    axis = 0 if x.ndim == RANK_OF_TABLE else None
    return {
        "minimum": x.min(axis).astype(float).tolist(),
        "maximum": x.max(axis).astype(float).tolist(),
        "mean": x.mean(axis, dtype=np.float64).tolist(),
        "deviation": x.std(axis, dtype=np.float64).tolist(),
    }


def _keep_apart(splits: dict[str, Examples], share: float, seed: int) -> dict[str, Examples]:
    """Move a seeded share of the training split to a validation split; both keep their order."""
    if share == 0:
        return splits
    train = splits["train"]
    count = round(len(train.x) * share)
    if count in (0, len(train.x)):
        empty = "validation" if count == 0 else "training"
        raise DataError(
            f"data.validation: {share} of {len(train.x)} examples leaves the {empty} split empty"
        )
    order = _random.generator(seed, _random.VALIDATION).permutation(len(train.x))
    kept, apart = np.sort(order[count:]), np.sort(order[:count])
    return {
        "train": train.at(kept),
        "validation": train.at(apart),
        "test": splits["test"],
    }


def _in_small_dtypes(splits: dict[str, Examples]) -> dict[str, Examples]:
    xs = _smallest([split.x for split in splits.values()])
    ys = _smallest([split.y for split in splits.values()])
    weights = [
        split.weights if split.weights is None else split.weights.astype(np.float32)
        for split in splits.values()
    ]
    return dict(zip(splits, map(Examples, xs, ys, weights), strict=True))


def _smallest(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Return arrays in the one smallest dtype that holds all of them; fractions become float32."""
    dtype = np.result_type(*map(_smallest_dtype, arrays))
    return [array.astype(dtype, copy=False) for array in arrays]


def _smallest_dtype(array: np.ndarray) -> np.dtype:
    if array.dtype.kind not in "fiub" or array.size == 0:
        return array.dtype
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.trunc(array))).all():
        return np.dtype(np.float32)
    low, high = int(array.min()), int(array.max())
    # Beside a negative number, what a signed type must hold of the others is their size.
    types = (np.min_scalar_type(bound) for bound in (low, -high - 1 if low < 0 <= high else high))
    return np.promote_types(*types)


def _check(name: str, split: Examples, shape: tuple[int, ...], dataset: ModuleType) -> None:
    x, y, weights = split
    if len(x) == 0:
        raise DataError(f"{name} split: empty, expected at least one example")
    if x.ndim not in (RANK_OF_TABLE, RANK_OF_GREY, RANK_OF_COLOUR) or x.dtype.kind not in "fiub":
        raise DataError(
            f"{name} split: {x.dtype} of shape {x.shape}, expected numbers: images or rows"
        )
    if x.shape[1:] != shape:
        raise DataError(
            f"{name} split: examples of shape {x.shape[1:]}, expected {shape} as in train"
        )
    if y.shape != (len(x),):
        raise DataError(
            f"{name} split: targets of shape {y.shape}, expected ({len(x)},) as its inputs"
        )
    _check_finite(name, "input", x)
    _check_finite(name, "target", y)
    if weights is not None:
        _check_weights(name, weights, len(x))
    if dataset.TASK == "classification":
        _check_labels(name, y, len(dataset.CLASSES))


def _check_weights(name: str, weights: np.ndarray, count: int) -> None:
    if weights.shape != (count,):
        raise DataError(
            f"{name} split: weights of shape {weights.shape}, expected ({count},) as its inputs"
        )
    _check_finite(name, "weight", weights)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(
            f"{name} split: weight of example {row} is {weights[row]}, expected at least 0"
        )


def _check_finite(name: str, part: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        where = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            f"{name} split: {part} of example {where[0]} is {array[where]} at {list(where[1:])}, "
            "expected a finite number"
        )


def _check_labels(name: str, y: np.ndarray, classes: int) -> None:
    wrong = (y < 0) | (y >= classes) if y.dtype.kind in "iu" else np.ones(len(y), bool)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{name} split: label of example {row} is {y[row]}, expected a whole number "
            f"from 0 to {classes - 1}"
        )
