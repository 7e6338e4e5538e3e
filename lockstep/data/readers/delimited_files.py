"""Read a delimited text file, such as a CSV, as a table of texts."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lockstep.config.schema import Data
from lockstep.data.readers.dialects import DELIMITERS, ROW_BYTES, Dialect, detect
from lockstep.errors import DataError
from lockstep.process import console
from lockstep.process.memory_bound import bounded

BLOCK = 2**22
LINE_BREAK = 10
Collect = Callable[[Iterable[pa.RecordBatch]], pa.Table]


def read_texts(path: Path, data: Data) -> pa.Table:
    """Return a table with a column of text for each of the file's columns.

    Raises DataError for a row with more or fewer cells, or bytes of another encoding.
    """
    return read_batches(path, detect(path, data), pa.Table.from_batches)


def read_batches(
    path: Path, dialect: Dialect, collect: Collect, only: Sequence[str] = ()
) -> pa.Table:
    """Return the table that `collect` makes of batches of texts, or of `only` some columns.

    Raises DataError as `read_texts` does. `collect` is called again for a file with long rows.
    """
    try:
        try:
            table = collect(_batches(path, dialect, bounded(BLOCK), only))
        except pa.ArrowInvalid:  # perhaps for a long row
            table = collect(_batches(path, dialect, ROW_BYTES, only))
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise DataError(f"{path}: {_problem(path, dialect, error)}") from None
    if not len(table):
        raise DataError(f"{path}: expected rows below the header")
    if not only:
        _say_merged(path, table, dialect.delimiter)
    return table


def _batches(
    path: Path, dialect: Dialect, block: int, only: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Read batches of texts, which shows progress, and is as fast as reading all at once."""
    names = _different(dialect.names)
    reader = pyarrow.csv.open_csv(
        path,
        pyarrow.csv.ReadOptions(
            encoding=dialect.encoding.removesuffix("-sig"),
            block_size=block,
            skip_rows=dialect.skipped_lines,
            column_names=names,
        ),
        pyarrow.csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            include_columns=[names[dialect.names.index(name)] for name in only],
        ),
    )
    with console.reading_bar(path.name, path.stat().st_size) as done:
        for batch in reader:
            yield batch.rename_columns(list(only) or dialect.names)
            done(block)


def _say_merged(path: Path, table: pa.Table, delimiter: str) -> None:
    """Say how many cells may be several rows, which a quote that is none has made one cell."""
    count = 0
    for column in table.columns:
        for chunk in filter(_has_line_break, column.chunks):
            texts = chunk.cast(pa.string())
            lines = pc.match_substring(texts, "\n")
            count += pc.sum(pc.and_(lines, pc.match_substring(texts, delimiter))).as_py() or 0
    if count:
        what = DELIMITERS.get(delimiter, delimiter)
        console.say(
            f"{path.name}: {count} cells in quotes hold line breaks and {what}s; "
            "if these are rows, remove the quotes from the file"
        )


def _has_line_break(cells: pa.Array) -> bool:
    """Whether the bytes of texts have a line break: sooner known than which text has one."""
    texts = cells.dictionary if pa.types.is_dictionary(cells.type) else cells
    if not pa.types.is_string(texts.type):
        return False
    content = texts.buffers()[2]
    return content is not None and bool((np.frombuffer(content, np.uint8) == LINE_BREAK).any())


def row_numbers(path: Path, data: Data) -> list[int]:
    """Return the number of each row that isn't empty below the header, counted from 1."""
    dialect = detect(path, data)
    rows = _rows(path, dialect)
    return [number for number, row in rows if row and number > dialect.skipped]


def _rows(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=dialect.encoding, newline="") as file:
        yield from enumerate(csv.reader(file, delimiter=dialect.delimiter), 1)


def _different(names: list[str]) -> list[str]:
    """Names for reading: several may be empty."""
    return [f"{number}:{name}" for number, name in enumerate(names)]


def _problem(path: Path, dialect: Dialect, error: Exception) -> str:
    """What is wrong with the file, with the number of the row where that can be found."""
    expected = len(dialect.names)
    try:
        for number, row in _rows(path, dialect):
            if row and len(row) != expected and number > dialect.skipped:
                return f"row {number} has {len(row)} cells, expected {expected}"
    except UnicodeDecodeError as wrong:
        name = dialect.encoding.removesuffix("-sig").upper()
        return f"byte {wrong.start} isn't {name}: save it as UTF-8, or set data.encoding"
    except csv.Error as wrong:
        return f"not a delimited text file ({wrong})"
    return f"not a delimited text file ({error})"
