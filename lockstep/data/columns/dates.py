"""ISO dates in a table's cells as moments, in UTC where they have a zone."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.blocks import gathered
from lockstep.data.columns.cell_blocks import CellBlocks, blocks_of
from lockstep.data.columns.clean_tables import CleanTable
from lockstep.data.columns.converted import Converted
from lockstep.data.columns.number_formats import all_match, any_match
from lockstep.data.readers.cells import Cells
from lockstep.data.spec.columns import PARTS
from lockstep.data.spec.dates import DATE, DAY, ZONED
from lockstep.errors import DataError

TYPES = (pa.timestamp("us"), pa.timestamp("us", "UTC"))
MIXED = "some dates have a zone and others none: write Z or +02:00 in all cells, or in none"


def are_dates(values: Cells | CellBlocks) -> bool:
    """Return whether all cells are ISO dates."""
    return all_match(values, DATE)


def are_mixed(values: Cells | CellBlocks) -> bool:
    """Return whether some of these dates have a zone and others none."""
    return not all_match(values, ZONED) and any_match(values, ZONED)


def convert_dates(cells: Cells) -> Converted:
    """Convert ISO dates to days since 1970, with fractions."""
    moments = to_moments(cells)
    if moments is None:
        wrong = _first_wrong(cells)
        there = pc.drop_null(cells.slice(0, wrong + 1))
        problem = MIXED if are_dates(there) and are_mixed(there) else ""
        return Converted(np.full(len(cells), np.nan), wrong, problem=problem)
    there = moments.is_valid().to_numpy()
    days = pc.fill_null(moments.cast(pa.int64()), 0).to_numpy() / DAY
    return Converted(np.where(there, days, np.nan))


def date_converter() -> Callable[[Cells], Converted]:
    """Return what converts block after block: all dates must have a zone like the first one."""
    first = pa.array([], pa.string())

    def convert(cells: Cells) -> Converted:
        nonlocal first
        shift = len(first)
        found = convert_dates(pa.chunked_array([first, *cells.chunks], pa.string()))
        first = first if shift else pc.drop_null(cells).slice(0, 1).combine_chunks()
        wrong = None if found.wrong is None else found.wrong - shift
        return found._replace(numbers=found.numbers[shift:], wrong=wrong)

    return convert


def convert_part(cells: Cells | CellBlocks, part: str, path: Path | None = None) -> Converted:
    """Convert ISO dates to the number of their weekday, month or hour, -1 where one is missing.

    The numbers lie in a file `path`, if there is one.
    """
    numbers = gathered((_part(block, part) for block in blocks_of(cells)), np.int32, path)
    return Converted(numbers, texts=PARTS[part])


def _part(cells: Cells, part: str) -> np.ndarray:
    moments = to_moments(cells)
    numbers = {
        "weekday": lambda: pc.day_of_week(moments),  # 0 is Monday
        "month": lambda: pc.subtract(pc.month(moments), 1),
        "hour": lambda: pc.hour(moments),
    }[part]()
    filled: np.ndarray = pc.fill_null(numbers, -1).to_numpy()
    return filled.astype(np.int32)


def to_moments(cells: Cells) -> pa.ChunkedArray | None:
    """Return timestamps, of UTC if all cells have a zone; None if a cell is none or they differ."""
    for write_plainly in (lambda: cells, lambda: _plain(cells)):  # most files need no change
        plain = write_plainly()
        for kind in TYPES:
            try:
                return pc.cast(plain, kind)
            except pa.ArrowInvalid:
                continue
    return None


def _plain(cells: Cells) -> Cells:
    """Cells as pyarrow reads them: with microseconds at most, and no blank before the zone."""
    short = pc.replace_substring_regex(cells, r"(\.\d{6})\d+", r"\1")
    utc = pc.replace_substring_regex(short, r"(\d) ?(?:UTC|Z)$", r"\1Z")
    return pc.replace_substring_regex(utc, r"([T ]\d{2}\S*) ([+-]\d{2}:?\d{0,2})$", r"\1\2")


def _first_wrong(cells: Cells) -> int:
    """The index of the first cell up to which not all are dates of one kind."""
    good, bad = 0, len(cells)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (good, middle) if to_moments(cells.slice(0, middle)) is None else (middle, bad)
    return bad - 1


def check_zones(columns: Iterable[str], tables: Mapping[str, CleanTable]) -> None:
    """Raise DataError if a column's dates have a zone in one split and none in another."""
    for name in columns:
        zoned = {split: _has_zone(table.blocks(name)) for split, table in tables.items()}
        if len(set(zoned.values()) - {None}) > 1:
            raise DataError(f"column {name!r}: {MIXED}; the files of the splits differ")


def _has_zone(cells: CellBlocks) -> bool | None:
    """Whether the first date has a zone, as then all have; None without a date."""
    for block in cells:
        first = pc.drop_null(block).slice(0, 1).cast(pa.string())
        if len(first):
            return bool(pc.match_substring_regex(first, ZONED)[0].as_py())
    return None
