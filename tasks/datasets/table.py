"""The user's own Parquet, Feather or JSON Lines file; see data/README.md."""

from pathlib import Path

import pyarrow as pa

from lockstep.config.schema import Data, Params
from lockstep.data.readers import user_files
from lockstep.data.readers.column_roles import roles_of
from lockstep.data.readers.table_batches import names_and_rows, read_mapped

import_files = user_files.import_files
SUFFIXES = user_files.SUFFIXES["table"]


def check(source: Path, data: Data) -> None:
    """Raise DataError for a wrong suffix or file, ParamsError for the target."""
    for path in user_files.check_suffix(source, *SUFFIXES).values():
        roles_of(names_and_rows(path)[0], data)


def place(folder: Path, split: str, number: int, data: Data) -> str:
    """Return the number of an example's row in the file, from 1."""
    return f"{user_files.files(folder, *SUFFIXES)[split]}: row {number + 1}"


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the files have."""
    files = user_files.check_suffix(source, *SUFFIXES)
    return {split: names_and_rows(path)[1] for split, path in files.items()}


def read(folder: Path, params: Params, scratch: Path) -> dict[str, pa.Table]:
    """Return a table for each split, in `scratch`; raises DataError that names the file."""
    files = user_files.files(folder, *SUFFIXES)
    return {split: read_mapped(path, params.data, scratch) for split, path in files.items()}
