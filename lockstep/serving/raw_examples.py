"""Stored examples turned back into raw ones: pixels, rows, a table's columns by name, or texts."""

from typing import Any

import numpy as np

from lockstep.data.spec import Examples, Input, Spec, X, as_dict, unwrap_single
from lockstep.data.spec.tokens import PADDING, WORDS, unknown_token
from lockstep.serving.raw_cells import raw_cells


def raw_examples(spec: Spec, examples: Examples) -> Any:
    """Return stored examples as the serving model takes them."""
    stored = as_dict(examples.x, next(iter(spec.inputs)))
    raw = {name: _to_raw(each, stored[name]) for name, each in spec.inputs.items()}
    return with_columns_by_name(raw, spec) if takes_columns(spec) else unwrap_single(raw)


def example_rows(spec: Spec, example: Any) -> Any:
    """Return raw examples as a user has them: of windows the rows of the first, by column."""
    windows = next((each.windows for each in spec.inputs.values() if each.windows), None)
    if windows is None:
        return example
    rows = {name: cells[0] for name, cells in example.items()}
    count = len(next(iter(rows.values())))
    keys = {windows["time"]: np.arange(count), windows["group"]: np.zeros(count, np.int64)}
    return {name: each for name, each in keys.items() if name} | rows


def takes_columns(spec: Spec) -> bool:
    """Whether raw examples are columns by name: a text that is a table's column has its name."""
    return X not in spec.inputs or any(each.columns for each in spec.inputs.values())


def with_columns_by_name(raw: dict[str, Any], spec: Spec) -> dict[str, Any]:
    """Return raw inputs with a table's columns beside the other inputs."""
    tables = [name for name, each in spec.inputs.items() if each.columns]
    others = {name: each for name, each in raw.items() if name not in tables}
    return others | {column: each for name in tables for column, each in raw[name].items()}


def _to_raw(each: Input, stored: np.ndarray) -> Any:
    if each.kind == "text":
        between = " " if each.tokens == WORDS else ""
        words = [PADDING, unknown_token(each.words, each.tokens), *each.words[2:]]
        return np.array([between.join(words[word] for word in row if word) for row in stored])
    if each.columns:
        return {
            name: raw_cells(column, cells)
            for (name, column), cells in zip(
                each.columns.items(), np.moveaxis(stored, -1, 0), strict=True
            )
            if name in each.cells
        }
    return stored
