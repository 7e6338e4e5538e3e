"""A CSV of file names and labels for the pictures of a folder, without folders for classes."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lockstep.data.readers.class_folders import Found, LabelledFile, files_below
from lockstep.errors import DataError
from lockstep.process import console

DELIMITERS = ",;\t|"
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # what int64 holds and writes alike
FRACTION = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]{1,2})?")
NAMED = 5  # files that a line names
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def find_labelled(folder: Path, labels_file: str) -> Found:
    """Return the pictures that a CSV in the folder names, all in train, sorted by class and path.

    Raises DataError for names without a file or twice; files that it doesn't name are left out,
    which a line says.
    """
    path = folder / labels_file
    rows = _rows(path)
    files = [each for each in files_below(folder) if each != path]
    known = _by_name(files, path.parent)
    column = _file_column(path, rows, known)
    rows = _without_header(path, rows, column, known)
    names = [row[column] for row in rows]
    _check_names(path, names, known)
    pictures = [LabelledFile(known[row[column]][0], row[1 - column]) for row in rows]
    _check_once(path, pictures)
    _say_unlabelled(path, set(files) - {each.path for each in pictures})
    return Found({"train": sorted(pictures, key=lambda each: (each.label, each.path))}, [])


def as_labels(texts: list[str]) -> np.ndarray:
    """Return labels as whole numbers or floats if all are such; else as texts, as 007 is one."""
    if all(WHOLE.fullmatch(each) for each in texts):
        return np.array(texts, np.int64)
    if all(WHOLE.fullmatch(each) or FRACTION.fullmatch(each) for each in texts):
        return np.array(texts, np.float64)
    return np.array(texts)


def _rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise DataError(f"data.labels_file: {path}: no such file, expected a CSV in data.path")
    try:
        text = path.read_text(encoding="utf-8-sig")
        start = text.partition("\n")[0]
        delimiter = max(DELIMITERS, key=start.count)
        lines = csv.reader(text.splitlines(), delimiter=delimiter, strict=True)
        rows = [[cell.strip() for cell in row] for row in lines if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV in UTF-8 ({error}), save it as one") from None
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or "" in row:
            raise DataError(f"{path}: row {number} is {row}, expected a file name and a label")
    if not rows:
        raise DataError(f"{path}: empty, expected rows of a file name and a label")
    return rows


def _by_name(files: Iterable[Path], base: Path) -> dict[str, list[Path]]:
    """Each file by its path from the CSV, its name, and its name without suffix."""
    known: dict[str, list[Path]] = defaultdict(list)
    exact: dict[str, list[Path]] = {}
    for path in files:
        known[path.name].append(path)
        known[path.stem].append(path)
        if path.is_relative_to(base):
            exact[path.relative_to(base).as_posix()] = [path]
    return {**known, **exact}


def _file_column(path: Path, rows: list[list[str]], known: dict[str, list[Path]]) -> int:
    """Return which of the two columns names files: that with more names that are there."""
    hits = [sum(row[column] in known for row in rows) for column in (0, 1)]
    if hits[0] == hits[1]:
        raise DataError(
            f"{path}: {hits[0]} cells of each column are names of files in {path.parent}, expected "
            f"one column of such names; the first row is {rows[0]}"
        )
    return int(hits[1] > hits[0])


def _without_header(
    path: Path, rows: list[list[str]], column: int, known: dict[str, list[Path]]
) -> list[list[str]]:
    first = rows[0][column]
    if first in known or first.lower().endswith(SUFFIXES):
        return rows
    console.say(
        f"{path.name}: {', '.join(rows[0])} is taken for a header, since no file is {first}"
    )
    return rows[1:]


def _check_names(path: Path, names: list[str], known: dict[str, list[Path]]) -> None:
    missing = [name for name in names if name not in known]
    if missing:
        raise DataError(f"{path}: no file for {_listed(missing)}; add them, or remove the rows")
    unclear = [name for name in names if len(known[name]) > 1]
    if unclear:
        found = " and ".join(map(str, known[unclear[0]][:2]))
        raise DataError(f"{path}: {unclear[0]} is {found}, expected paths from the CSV's folder")


def _check_once(path: Path, pictures: list[LabelledFile]) -> None:
    counts = Counter(each.path for each in pictures)
    twice = [str(each.relative_to(path.parent)) for each, count in counts.items() if count > 1]
    if twice:
        raise DataError(f"{path}: more than one row for {_listed(twice)}; keep one for each file")


def _say_unlabelled(path: Path, left: set[Path]) -> None:
    if left:
        names = sorted(each.name for each in left)
        console.say(f"left out, without a label in {path.name}: {_listed(names)}")


def _listed(names: list[str]) -> str:
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} files: {', '.join(names[:NAMED])}{more}"
