"""Raw cells of a column from stored numbers, as the serving model takes them."""

import numpy as np

from lockstep.data.spec.columns import Column
from lockstep.data.spec.tokens import WORDS, unknown_token


def raw_cells(column: Column, stored: np.ndarray) -> np.ndarray:
    """Return float64 numbers, or texts; NaN or an empty text is a missing cell.

    The texts that the training split doesn't have are all the same unknown one.
    """
    values = stored.astype(np.float64) + column.origin
    if column.kind == "number":
        return values
    if column.kind == "category":
        texts = np.array([unknown_token(column.categories, WORDS), *column.categories[1:], ""])
        return texts[stored.astype(np.int64)]
    missing = np.isnan(values)
    if column.kind == "boolean":
        return np.where(missing, "", np.where(values == 1, "true", "false"))
    moments = np.datetime64(0, "s") + np.round(np.nan_to_num(values) * 86_400).astype("m8[s]")
    return np.where(missing, "", np.datetime_as_string(moments))
