"""Read a user's file as raw examples for the serving model."""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.config.schema import Data
from lockstep.data.columns.conversion import convert
from lockstep.data.columns.kinds import as_texts
from lockstep.data.columns.number_formats import NumberFormat
from lockstep.data.readers import images as image_files
from lockstep.data.readers.class_folders import files_below
from lockstep.data.readers.delimited_files import row_numbers
from lockstep.data.readers.html_pages import refuse_page
from lockstep.data.readers.npy_files import map_array
from lockstep.data.readers.npz_files import load_arrays
from lockstep.data.readers.pixels import PictureFormat
from lockstep.data.readers.table_files import read_table
from lockstep.data.readers.text_files import read_text
from lockstep.data.readers.user_files import SUFFIXES
from lockstep.data.spec import Input, Spec, X, unwrap_single
from lockstep.data.spec.columns import Column
from lockstep.errors import DataError
from lockstep.serving.windows import rows_of_windows

ARRAYS, DELIMITED = (".npy", ".npz"), SUFFIXES["csv"]
TABLES = (*DELIMITED, *SUFFIXES["table"])
LINES = ".txt"  # for a model of one text no table, but a text per line
EXPECTED = {
    "image": "an image, a folder of images, .npy or .npz",
    "table": f"a table: {', '.join(TABLES)}",
    "text": "a .txt with one text per line, a table with the column, .npy or .npz",
    "series": "an .npy or .npz",
}
# Pixels of a data set whose maximum is below this aren't scaled 0 to 255 as in image files.
HALF_OF_LEVELS = 128


class PredictionInputs(NamedTuple):
    """Raw examples, and the position of each: a file's path, an array index or a line number."""

    positions: list[str]
    # One, or a dict by the name of the input or column: arrays, or what is read slice by slice.
    inputs: Any


class Slices:
    """Examples of which only slices are read, so that all of them may be larger than memory."""

    def __init__(self, source: Any, read: Callable[[Any], np.ndarray]) -> None:
        self.source, self.read = source, read

    def __getitem__(self, some: slice) -> np.ndarray:
        """Return the examples of a slice; raises DataError for an invalid one."""
        return self.read(self.source[some])


def read_inputs(path: Path, spec: Spec, data: Data) -> PredictionInputs:
    """Return the examples of a file or folder; raises DataError if they don't match `spec`."""
    found = _read(path, spec, data)
    if X in spec.inputs or isinstance(found.inputs, dict):
        return found
    (column,) = spec.inputs  # a text that was a table's column is served by its name
    return found._replace(inputs={column: found.inputs})


def _read(path: Path, spec: Spec, data: Data) -> PredictionInputs:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix.lower() in ARRAYS and not any(each.columns for each in spec.inputs.values()):
        return _arrays(path, spec)
    if any(each.columns for each in spec.inputs.values()):
        return _rows(path, spec, data)
    (each, *others) = spec.inputs.values()
    if others:
        raise DataError(f"{path}: expected an .npz with the arrays {', '.join(spec.inputs)}")
    if each.kind == "image":
        return _images(path, each, spec)
    if each.kind == "series":
        _wrong_kind(path, each.kind)
    if spec.data == "texts":
        return _files_of_text(path, data)
    if each.kind == "table" or path.suffix.lower() in {*TABLES} - {LINES}:
        return _rows(path, spec, data)
    return _texts(path)


def _wrong_kind(path: Path, kind: str) -> NoReturn:
    got = "a folder" if path.is_dir() else f"a file {path.suffix or 'without a suffix'}"
    raise DataError(f"{path}: got {got}, expected {EXPECTED[kind]}")


def _arrays(path: Path, spec: Spec) -> PredictionInputs:
    refuse_page(path)
    if zipfile.is_zipfile(path):
        found = load_arrays(path)
    else:
        found = {next(iter(spec.inputs)): map_array(path)}
    missing = [name for name in spec.inputs if name not in found]
    if missing:
        names = ", ".join(found) or "nothing"
        raise DataError(f"{path}: holds {names}, expected {', '.join(spec.inputs)}")
    inputs = {name: _checked(path, each, found[name]) for name, each in spec.inputs.items()}
    (count, *others) = {len(found[name]) for name in inputs}
    if others:
        raise DataError(f"{path}: arrays of different lengths, expected equal lengths")
    return PredictionInputs([str(index) for index in range(count)], unwrap_single(inputs))


def _checked(path: Path, each: Input, array: np.ndarray) -> Slices:
    """Check an array's shape and dtype; its numbers are checked slice by slice."""
    wanted = () if each.kind == "text" else tuple(each.shape)
    if array.ndim == 0 or array.shape[1:] != wanted or not len(array):
        sizes = ", ".join(map(str, ("examples", *wanted)))
        raise DataError(f"{path}: got the shape {array.shape}, expected ({sizes})")
    if each.kind == "text":
        if array.dtype.kind != "U":
            raise DataError(f"{path}: got {array.dtype}, expected strings")
        return Slices(array, np.asarray)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path}: got {array.dtype}, expected numbers")
    return Slices(array, partial(_cast, path, each))


