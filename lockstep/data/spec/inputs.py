"""One input of a data set, as spec.json describes it."""

import dataclasses
from typing import Any

from lockstep.data.spec.columns import Column
from lockstep.data.spec.tokens import WORDS

KINDS = ("image", "table", "text", "series")
RANK_OF_GREY, RANK_OF_SCALARS = 2, 1  # of one example


@dataclasses.dataclass(frozen=True)
class Input:
    """How an input is stored, and what preprocessing needs to know."""

    kind: str  # one of KINDS
    # Of one example: (height, width[, channels]), (columns,), (words,) or (steps[, channels]); of
    # a window of a table (rows, columns).
    shape: list[int]
    dtype: str
    statistics: dict[str, Any]  # of the training split: numbers, or lists by column or channel
    columns: dict[str, Column] = dataclasses.field(default_factory=dict)  # a table's, by name
    null_values: list[str] = dataclasses.field(default_factory=list)  # of a table: missing cells
    words: list[str] = dataclasses.field(default_factory=list)  # a text's vocabulary, by id
    tokens: str = WORDS  # what a text's ids are of: words or characters
    # How image files are read, unless they have 8 bits and a white background: depth, background.
    files: dict[str, Any] = dataclasses.field(default_factory=dict)
    # Of a series that is a window of a table's rows: stride, horizon, and the names of the columns
    # of groups and times, or None.
    windows: dict[str, Any] = dataclasses.field(default_factory=dict)
    # Not in spec.json: the Keras layers, each a name and its arguments, that give images other
    # sizes in training and evaluation, as train.augmentation says.
    sizes: list[tuple[str, dict[str, Any]]] = dataclasses.field(default_factory=list)

    @property
    def cells(self) -> dict[str, Column]:
        """The columns that a raw row has: all but the parts of dates."""
        return {name: column for name, column in self.columns.items() if not column.source}

    @property
    def places(self) -> dict[str, range]:
        """The places of each of a table's columns among those of the model's input."""
        found, start = {}, 0
        for name, column in self.columns.items():
            found[name] = range(start, start + column.width)
            start += column.width
        return found

    @property
    def model_shape(self) -> tuple[int, ...]:
        """The model's input shape: with a channel axis, categories as one-hot columns or ids."""
        if not self.sizes:
            return self.prepared_shape
        _, arguments = self.sizes[-1]
        return (arguments["height"], arguments["width"], *self.prepared_shape[2:])

    @property
    def prepared_shape(self) -> tuple[int, ...]:
        """The model's input shape before images get other sizes."""
        if self.kind == "image" and len(self.shape) == RANK_OF_GREY:
            return (*self.shape, 1)
        if self.kind == "series" and len(self.shape) == RANK_OF_SCALARS:
            return (*self.shape, 1)
        if self.columns:
            width = sum(column.width for column in self.columns.values())
            return (*self.shape[:-1], width)
        return tuple(self.shape)
