"""Read a table of any format: delimited text, Parquet, Feather or JSON Lines."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.json
import pyarrow.parquet

from lockstep.config.schema import Data
from lockstep.data.readers.delimited_files import read_texts
from lockstep.data.readers.html_pages import refuse_page
from lockstep.data.readers.table_batches import DAMAGE
from lockstep.errors import DataError


def _parquet(path: Path, data: Data) -> pa.Table:
    return pyarrow.parquet.read_table(path)


def _feather(path: Path, data: Data) -> pa.Table:
    return pyarrow.feather.read_table(path, memory_map=True)


def _json_lines(path: Path, data: Data) -> pa.Table:
    return pyarrow.json.read_json(path, pyarrow.json.ReadOptions(block_size=2**25))


READERS: dict[str, Callable[[Path, Data], pa.Table]] = {
    ".csv": read_texts,
    ".tsv": read_texts,
    ".txt": read_texts,
    ".parquet": _parquet,
    ".feather": _feather,
    ".arrow": _feather,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}


def read_table(path: Path, data: Data) -> pa.Table:
    """Return a table: of texts for delimited text, otherwise of the types that the file has.

    Raises DataError for a file that can't be read, and for a column of lists or records.
    """
    refuse_page(path)
    try:
        table = READERS[path.suffix.lower()](path, data)
        table.validate(full=True)  # a damaged Feather file would end the process later
        fields = list(zip(table.column_names, table.schema.types, strict=True))
    except DAMAGE as error:
        raise DataError(f"{path}: not a whole {path.suffix} file ({error})") from None
    for name, kind in fields:
        if pa.types.is_nested(kind):
            raise DataError(f"{path}: column {name!r} has {kind}, expected single values")
    if not len(table):
        raise DataError(f"{path}: no rows, expected some")
    return table
