"""The rows of a long table in the order of group and time, and where each lies in its group."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lockstep.config.schema import Data
from lockstep.data.readers.raw_data import RawData, SplitKeys
from lockstep.data.spec import X, as_dict
from lockstep.errors import DataError
from lockstep.process import console

SAME_STEP = 1e-6  # of a step between two times: times are float64


class Places(NamedTuple):
    """Where rows lie that are in the order of group and time, each (n,)."""

    group: np.ndarray  # the group's number
    place: np.ndarray  # the row's number in its group

    def at(self, chosen: np.ndarray) -> "Places":
        """Return the places of these rows."""
        return Places(self.group[chosen], self.place[chosen])

    def first_rows(self, steps: int, stride: int) -> np.ndarray:
        """Return the index of the first of `steps` rows that follow one another in a group, (n,).

        Such series start at every `stride`-th row of a group, counted from its first.
        """
        ahead = steps - 1
        count = max(0, len(self.group) - ahead)
        together = self.group[ahead:] == self.group[:count]
        together &= self.place[ahead:] - self.place[:count] == ahead
        return np.flatnonzero(together & (self.place[:count] % stride == 0))


def order_of(keys: SplitKeys) -> np.ndarray:
    """Return the indices of the rows by group and time, of the same time as they are, (n,)."""
    return np.lexsort((np.asarray(keys.time), _numbers(keys)))


def places_of(keys: SplitKeys) -> Places:
    """Return the places of rows that are in this order."""
    group = _numbers(keys)
    return Places(group, np.arange(len(group)) - np.searchsorted(group, group))


def _numbers(keys: SplitKeys) -> np.ndarray:
    if keys.group is not None:
        return np.unique(keys.group, return_inverse=True)[1]
    return np.zeros(0 if keys.time is None else len(keys.time), np.int64)


def in_order(raw: RawData, data: Data) -> RawData:
    """Return the rows in the order of group and time, and say what is uneven about the times.

    Raises DataError for a column of texts, which a series can't hold.
    """
    for name in as_dict(raw.splits["train"].x, X):
        if name != X:
            raise DataError(
                f"data.window: column {name!r} is text, expected data.columns {{{name}: drop}}, "
                "or category"
            )
    orders = {split: order_of(keys) for split, keys in raw.keys.items()}
    keys = {split: each.at(orders[split]) for split, each in raw.keys.items()}
    for split, each in keys.items():
        _say_uneven(split, each, data)
    return replace(
        raw,
        splits={split: each.at(orders[split]) for split, each in raw.splits.items()},
        keys=keys,
        rows={split: each[orders[split]] for split, each in raw.rows.items()},
    )


def _say_uneven(split: str, keys: SplitKeys, data: Data) -> None:
    """Say how many steps between rows aren't like most of them, and how many are none."""
    group = _numbers(keys)
    steps = np.diff(np.asarray(keys.time, np.float64))[group[1:] == group[:-1]]
    if not len(steps):
        return
    values, counts = np.unique(steps.round(9), return_counts=True)
    usual = values[np.argmax(counts)]
    gaps = int((abs(steps - usual) > max(SAME_STEP * usual, 1e-9)).sum())
    if gaps:
        console.say(
            f"{gaps} of {len(steps)} steps of {data.time} between rows of the {split} split "
            "differ from the usual one; windows take the rows as they follow"
        )
    same = int((steps == 0).sum())
    if same:
        other = "" if data.group else "; if they are of several series, set data.group"
        console.say(f"{same} rows of the {split} split have the same time as the one before{other}")


def drawing_keys(keys: Mapping[str, SplitKeys], data: Data) -> dict[str, SplitKeys]:
    """Return what the splits of rows are drawn by, where rows have both a group and a time."""
    if data.split_by == "group":
        return {split: each._replace(time=None) for split, each in keys.items()}
    return {split: each._replace(group=None) for split, each in keys.items()}
