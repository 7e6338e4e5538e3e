"""A table with named columns, stored as one matrix with numbers for the categories of text."""

import numpy as np

from lockstep.data.arrays import smallest_dtypes, statistics_of
from lockstep.data.spec import Input
from lockstep.errors import DataError

OTHER = ""  # the first category: any text that the training split doesn't have
MAX_CATEGORIES = 1000


def store_table(raw: dict[str, np.ndarray]) -> tuple[Input, dict[str, np.ndarray]]:
    """Return the input's description, and each split's matrix, (n, columns)."""
    columns = {
        name: _categories(raw["train"][name], name) for name in raw["train"].dtype.names or ()
    }
    arrays = smallest_dtypes({split: _matrix(table, columns) for split, table in raw.items()})
    x = arrays["train"]
    return Input("table", [len(columns)], x.dtype.name, statistics_of(x), columns), arrays


def is_text(column: np.ndarray) -> bool:
    """Return whether a column holds text."""
    return column.dtype.kind in "OU"


def _categories(column: np.ndarray, name: str) -> list[str]:
    if not is_text(column):
        return []
    found = sorted({str(each) for each in column} - {OTHER})
    if len(found) > MAX_CATEGORIES:
        raise DataError(
            f"column {name!r}: {len(found):,} distinct texts, expected at most {MAX_CATEGORIES}: "
            "leave the column out"
        )
    return [OTHER, *found]


def _matrix(table: np.ndarray, columns: dict[str, list[str]]) -> np.ndarray:
    def numbers(name: str, categories: list[str]) -> np.ndarray:
        if not categories:
            return table[name].astype(np.float64)
        ids = {category: each for each, category in enumerate(categories)}
        return np.array([ids.get(str(each), 0) for each in table[name]], np.float64)

    return np.stack([numbers(*column) for column in columns.items()], axis=1)
