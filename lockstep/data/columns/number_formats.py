"""How a column's numbers are written: decimal mark, thousands, signs of currency or percent."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.columns.cell_blocks import CellBlocks, blocks_of
from lockstep.data.readers.cells import FIRST, NUMBER, Cells, plain_doubles

SIGN = r"^[+-]?\s*[$€£¥]\s*|\s*[$€£¥%]$"
COMMA = r"^[+-]?\d+,\d+$"  # 28,7 or 1,163
GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"  # 1,163.74
DOTTED = r"^[+-]?\d{1,3}(\.\d{3})*,\d+$"  # 1.163,74
AMBIGUOUS = r"^[+-]?[1-9]\d{0,2},\d{3}$"  # 1,163: either


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are written; the usual way by default."""

    decimal: str = "."
    thousands: str = ""
    signed: bool = False  # with a sign of currency or percent, which is left out

    def plain(self, cells: Cells) -> Cells:
        """Return the cells as programs write numbers, as far as they are numbers of this format."""
        if self.signed:
            cells = pc.replace_substring_regex(cells, SIGN, "")
        if self.thousands:
            cells = pc.replace_substring(cells, self.thousands, "")
        return cells if self.decimal == "." else pc.replace_substring(cells, self.decimal, ".")


USUAL = NumberFormat()
COMMAS = (NumberFormat(decimal=","), NumberFormat(thousands=","))


def find_format(cells: Cells | CellBlocks) -> NumberFormat | None:
    """Return the format in which all cells are numbers, if it is certain, else None.

    1,163 may be both: only a cell such as 28,7 or 1,163.74 makes commas certain.
    """
    if are_plain(cells) or all_match(cells, NUMBER):
        return USUAL
    if all_match(cells, f"{NUMBER}|{COMMA}") and not any_match(cells, r"\."):
        return None if all_match(cells, rf"^[+-]?\d+$|{AMBIGUOUS}") else COMMAS[0]
    if all_match(cells, f"{NUMBER}|{GROUPED}"):
        return COMMAS[1]
    if all_match(cells, rf"{DOTTED}|^[+-]?\d{{1,3}}(\.\d{{3}})*$") and any_match(cells, ","):
        return NumberFormat(decimal=",", thousands=".")
    return None


def are_plain(cells: Cells | CellBlocks) -> bool:
    """Return whether all cells are finite numbers in the usual format, or missing."""
    return all(plain_doubles(block) is not None for block in blocks_of(cells))


def is_ambiguous(cells: Cells | CellBlocks) -> bool:
    """Return whether the cells are numbers whose commas may be decimal marks or thousands."""
    return all_match(cells, f"{NUMBER}|{AMBIGUOUS}") and any_match(cells, ",")


def has_sign(cells: Cells | CellBlocks) -> bool:
    """Return whether a cell is a number with a sign of currency or percent."""
    return any_match(cells, r"^[+-]?\s*[$€£¥]\s*[\d.]|^[+-]?[\d.,]+\s*[$€£¥%]$")


def to_doubles(cells: Cells, given: NumberFormat) -> pa.ChunkedArray:
    """Return float64 numbers, null where a cell is missing or no number of this format."""
    plain = given.plain(cells)
    found = plain_doubles(plain)
    if found is not None:
        return found
    return pc.if_else(
        pc.match_substring_regex(plain, NUMBER), plain, pa.scalar(None, pa.string())
    ).cast(pa.float64())


def all_match(cells: Cells | CellBlocks, pattern: str) -> bool:
    """Return whether all cells match a pattern; mostly the first ones decide that they don't."""
    parts = (part for block in blocks_of(cells) for part in (block.slice(0, FIRST), block))
    return all(
        pc.all(pc.match_substring_regex(part, pattern), min_count=0).as_py() for part in parts
    )


def any_match(cells: Cells | CellBlocks, pattern: str) -> bool:
    """Return whether any cell matches a pattern."""
    return any(
        pc.any(pc.match_substring_regex(block, pattern), min_count=0).as_py()
        for block in blocks_of(cells)
    )
