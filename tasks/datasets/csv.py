"""The user's own CSV file: a header, then numbers and text; see data/README.md."""

from pathlib import Path

import numpy as np

from lockstep.config.schema import Data, Params
from lockstep.data.readers import csv_files, user_files
from lockstep.errors import DataError

import_files = user_files.import_files
FIRST_ROWS = 100


def check(source: Path, data: Data) -> None:
    """Raise DataError for a wrong suffix, header or first rows, ParamsError for the target."""
    for path in user_files.check_suffix(source, ".csv"):
        header, _ = csv_files.read_rows(path, FIRST_ROWS)
        csv_files.check_target(data.target, header)


def place(folder: Path, split: str, number: int, data: Data) -> str:
    """Return the row that an example of a split has in the file."""
    files = user_files.files(folder, ".csv")
    path = files.get(split, files["train"])
    rows = csv_files.row_numbers(path)
    return f"{path}: row {rows[number]}"


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the files have."""
    paths = user_files.check_suffix(source, ".csv")
    counts = (len(csv_files.row_numbers(path)) for path in paths)
    return dict(zip(("train", "test"), counts, strict=False))


def read(folder: Path, params: Params, scratch: Path) -> dict[str, np.ndarray]:
    """Return tables with a field for each column; raises DataError that names file and row."""
    files = user_files.files(folder, ".csv")
    rows = {split: csv_files.read_rows(path) for split, path in files.items()}
    header = rows["train"][0]
    for split, (names, _) in rows.items():
        if names != header:
            raise DataError(f"{files[split]}: columns {', '.join(names)}, expected those of train")
    numeric = [csv_files.is_numeric(column) for column in zip(*rows["train"][1], strict=True)]
    return {
        split: csv_files.as_table(files[split], header, cells, numeric)
        for split, (_, cells) in rows.items()
    }
