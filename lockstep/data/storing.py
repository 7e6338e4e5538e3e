"""Encode all splits as they are stored: in small dtypes, with ids for words and categories."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Normalize
from lockstep.data.arrays import smallest_dtypes, store_numbers
from lockstep.data.columns.rows import Rows
from lockstep.data.columns.storing import store_rows
from lockstep.data.readers.stored_texts import Texts
from lockstep.data.spec import SAMPLE_WEIGHT, Examples, Input, X, as_dict
from lockstep.data.text import store_texts
from lockstep.errors import DataError


def store_splits(
    splits: dict[str, Examples],
    normalize: Normalize,
    kinds: Mapping[str, str] = {},
    scratch: Path | None = None,
) -> tuple[dict[str, Input], dict[str, Examples]]:
    """Return each input's description, and the splits as they are stored.

    An input is encoded the same way in all splits. `kinds` has the kind of each input that doesn't
    follow from its shape. A table's matrices and the ids of texts are memory maps in the folder
    `scratch`.
    """
    inputs, stored = {}, {split: examples.named for split, examples in splits.items()}
    for name in dict.fromkeys(name for named in stored.values() for name in named):
        raw = {split: named[name] for split, named in stored.items() if name in named}
        if name in as_dict(splits["train"].x, X):
            inputs[name], arrays = _store_input(raw, normalize, kinds.get(name), scratch)
        elif name == SAMPLE_WEIGHT:
            arrays = {split: array.astype(np.float32) for split, array in raw.items()}
        else:
            arrays = smallest_dtypes(raw)
        for split, array in arrays.items():
            stored[split][name] = array
    packed = {
        split: Examples(*examples.packed(tuple(stored[split].values())))
        for split, examples in splits.items()
    }
    return inputs, packed


def _store_input(
    raw: dict[str, Any], normalize: Normalize, kind: str | None, scratch: Path | None
) -> tuple[Input, dict[str, np.ndarray]]:
    if isinstance(raw["train"], Rows):
        found, store = "table", partial(store_rows, normalize=normalize, scratch=scratch)
    elif isinstance(raw["train"], Texts) or raw["train"].dtype.kind in "OU":
        found, store = "text", partial(store_texts, normalize=normalize, scratch=scratch)
    else:
        return store_numbers(raw, kind)
    if kind not in (None, found):
        raise DataError(f"data.input_kind: got {kind}, but the data are a {found}; expected auto")
    return store(raw)
