"""Cells of a known kind as numbers: float64 with NaN, days since 1970, or category numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.blocks import gathered
from lockstep.data.columns.cell_blocks import CellBlocks, blocks_of
from lockstep.data.columns.converted import Converted
from lockstep.data.columns.dates import date_converter
from lockstep.data.columns.inference import FALSE, TRUE
from lockstep.data.columns.number_formats import (
    COMMAS,
    USUAL,
    NumberFormat,
    are_plain,
    find_format,
    to_doubles,
)
from lockstep.data.readers.cells import Cells

ConvertBlock = Callable[[Cells], Converted]


def convert(
    cells: Cells | CellBlocks,
    kind: str,
    given: NumberFormat | None = None,
    path: Path | None = None,
) -> Converted:
    """Convert a column of texts, or of a dictionary of texts, null where a cell is missing.

    Its numbers lie in the new file `path`, if it is given.
    """
    blocks = blocks_of(cells)
    if kind == "category":
        return _categories(blocks, path)
    if kind == "number":
        texts = blocks.texts()
        written = given or _format_of(texts)
        found = _by_block(texts, lambda block: _numbers(block, written), path)
        return found._replace(written=written)
    convert_values = _booleans if kind == "boolean" else date_converter()
    return _by_block(blocks, lambda block: _by_value(block, convert_values), path)


def _by_block(blocks: CellBlocks, convert_block: ConvertBlock, path: Path | None) -> Converted:
    first: Converted | None = None  # block with a cell that is wrong

    def parts() -> Iterator[np.ndarray]:
        nonlocal first
        for at, block in blocks.numbered():
            found = convert_block(block)
            if found.wrong is not None and first is None:
                first = found._replace(wrong=at + found.wrong)
            yield found.numbers

    numbers = gathered(parts(), np.float64, path)
    return first._replace(numbers=numbers) if first else Converted(numbers)


def _by_value(cells: Cells, convert_values: ConvertBlock) -> Converted:
    """Convert each different text once."""
    encoded = pc.dictionary_encode(cells).combine_chunks()
    found = convert_values(pa.chunked_array([encoded.dictionary]))
    if found.wrong is not None and pa.types.is_dictionary(cells.type):
        # The dictionary has what other blocks have, too.
        return _by_value(cells.cast(pa.string()), convert_values)
    numbers = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    wrong = None if found.wrong is None else int(np.argmax(numbers == found.wrong))
    return found._replace(numbers=np.append(found.numbers, np.nan)[numbers], wrong=wrong)


def _format_of(cells: CellBlocks) -> NumberFormat:
    if are_plain(cells):
        return USUAL
    return find_format(cells) or _most_fitting(cells)


def _most_fitting(cells: CellBlocks) -> NumberFormat:
    """The format in which most cells are numbers; with a sign only if none is without."""
    candidates = [
        USUAL,
        *COMMAS,
        NumberFormat(signed=True),
        NumberFormat(thousands=",", signed=True),
    ]
    return min(
        candidates, key=lambda each: sum(to_doubles(block, each).null_count for block in cells)
    )


def _numbers(cells: Cells, written: NumberFormat) -> Converted:
    found = to_doubles(cells, written)
    return Converted(_as_numpy(found), _first_wrong(cells, found))


def _booleans(cells: Cells) -> Converted:
    lower = pc.utf8_lower(cells)
    true, false = (pc.is_in(lower, value_set=pa.array(each)) for each in (TRUE, FALSE))
    known = pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))
    found = known.cast(pa.float64())
    return Converted(_as_numpy(found), _first_wrong(cells, found))


def _categories(blocks: CellBlocks, path: Path | None) -> Converted:
    known = pa.array([], pa.string())

    def parts() -> Iterator[np.ndarray]:
        nonlocal known
        for block in blocks:
            encoded = pc.dictionary_encode(block).combine_chunks()
            values = encoded.dictionary.cast(pa.string())
            new = values.filter(pc.invert(pc.is_in(values, known)))
            known = pa.concat_arrays([known, new]) if len(new) else known
            numbers = pc.index_in(values, known).take(encoded.indices)
            yield pc.fill_null(numbers, -1).to_numpy(zero_copy_only=False)

    numbers = gathered(parts(), np.int32, path)
    return Converted(numbers, texts=known.to_pylist())


def _as_numpy(found: pa.ChunkedArray) -> np.ndarray:
    array: np.ndarray = found.to_numpy().astype(np.float64, copy=False)
    return array


def _first_wrong(cells: Cells, found: pa.ChunkedArray) -> int | None:
    index = pc.index(pc.and_(pc.is_valid(cells), pc.is_null(found)), True).as_py()
    return None if index < 0 else int(index)
