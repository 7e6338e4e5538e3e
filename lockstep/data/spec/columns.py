"""One column of a table, as spec.json describes it."""

import dataclasses
from typing import Any

# The number of a category that the training split doesn't have; its text is never looked up.
OTHER = ""
# Categories that are parts of a date, by number from 1.
PARTS = {
    "weekday": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "month": [
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ],
    "hour": [str(hour) for hour in range(24)],
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Column:
    """How a column is stored, and what preprocessing needs to know.

    Numbers are stored as float32, less `origin`. True is 1, a date is its days since 1970, a
    category its number. NaN is missing.
    """

    kind: str  # number, boolean, date, category, or a part of a date
    # Of a category, by number: any other text, those of the training split, and last a missing cell
    # if the training split has any.
    categories: list[str] = dataclasses.field(default_factory=list)
    missing: bool = False  # whether the training split has missing cells
    origin: float = 0.0
    fill: float | None = None  # what a missing number is replaced by, as stored
    indicator: bool = False  # whether the model gets a column that says what was missing
    written: dict[str, Any] = dataclasses.field(default_factory=dict)  # how numbers are written
    source: str = ""  # of a part of a date: the column with the dates
    ids: bool = False  # whether the model asks for a category's id instead of one-hot columns

    @property
    def is_category(self) -> bool:
        """Whether it is stored as the number of a category."""
        return self.kind == "category" or self.kind in PARTS

    @property
    def width(self) -> int:
        """How many of the model's columns it becomes."""
        if self.is_category and not self.ids:
            return self.size
        return 1 + self.indicator

    @property
    def size(self) -> int:
        """How many ids a category's column has, for an embedding.

        They are 0 and up: the categories in the order of `categories` without the first, a missing
        cell if the training split has any, and last what the training split doesn't have.
        """
        return len(self.categories) + self.missing
