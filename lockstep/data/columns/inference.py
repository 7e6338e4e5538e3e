"""The kind of a table's column, where its cells make it certain."""

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.columns.cell_blocks import CellBlocks, blocks_of, different
from lockstep.data.columns.dates import MIXED, are_dates, are_mixed
from lockstep.data.columns.number_formats import find_format, has_sign, is_ambiguous
from lockstep.data.readers.cells import FEW_VALUES, Cells, are_numbers, has_few_values
from lockstep.data.spec.dates import ZONED

KINDS = ("number", "category", "date", "text", "boolean", "drop")
TRUE, FALSE = ("true", "yes"), ("false", "no")
MAX_CATEGORIES = 1000
# A text column is one of categories if at most this share of its cells is distinct.
CATEGORY_SHARE = 0.5
MIXED_SHARE = 0.5  # so many numbers among texts aren't there by chance
MOST_BYTES = 2**26  # of different texts that are counted
ROWS_PER_VALUE = 10  # of whole numbers that may be codes


class Inferred(NamedTuple):
    """A kind and why; or no kind, the cell in doubt, and the kinds that it may be."""

    kind: str | None
    why: str
    cell: int = 0  # its index
    possible: tuple[str, ...] = ()
    may_be_missing: bool = False  # whether the cell in doubt may stand for a missing number


NUMBERS = Inferred("number", "all cells are numbers")


def infer(cells: Cells | CellBlocks) -> Inferred:
    """Return the kind of a column of texts, or of a dictionary of them; missing cells are null."""
    blocks = blocks_of(cells)
    total = sum(len(block) - block.null_count for block in blocks)
    if not total:
        return Inferred("drop", "all cells are missing")
    known = _known(blocks)
    if find_format(known):
        return _number_or_code(blocks, known, total)
    if all(_are_booleans(block) for block in known):
        return Inferred("boolean", "all cells are true or false")
    if are_dates(known):
        return _date(blocks, known)
    return _in_doubt(blocks, known, total) or _category_or_text(blocks, known, total)


def _known(cells: CellBlocks) -> CellBlocks:
    """Each different text at least once: of a dictionary, these are few."""
    if not pa.types.is_dictionary(cells.cells.type):
        return cells
    found = different(cells, len(cells), MOST_BYTES)
    return cells.texts() if found is None else CellBlocks(found)


def _are_booleans(cells: Cells) -> bool:
    found = pc.is_in(pc.utf8_lower(pc.drop_null(cells)), value_set=pa.array([*TRUE, *FALSE]))
    return bool(pc.all(found, min_count=0).as_py())


def _date(cells: CellBlocks, values: CellBlocks) -> Inferred:
    if are_mixed(values):
        cell = _first(cells, lambda texts: pc.invert(pc.match_substring_regex(texts, ZONED)))
        return Inferred(None, MIXED, cell, ("category", "drop"))
    return Inferred("date", "all cells are ISO dates")


def _number_or_code(cells: CellBlocks, known: CellBlocks, total: int) -> Inferred:
    """The kind of `total` numbers; `known` has each different one at least once."""
    values = different(known, FEW_VALUES, MOST_BYTES)
    if values is not None and has_few_values(values):
        count = len(values)
        if count > 2 and total >= count * ROWS_PER_VALUE:
            why = f"{count} different whole numbers, which may be amounts or codes"
            return Inferred(None, why, _first(cells, pc.is_valid), ("number", "category", "drop"))
    return NUMBERS


def _in_doubt(cells: CellBlocks, values: CellBlocks, total: int) -> Inferred | None:
    """What speaks against plain text, if anything does; `values` has each text at least once."""
    if is_ambiguous(values):
        cell = _first(cells, lambda texts: pc.match_substring(texts, ","))
        return Inferred(None, "commas may be decimal marks or thousands", cell)
    if has_sign(values):
        cell = _first(cells, lambda texts: pc.invert(are_numbers(texts)))
        return Inferred(None, "numbers with a sign", cell, ("number", "category", "drop"))
    some = any(pc.any(are_numbers(block), min_count=0).as_py() for block in values)
    count = sum(pc.sum(are_numbers(block)).as_py() or 0 for block in cells.texts() if some)
    if count > MIXED_SHARE * total:
        cell = _first(cells, lambda texts: pc.invert(are_numbers(texts)))
        why = f"{count} of {total} cells are numbers, this one isn't"
        return Inferred(None, why, cell, ("category", "drop"), may_be_missing=True)
    return None


def _category_or_text(cells: CellBlocks, values: CellBlocks, total: int) -> Inferred:
    found = different(values, total, MOST_BYTES)
    if found is None:
        why = f"too many of {total} texts are different: ids, texts or categories"
        return Inferred(None, why, _first(cells, pc.is_valid), ("drop", "text"))
    count = len(found)
    if count <= min(MAX_CATEGORIES, max(2, CATEGORY_SHARE * total)):
        return Inferred("category", f"{count} different texts")
    why = f"{count} of {total} texts are different: ids, texts or categories"
    possible = ("drop", "text", *(("category",) if count <= MAX_CATEGORIES else ()))
    return Inferred(None, why, _first(cells, pc.is_valid), possible)


def _first(cells: CellBlocks, are_so: Callable[[Cells], pa.ChunkedArray]) -> int:
    return cells.texts().first(are_so)
