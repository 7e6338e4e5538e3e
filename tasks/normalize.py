"""The stage that turns raw files into checked arrays and spec.json, in data/ready."""

from pathlib import Path
from typing import Any

import numpy as np

from errors import DataError
from params import Normalize, Params
from tasks import _checks, _columns, _files, _numbers, _random, _spec, _targets, _text, datasets
from tasks._spec import WEIGHTS, Examples, X, by_name


def normalize(params: Params, root: Path) -> None:
    """Check the raw arrays, keep a validation split apart, and store them in small dtypes.

    Numbers stay raw, words become ids: spec.json says how they become a model's input. Raises
    DataError.
    """
    dataset = datasets.find(params.data.name)
    own = hasattr(dataset, "bring")
    sized = (params.normalize.size,) if own else ()
    read = dataset.read(root / "data" / "raw", *sized)
    raw = {split: _examples(found, params.data.target) for split, found in read.items()}
    targets, splits = _targets.settle(dataset, params.data, raw)
    for split, examples in splits.items():
        _checks.check(split, examples, splits["train"], targets)
    splits = _keep_apart(splits, params.data.validation, params.seed)
    inputs, splits = _store(splits, params.normalize)
    spec = _spec.Spec(
        data=params.data.name,
        inputs=inputs,
        targets=targets,
        splits={split: examples.size for split, examples in splits.items()},
        method=params.normalize.method,
    )
    with _files.whole_folder(root / "data" / "ready") as ready:
        for split, examples in splits.items():
            _spec.save(examples, split, ready)
        _spec.write(spec, ready)


def _examples(found: Any, target: str | None) -> Examples:
    """What a data set's file returns for a split: arrays, or a table with its target within."""
    if isinstance(found, np.ndarray):
        return _targets.taken_from_table(found, target)
    return Examples(*found)


def _keep_apart(splits: dict[str, Examples], share: float, seed: int) -> dict[str, Examples]:
    """Move a seeded share of the training split to a validation split; both keep their order."""
    if share == 0:
        return splits
    train = splits["train"]
    count = round(train.size * share)
    if count in (0, train.size):
        empty = "validation" if count == 0 else "training"
        raise DataError(
            f"data.validation: {share} of {train.size} examples leaves the {empty} split empty"
        )
    order = _random.generator(seed, _random.VALIDATION).permutation(train.size)
    kept, apart = np.sort(order[count:]), np.sort(order[:count])
    return {"train": train.at(kept), "validation": train.at(apart), "test": splits["test"]}


def _store(
    splits: dict[str, Examples], asked: Normalize
) -> tuple[dict[str, _spec.Input], dict[str, Examples]]:
    """Turn the splits' values into what is stored, each input in one way for all splits."""
    inputs, stored = {}, {split: examples.named for split, examples in splits.items()}
    for name in dict.fromkeys(name for named in stored.values() for name in named):
        raw = {split: named[name] for split, named in stored.items() if name in named}
        if name in by_name(splits["train"].x, X):
            inputs[name], arrays = _store_input(raw, asked)
        elif name == WEIGHTS:
            arrays = {split: array.astype(np.float32) for split, array in raw.items()}
        else:
            arrays = _numbers.smallest(raw)
        for split, array in arrays.items():
            stored[split][name] = array
    packed = {
        split: Examples(*examples.packed(tuple(stored[split].values())))
        for split, examples in splits.items()
    }
    return inputs, packed


def _store_input(
    raw: dict[str, np.ndarray], asked: Normalize
) -> tuple[_spec.Input, dict[str, np.ndarray]]:
    if raw["train"].dtype.names:
        return _columns.store(raw)
    if raw["train"].dtype.kind in "OU":
        return _text.store(raw, asked.words, asked.length)
    return _numbers.store(raw)
