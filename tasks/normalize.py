"""The stage that turns raw files into checked arrays and spec.json, in data/ready."""

from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Params
from lockstep.data import checks
from lockstep.data.spec import Examples, Spec, save_examples, write_spec
from lockstep.data.splits import split_validation
from lockstep.data.storing import store_splits
from lockstep.data.targets import resolve_targets, taken_from_table
from lockstep.storage import atomic_files, layout
from tasks import datasets


def normalize(params: Params, root: Path) -> None:
    """Check the raw arrays, keep a validation split apart, and store them in small dtypes.

    Numbers stay raw, words become ids: spec.json says how they become a model's input. Raises
    DataError.
    """
    dataset = datasets.find(params.data.name)
    own = hasattr(dataset, "bring")
    sized = (params.normalize.size,) if own else ()
    read = dataset.read(root / layout.RAW, *sized)
    raw = {split: _examples(found, params.data.target) for split, found in read.items()}
    targets, splits = resolve_targets(dataset, params.data, raw)
    for split, examples in splits.items():
        checks.check(split, examples, splits["train"], targets)
    splits = split_validation(splits, params.data.validation, params.seed)
    inputs, splits = store_splits(splits, params.normalize)
    spec = Spec(
        data=params.data.name,
        inputs=inputs,
        targets=targets,
        splits={split: examples.size for split, examples in splits.items()},
        method=params.normalize.method,
    )
    with atomic_files.whole_folder(root / layout.READY) as ready:
        for split, examples in splits.items():
            save_examples(examples, split, ready)
        write_spec(spec, ready)


def _examples(found: Any, target: str | None) -> Examples:
    """What a data set's file returns for a split: arrays, or a table with its target within."""
    if isinstance(found, np.ndarray):
        return taken_from_table(found, target)
    return Examples(*found)
