"""The kind of a table's column, where its cells make it certain."""

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.columns.dates import MIXED, are_dates, are_mixed
from lockstep.data.columns.number_formats import find_format, has_sign, is_ambiguous
from lockstep.data.readers.cells import FIRST, Cells, are_numbers, has_few_values
from lockstep.data.spec.dates import ZONED

KINDS = ("number", "category", "date", "text", "boolean", "drop")
TRUE, FALSE = ("true", "yes"), ("false", "no")
MAX_CATEGORIES = 1000
# A text column is one of categories if at most this share of its cells is distinct.
CATEGORY_SHARE = 0.5
MIXED_SHARE = 0.5  # so many numbers among texts aren't there by chance
ROWS_PER_VALUE = 10  # of whole numbers that may be codes


class Inferred(NamedTuple):
    """A kind and why; or no kind, the cell in doubt, and the kinds that it may be."""

    kind: str | None
    why: str
    cell: int = 0  # its index
    possible: tuple[str, ...] = ()
    may_be_missing: bool = False  # whether the cell in doubt may stand for a missing number


NUMBERS = Inferred("number", "all cells are numbers")


def infer(cells: Cells) -> Inferred:
    """Return the kind of a column of texts, or of a dictionary of them; missing cells are null."""
    there = pc.drop_null(cells)
    if not len(there):
        return Inferred("drop", "all cells are missing")
    repeat = pa.types.is_dictionary(cells.type)
    known = pc.unique(there).cast(pa.string()) if repeat else there
    if find_format(known):
        return _number_or_code(cells, known, len(there))
    texts = pc.value_counts(there)
    values, counts = texts.field("values").cast(pa.string()), texts.field("counts")
    lower = pc.utf8_lower(values)
    if pc.all(pc.is_in(lower, value_set=pa.array([*TRUE, *FALSE]))).as_py():
        return Inferred("boolean", "all cells are true or false")
    if are_dates(values):
        return _date(cells, values)
    return _in_doubt(cells, values, counts) or _category_or_text(cells, len(values), len(there))


def _date(cells: Cells, values: Cells) -> Inferred:
    if are_mixed(values):
        cell = _first(cells, lambda texts: pc.invert(pc.match_substring_regex(texts, ZONED)))
        return Inferred(None, MIXED, cell, ("category", "drop"))
    return Inferred("date", "all cells are ISO dates")


def _number_or_code(cells: Cells, known: Cells, total: int) -> Inferred:
    """The kind of `total` numbers; `known` has each different one at least once."""
    if has_few_values(known.slice(0, FIRST)) and has_few_values(known):
        count = pc.count_distinct(known).as_py()
        if count > 2 and total >= count * ROWS_PER_VALUE:
            why = f"{count} different whole numbers, which may be amounts or codes"
            return Inferred(None, why, _first(cells, pc.is_valid), ("number", "category", "drop"))
    return NUMBERS


def _in_doubt(cells: Cells, values: Cells, counts: pa.Array) -> Inferred | None:
    """What speaks against plain text, if anything does; `values` are the different texts."""
    if is_ambiguous(values):
        cell = _first(cells, lambda texts: pc.match_substring(texts, ","))
        return Inferred(None, "commas may be decimal marks or thousands", cell)
    if has_sign(values):
        cell = _first(cells, lambda texts: pc.invert(are_numbers(texts)))
        return Inferred(None, "numbers with a sign", cell, ("number", "category", "drop"))
    count = pc.sum(pc.filter(counts, are_numbers(values))).as_py() or 0
    total = pc.sum(counts).as_py()
    if count > MIXED_SHARE * total:
        cell = _first(cells, lambda texts: pc.invert(are_numbers(texts)))
        why = f"{count} of {total} cells are numbers, this one isn't"
        return Inferred(None, why, cell, ("category", "drop"), may_be_missing=True)
    return None


def _category_or_text(cells: Cells, count: int, total: int) -> Inferred:
    if count <= min(MAX_CATEGORIES, max(2, CATEGORY_SHARE * total)):
        return Inferred("category", f"{count} different texts")
    why = f"{count} of {total} texts are different: ids, texts or categories"
    possible = ("drop", "text", *(("category",) if count <= MAX_CATEGORIES else ()))
    return Inferred(None, why, _first(cells, pc.is_valid), possible)


def _first(cells: Cells, are_so: Callable[[Cells], pa.ChunkedArray]) -> int:
    mask = are_so(cells.cast(pa.string()))
    return int(pc.index(pc.fill_null(mask, False), True).as_py())