def _cast(path: Path, each: Input, array: np.ndarray) -> np.ndarray:
    """Cast an array to the input's dtype; only the rounding of floats may change a value."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(each.dtype)
    good = np.isfinite(cast) if cast.dtype.kind == "f" else cast == array
    if not good.all():
        raise DataError(f"{path}: got {array[~good][0]}, expected numbers that fit {each.dtype}")
    return cast


def _images(path: Path, each: Input, spec: Spec) -> PredictionInputs:
    if path.is_file() and path.suffix.lower() in (".csv", ".txt"):
        _wrong_kind(path, each.kind)
    height, width, *channels = each.shape
    if channels not in ([], [1], [3]) or not _has_image_levels(each, spec):
        top = f"levels up to {each.statistics['maximum']:g}, shape {each.shape}"
        raise DataError(f"{path}: {spec.data} has {top}, unlike image files; expected .npy or .npz")
    how = PictureFormat("RGB" if channels == [3] else "L", **each.files)
    paths = _files_in(path) if path.is_dir() else [path]

    def read(files: list[Path]) -> np.ndarray:
        images = np.stack([image_files.load_image(file, how, (height, width)) for file in files])
        return _cast(path, each, images.reshape(len(files), *each.shape))

    return PredictionInputs([str(file) for file in paths], Slices(paths, read))


def _has_image_levels(each: Input, spec: Spec) -> bool:
    """Return whether the data set's pixels have the levels of image files."""
    bright = each.statistics["maximum"] >= HALF_OF_LEVELS
    return spec.data == "folder" or (each.dtype == "uint8" and bright)


def _files_in(folder: Path) -> list[Path]:
    """Return all files in a folder and its sub-folders, except what systems leave there."""
    paths = list(files_below(folder))
    if not paths:
        raise DataError(f"{folder}: empty, expected files")
    return paths


def _rows(path: Path, spec: Spec, data: Data) -> PredictionInputs:
    """The columns of a table, and its texts, by name."""
    if path.suffix.lower() not in TABLES or not path.is_file():
        _wrong_kind(path, "table")
    table = read_table(path, data)
    numbers = (
        row_numbers(path, data) if path.suffix.lower() in DELIMITED else range(1, len(table) + 1)
    )
    positions = [str(number) for number in numbers]
    (only, *others) = spec.inputs.values()
    if not others and only.kind == "table" and not only.columns:
        plain = {name: Column("number") for name in table.column_names}
        columns = _cells(path, table, plain, positions, data)
        return PredictionInputs(positions, _checked(path, only, np.stack([*columns.values()], 1)))
    raw: dict[str, np.ndarray] = {}
    for name, each in spec.inputs.items():
        described = each.cells if each.columns else {name: Column("text")}
        raw |= _cells(path, table, described, positions, data)
    if X in spec.inputs and spec.inputs[X].windows:
        rows = rows_of_windows(path, table, spec.inputs[X], positions, data)
        return PredictionInputs([positions[each] for each in rows[:, -1]], _in_windows(raw, rows))
    alone = X in spec.inputs and not any(each.columns for each in spec.inputs.values())
    return PredictionInputs(positions, unwrap_single(raw) if alone else raw)


def _in_windows(raw: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, Slices]:
    """The cells of windows, (windows, rows) for each column: only slices are made of them."""
    return {name: Slices(rows, partial(np.take, cells)) for name, cells in raw.items()}


def _cells(
    path: Path, table: pa.Table, columns: dict[str, Column], positions: list[str], data: Data
) -> dict[str, np.ndarray]:
    """Raw cells by column as the serving model takes them.

    Raises DataError for a missing column, a cell of another kind, or a missing number unless
    training has told what replaces it.
    """
    raw: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        if name not in table.column_names:
            raise DataError(f"{path}: no column {name!r}, expected {', '.join(columns)}")
        texts = as_texts(table[name], data)
        filled = np.array(pc.fill_null(texts, "").to_pylist(), str)
        raw[name] = filled
        if column.kind in ("number", "boolean", "date"):
            written = NumberFormat(**column.written) if column.written else None
            found = convert(texts, column.kind, written)
            bad = np.isnan(found.numbers) & ((filled != "") | (column.fill is None))
            if bad.any():
                row = int(np.argmax(bad))
                got = f"row {positions[row]}, column {name!r}: got {str(filled[row])!r}"
                raise DataError(f"{path}: {got}, expected a {column.kind}")
            raw[name] = found.numbers if column.kind == "number" else filled
    return raw


def _files_of_text(path: Path, data: Data) -> PredictionInputs:
    """Each file as one text, as the data set texts reads them."""
    files = _files_in(path) if path.is_dir() else [path]
    texts = [read_text(file, data.encoding) for file in files]
    return PredictionInputs([str(file) for file in files], np.array(texts))


def _texts(path: Path) -> PredictionInputs:
    if path.suffix.lower() != LINES or not path.is_file():
        _wrong_kind(path, "text")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} isn't UTF-8, save it as UTF-8") from None
    texts = {str(number): line for number, line in enumerate(lines, 1) if line.strip()}
    if not texts:
        raise DataError(f"{path}: empty, expected one text per line")
    return PredictionInputs(list(texts), np.array(list(texts.values())))
