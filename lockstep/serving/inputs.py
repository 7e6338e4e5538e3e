"""Read a user's file as raw examples for the serving model."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from lockstep.data.readers import csv_files
from lockstep.data.readers import images as image_files
from lockstep.data.readers.html_pages import refuse_page
from lockstep.data.readers.npz_files import load_arrays
from lockstep.data.readers.picture_folders import files_below
from lockstep.data.readers.pixels import PictureFormat
from lockstep.data.spec import Input, Spec, unwrap_single
from lockstep.errors import DataError

ARRAYS = (".npy", ".npz")
EXPECTED = {
    "image": "an image, a folder of images, .npy or .npz",
    "table": "a .csv with a header",
    "text": "a .txt with one text per line, .npy or .npz",
    "series": "an .npy or .npz",
}
# Pixels of a data set whose maximum is below this aren't scaled 0 to 255 as in image files.
HALF_OF_LEVELS = 128


class PredictionInputs(NamedTuple):
    """Raw examples, and the position of each: a file's path, an array index or a line number."""

    positions: list[str]
    inputs: Any  # one array, or a dict of arrays by the name of the input or column


def read_inputs(path: Path, spec: Spec) -> PredictionInputs:
    """Return the examples of a file or folder; raises DataError if they don't match `spec`."""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix.lower() in ARRAYS and not any(each.columns for each in spec.inputs.values()):
        return _arrays(path, spec)
    (each, *others) = spec.inputs.values()
    if others:
        raise DataError(f"{path}: expected an .npz with the arrays {', '.join(spec.inputs)}")
    if each.kind == "image":
        return _images(path, each, spec)
    if each.kind == "series":
        _wrong_kind(path, each.kind)
    return _rows(path, each) if each.kind == "table" else _texts(path)


def _wrong_kind(path: Path, kind: str) -> NoReturn:
    got = "a folder" if path.is_dir() else f"a file {path.suffix or 'without a suffix'}"
    raise DataError(f"{path}: got {got}, expected {EXPECTED[kind]}")


def _arrays(path: Path, spec: Spec) -> PredictionInputs:
    refuse_page(path)
    if zipfile.is_zipfile(path):
        found = load_arrays(path)
    else:
        try:
            found = {next(iter(spec.inputs)): np.load(path, mmap_mode="r", allow_pickle=False)}
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{path}: incomplete, or not plain arrays ({error})") from None
    missing = [name for name in spec.inputs if name not in found]
    if missing:
        names = ", ".join(found) or "nothing"
        raise DataError(f"{path}: holds {names}, expected {', '.join(spec.inputs)}")
    inputs = {name: _checked(path, each, found[name]) for name, each in spec.inputs.items()}
    (count, *others) = {len(array) for array in inputs.values()}
    if others:
        raise DataError(f"{path}: arrays of different lengths, expected equal lengths")
    return PredictionInputs([str(index) for index in range(count)], unwrap_single(inputs))


def _checked(path: Path, each: Input, array: np.ndarray) -> np.ndarray:
    """Cast an array to the input's dtype; only the rounding of floats may change a value."""
    wanted = () if each.kind == "text" else tuple(each.shape)
    if array.ndim == 0 or array.shape[1:] != wanted or not len(array):
        sizes = ", ".join(map(str, ("examples", *wanted)))
        raise DataError(f"{path}: got the shape {array.shape}, expected ({sizes})")
    if each.kind == "text":
        if array.dtype.kind != "U":
            raise DataError(f"{path}: got {array.dtype}, expected strings")
        return array
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path}: got {array.dtype}, expected numbers")
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
    images = np.stack([image_files.load_image(file, how, (height, width)) for file in paths])
    fitting = _checked(path, each, images.reshape(len(paths), *each.shape))
    return PredictionInputs([str(file) for file in paths], fitting)


def _has_image_levels(each: Input, spec: Spec) -> bool:
    """Return whether the data set's pixels have the levels of image files."""
    bright = each.statistics["maximum"] >= HALF_OF_LEVELS
    return spec.data == "folder" or (each.dtype == "uint8" and bright)


def _files_in(folder: Path) -> list[Path]:
    """Return all files in a folder and its sub-folders, except what systems leave there."""
    paths = list(files_below(folder))
    if not paths:
        raise DataError(f"{folder}: empty, expected images")
    return paths


def _rows(path: Path, each: Input) -> PredictionInputs:
    if path.suffix.lower() != ".csv" or not path.is_file():
        _wrong_kind(path, each.kind)
    header, rows = csv_files.read_rows(path)
    names = list(each.columns) or header
    missing = [name for name in names if name not in header]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}, expected {', '.join(names)}")
    cells = [[row[header.index(name)] for name in names] for row in rows]
    numeric = [not each.columns.get(name) for name in names]
    table = csv_files.as_table(path, names, cells, numeric)
    positions = [str(number) for number in csv_files.row_numbers(path)]
    if not each.columns:
        rows_array = np.stack([table[name] for name in names], axis=1)
        return PredictionInputs(positions, _checked(path, each, rows_array))
    kinds = {name: str if known else np.float32 for name, known in each.columns.items()}
    return PredictionInputs(
        positions, {name: table[name].astype(kind) for name, kind in kinds.items()}
    )


def _texts(path: Path) -> PredictionInputs:
    if path.suffix.lower() != ".txt" or not path.is_file():
        _wrong_kind(path, "text")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} isn't UTF-8, save it as UTF-8") from None
    texts = {str(number): line for number, line in enumerate(lines, 1) if line.strip()}
    if not texts:
        raise DataError(f"{path}: empty, expected one text per line")
    return PredictionInputs(list(texts), np.array(list(texts.values())))
