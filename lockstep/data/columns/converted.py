"""What a column of cells becomes."""

from typing import NamedTuple

import numpy as np

from lockstep.data.columns.number_formats import USUAL, NumberFormat


class Converted(NamedTuple):
    """A column's numbers, and the index of the first cell that is none; the texts of categories."""

    numbers: np.ndarray
    wrong: int | None = None
    texts: list[str] = []  # noqa: RUF012
    written: NumberFormat = USUAL
    problem: str = ""  # of the wrong cell, where there is more to say than what is expected
