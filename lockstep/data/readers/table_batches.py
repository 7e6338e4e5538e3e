"""Read a Parquet, Feather or JSON Lines file in batches, its columns into files, mapped."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.feather
import pyarrow.json
import pyarrow.parquet

from lockstep.config.schema import Data
from lockstep.data.readers.cell_files import CLEAN, CellFile
from lockstep.data.readers.cells import is_text, without_missing
from lockstep.data.readers.html_pages import refuse_page
from lockstep.errors import DataError
from lockstep.process.memory_bound import bounded

ROWS = 2**16  # of a batch
BLOCK = 2**23  # bytes of JSON Lines that are parsed at once
FIRST_FEATHER = b"FEA1"  # starts a file of Feather's first version, which has no batches
# Also of the memory that damaged sizes need, and of the names of columns.
DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
Batches = Iterator[pa.RecordBatch]
Found = TypeVar("Found")


def read_mapped(path: Path, data: Data, scratch: Path) -> pa.Table:
    """Return a file's table, which lies in `scratch`, of the file's types; its texts are clean.

    Raises DataError as `read_batches` does.
    """

    def collect(batches: Batches) -> pa.Table:
        files: list[CellFile] = []
        for batch in batches:
            for number, cells in enumerate(batch.columns):
                if number == len(files):
                    files.append(CellFile(scratch / f"{path.name}-column{number}.cells"))
                files[number].add(_clean(cells, data) if is_text(cells.type) else cells)
        return pa.table([each.array() for each in files], batch.schema.names, metadata=CLEAN)

    table = read_batches(path, collect)
    pa.default_memory_pool().release_unused()  # what batches took
    return table


def _clean(cells: pa.Array, data: Data) -> pa.Array:
    return without_missing(cells.cast(pa.string()), data.null_values)


def names_and_rows(path: Path) -> tuple[list[str], int]:
    """Return the names of a file's columns, and how many rows it has.

    Raises DataError as `read_batches` does.
    """

    def collect(batches: Batches) -> tuple[list[str], int]:
        count = 0
        for batch in batches:
            count += len(batch)
        return batch.schema.names, count

    return read_batches(path, collect)


def read_batches(path: Path, collect: Callable[[Batches], Found]) -> Found:
    """Return what `collect` makes of a file's batches, of which there is one at least.

    `collect` is called again for JSON Lines whose first lines don't show the types. Raises
    DataError for a file that can't be read, and for a column of lists or records.
    """
    refuse_page(path)
    read = READERS[path.suffix.lower()]
    try:
        try:
            return collect(_checked(path, read(path)))
        except pa.ArrowInvalid:
            if read is not _json_lines:
                raise
            return collect(_checked(path, _json_lines(path, _schema_of_all(path))))
    except DAMAGE as error:
        raise DataError(f"{path}: not a whole {path.suffix} file ({error})") from None


def _checked(path: Path, batches: Iterable[pa.RecordBatch]) -> Batches:
    count = 0
    for batch in batches:
        batch.validate(full=True)  # a damaged Feather file would end the process later
        for field in batch.schema:
            if pa.types.is_nested(field.type):
                raise DataError(
                    f"{path}: column {field.name!r} has {field.type}, expected single values"
                )
        count += len(batch)
        if len(batch):
            yield batch
    if not count:
        raise DataError(f"{path}: no rows, expected some")


def _parquet(path: Path) -> Batches:
    with pyarrow.parquet.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
        yield from file.iter_batches(bounded(ROWS))


def _feather(path: Path) -> Batches:
    with path.open("rb") as file:
        if file.read(len(FIRST_FEATHER)) == FIRST_FEATHER:
            yield from pyarrow.feather.read_table(path).to_batches(bounded(ROWS))
            return
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


def _json_lines(path: Path, schema: pa.Schema | None = None) -> Batches:
    """Read lines as columns of this schema, or else of that of the first lines."""
    for block in _blocks_of_lines(path):
        table = _parsed(block, schema)
        schema = schema or table.schema
        yield from table.select(schema.names).combine_chunks().to_batches()


def _parsed(block: bytes, schema: pa.Schema | None) -> pa.Table:
    behavior = "error" if schema else "infer"
    return pyarrow.json.read_json(
        io.BytesIO(block),
        pyarrow.json.ReadOptions(block_size=len(block) + 1),
        pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=behavior),
    )


def _blocks_of_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(bounded(BLOCK)):
            block += file.readline()
            if block.strip():
                yield block


def _schema_of_all(path: Path) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    for block in _blocks_of_lines(path):
        for field in _parsed(block, None).schema:
            types[field.name] = _common(types.get(field.name, pa.null()), field.type)
    return pa.schema(list(types.items()))


def _common(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The type that JSON's values of two types have together, as in pyarrow."""
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    for kinds, common in (
        ((pa.types.is_integer, pa.types.is_floating), pa.float64()),
        ((pa.types.is_timestamp, pa.types.is_string), pa.string()),
    ):
        if all(any(is_kind(each) for is_kind in kinds) for each in (first, second)):
            return common
    raise pa.ArrowInvalid(f"a column has both {first} and {second}")


READERS: dict[str, Callable[[Path], Batches]] = {
    ".parquet": _parquet,
    ".feather": _feather,
    ".arrow": _feather,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
