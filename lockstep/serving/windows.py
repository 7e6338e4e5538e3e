"""Windows of the rows of a user's table, cut as the stage normalize does, for predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lockstep.config.schema import Data
from lockstep.data.columns.clean_tables import clean_table
from lockstep.data.columns.row_keys import keys_of
from lockstep.data.readers.raw_data import SplitKeys
from lockstep.data.row_order import order_of, places_of
from lockstep.data.spec import Input
from lockstep.data.spec.example_error import ExampleError
from lockstep.errors import DataError


def rows_of_windows(
    path: Path, table: pa.Table, described: Input, positions: list[str], data: Data
) -> np.ndarray:
    """Return the indices of the rows of each window, (windows, rows), in order of the last ones.

    A window needs no target: the last one may be that from which the future is predicted. Raises
    DataError for a file without a window.
    """
    keys, steps = _keys(path, table, described, positions, data), described.shape[0]
    order = order_of(keys)
    first = places_of(keys.at(order)).first_rows(steps, described.windows["stride"])
    if not len(first):
        raise DataError(f"{path}: {len(table)} rows, expected {steps} in a row of one group")
    rows: np.ndarray = order[first[:, None] + np.arange(steps)]
    return rows[np.argsort(rows[:, -1], kind="stable")]


def _keys(
    path: Path, table: pa.Table, described: Input, positions: list[str], data: Data
) -> SplitKeys:
    """The rows' groups and times; without such columns, one group in the file's order."""
    there: dict[str, Any] = {
        key: name if (name := described.windows[key]) in table.column_names else None
        for key in ("group", "time")
    }
    named = [name for name in there.values() if name]
    cells = clean_table(table.select(named), data)
    try:
        keys = keys_of("file", cells, data.model_copy(update={**there, "sample_weight": None}))
    except ExampleError as error:
        raise DataError(f"{path}: row {positions[error.number]}: {error.problem}") from None
    return keys if keys.time is not None else keys._replace(time=np.arange(len(table)))
