"""The user's own CSV or TSV file: a table of texts; see data/README.md."""

from pathlib import Path

import pyarrow as pa

from lockstep.config.schema import Data, Params
from lockstep.data.readers import user_files
from lockstep.data.readers.column_roles import roles_of
from lockstep.data.readers.delimited_files import row_numbers
from lockstep.data.readers.dialects import detect
from lockstep.data.readers.typed_columns import read_columns

import_files = user_files.import_files
SUFFIXES = user_files.SUFFIXES["csv"]


def check(source: Path, data: Data) -> None:
    """Raise DataError for a wrong suffix or first lines, ParamsError for the target."""
    for path in user_files.check_suffix(source, *SUFFIXES).values():
        roles_of(detect(path, data).names, data)


def place(folder: Path, split: str, number: int, data: Data) -> str:
    """Return the row that an example of a split has in the file."""
    path = user_files.files(folder, *SUFFIXES)[split]
    return f"{path}: row {row_numbers(path, data)[number]}"


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the files have."""
    files = user_files.check_suffix(source, *SUFFIXES)
    return {split: len(row_numbers(path, data)) for split, path in files.items()}


def read(folder: Path, params: Params, scratch: Path) -> dict[str, pa.Table]:
    """Return a table for each split, with numbers in `scratch`; errors name file and row."""
    tables: dict[str, pa.Table] = {}
    for split, path in user_files.files(folder, *SUFFIXES).items():
        tables[split] = read_columns(path, params.data, tables.get("train"), scratch)
    return tables
