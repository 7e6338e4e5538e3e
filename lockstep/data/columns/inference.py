"""The kind of a table's column, where its cells make it certain."""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.columns.number_formats import find_format, has_sign, is_ambiguous
from lockstep.data.readers.cells import Cells, are_numbers

KINDS = ("number", "category", "date", "text", "boolean", "drop")
TRUE, FALSE = ("true", "yes"), ("false", "no")
DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
MAX_CATEGORIES = 1000
# A text column is one of categories if at most this share of its cells is distinct.
CATEGORY_SHARE = 0.5
MIXED_SHARE = 0.5  # so many numbers among texts aren't there by chance
FEW_VALUES, ROWS_PER_VALUE = 10, 10  # whole numbers that may be codes


class Inferred(NamedTuple):
    """A kind and why; or no kind, the cell in doubt, and the kinds that it may be."""

    kind: str | None
    why: str
    cell: int = 0  # its index
    possible: tuple[str, ...] = ()
    may_be_missing: bool = False  # whether the cell in doubt may stand for a missing number


def infer(cells: Cells) -> Inferred:
    """Return the kind of a column of texts, in which missing cells are null."""
    there = pc.drop_null(cells)
    if not len(there):
        return Inferred("drop", "all cells are missing")
    if find_format(there):
        return _number_or_code(cells, there)
    lower = pc.utf8_lower(there)
    if pc.all(pc.is_in(lower, value_set=pa.array([*TRUE, *FALSE]))).as_py():
        return Inferred("boolean", "all cells are true or false")
    if pc.all(pc.match_substring_regex(there, DATE)).as_py():
        return Inferred("date", "all cells are ISO dates")
    return _in_doubt(cells, there) or _category_or_text(cells, there)


def _number_or_code(cells: Cells, there: Cells) -> Inferred:
    count = pc.count_distinct(there).as_py()
    whole = pc.all(pc.match_substring_regex(there, r"^[+-]?\d+$")).as_py()
    if whole and 2 < count <= FEW_VALUES and len(there) >= count * ROWS_PER_VALUE:
        why = f"{count} different whole numbers, which may be amounts or codes"
        return Inferred(None, why, _first(pc.is_valid(cells)), ("number", "category", "drop"))
    return Inferred("number", "all cells are numbers")


def _in_doubt(cells: Cells, there: Cells) -> Inferred | None:
    """What speaks against plain text, if anything does."""
    if is_ambiguous(there):
        cell = _first(pc.match_substring(cells, ","))
        return Inferred(None, "commas may be decimal marks or thousands", cell)
    if has_sign(there):
        cell = _first(pc.invert(are_numbers(cells)))
        return Inferred(None, "numbers with a sign", cell, ("number", "category", "drop"))
    count = pc.sum(are_numbers(there)).as_py()
    if count > MIXED_SHARE * len(there):
        cell = _first(pc.invert(are_numbers(cells)))
        why = f"{count} of {len(there)} cells are numbers, this one isn't"
        return Inferred(None, why, cell, ("category", "drop"), may_be_missing=True)
    return None


def _category_or_text(cells: Cells, there: Cells) -> Inferred:
    count = pc.count_distinct(there).as_py()
    if count <= min(MAX_CATEGORIES, max(2, CATEGORY_SHARE * len(there))):
        return Inferred("category", f"{count} different texts")
    why = f"{count} of {len(there)} texts are different: ids, texts or categories"
    possible = ("drop", "text", *(("category",) if count <= MAX_CATEGORIES else ()))
    return Inferred(None, why, _first(pc.is_valid(cells)), possible)


def _first(mask: pa.ChunkedArray) -> int:
    return int(pc.index(pc.fill_null(mask, False), True).as_py())
