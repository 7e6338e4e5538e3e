"""Windows of a long table: rows in the order of time as a series, and the target some rows later.

Rows of a window are all of one group and one split; so is the row of its target.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lockstep.config.schema import Data
from lockstep.data.blocks import blocks
from lockstep.data.readers.raw_data import RawData
from lockstep.data.row_order import Places, places_of
from lockstep.data.spec import Examples, Input
from lockstep.errors import DataError
from lockstep.process import console
from lockstep.storage import disk


def cut_windows(
    inputs: Mapping[str, Input],
    splits: Mapping[str, Examples],
    raw: RawData,
    drawn: Mapping[str, np.ndarray],
    data: Data,
    scratch: Path,
) -> tuple[dict[str, Input], dict[str, Examples]]:
    """Return the input as a series, and the splits' windows, whose arrays are files in `scratch`.

    `raw` has the rows in order, `drawn` the indices of those splits that were drawn from its
    training split. Raises DataError for a split without a window, MachineError for a full disk.
    """
    first = _first_rows(splits, raw, drawn, data)
    _check_counts(first, splits, data)
    described = {name: _as_series(each, data) for name, each in inputs.items()}
    sizes = {split: examples.arrays[0][:1].nbytes for split, examples in splits.items()}
    rows = {split: len(found) * (data.window or 1) for split, found in first.items()}
    disk.require_space(scratch, sum(rows[split] * sizes[split] for split in splits))
    cut = {
        split: _cut(examples, first[split], data, scratch / f"windows-{split}.npy")
        for split, examples in splits.items()
    }
    return described, cut


def _first_rows(
    splits: Mapping[str, Examples], raw: RawData, drawn: Mapping[str, np.ndarray], data: Data
) -> dict[str, np.ndarray]:
    """The first row of each window, by its index in the split."""
    steps = (data.window or 1) + data.horizon
    whole = places_of(raw.keys["train"])
    places = {
        split: whole.at(drawn[split]) if split in drawn else places_of(raw.keys[split])
        for split in splits
    }
    _say_left_out(whole, drawn, steps, data)
    return {split: each.first_rows(steps, data.stride) for split, each in places.items()}


def _as_series(each: Input, data: Data) -> Input:
    windows = {name: getattr(data, name) for name in ("stride", "horizon", "group", "time")}
    return replace(each, kind="series", shape=[data.window or 1, *each.shape], windows=windows)


def _check_counts(
    first: Mapping[str, np.ndarray], splits: Mapping[str, Examples], data: Data
) -> None:
    for split, found in first.items():
        if not len(found):
            raise DataError(
                f"data.window: the {split} split has {splits[split].size} rows and no window of "
                f"{data.window} rows with a target {data.horizon} rows later; expected a shorter "
                "window, or a larger share of rows in that split"
            )


def _say_left_out(whole: Places, drawn: Mapping[str, np.ndarray], steps: int, data: Data) -> None:
    """Say how many windows lie in two splits."""
    split = np.full(len(whole.group), -1)
    for number, indices in enumerate(drawn.values()):
        split[indices] = number
    first = whole.first_rows(steps, data.stride)
    count = int((split[first] != split[first + steps - 1]).sum())
    if count:
        console.say(f"{count} of {len(first)} windows lie in two splits, and are left out")


def _cut(rows: Examples, first: np.ndarray, data: Data, path: Path) -> Examples:
    window = data.window or 1
    targets = first + window - 1 + data.horizon
    series = _series(np.asarray(rows.x), first, window, path)
    return Examples(*rows.packed([series, *(each[targets] for each in rows.arrays[1:])]))


def _series(x: np.ndarray, first: np.ndarray, window: int, path: Path) -> np.ndarray:
    """Write windows block by block: together they may be larger than memory."""
    shape = (len(first), window, *x.shape[1:])
    out: np.ndarray = np.lib.format.open_memmap(path, "w+", x.dtype, shape)
    for block in blocks(out):
        out[block] = x[first[block, None] + np.arange(window)]
    return out
