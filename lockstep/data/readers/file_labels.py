"""A CSV of file names and labels for the files of a folder, without folders for classes."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from lockstep.config.schema import Data
from lockstep.data.readers.class_folders import Found, LabelledFile, files_below, find_by_class
from lockstep.data.readers.labels_table import read_labels
from lockstep.data.readers.raw_data import RawData
from lockstep.data.readers.stored_texts import Texts
from lockstep.errors import DataError
from lockstep.process import console

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # what int64 holds and writes alike
FRACTION = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]{1,2})?")
NAMED = 5  # files that a line names


def find_labelled(folder: Path, data: Data) -> Found:
    """Return the files that a CSV in the folder names, all in train, sorted by class and path.

    Raises DataError for names without a file or twice; files that it doesn't name are left out,
    which a line says.
    """
    path = folder / str(data.labels_file)
    files = [each for each in files_below(folder) if each != path]
    known = _by_name(files, path.parent)
    found = read_labels(path, data, known)
    _check_names(path, found.names, known)
    labelled = [
        LabelledFile(known[name][0], label, row)
        for row, (name, label) in enumerate(zip(found.names, found.labels, strict=True))
    ]
    _check_once(path, labelled)
    _say_unlabelled(path, set(files) - {each.path for each in labelled})
    labelled.sort(key=lambda each: (each.label, each.path))
    return Found({"train": labelled}, [], found.cells, found.first)


def find_files(folder: Path, data: Data) -> Found:
    """Return the files of a folder by class, as data.labels_file or sub-folders say."""
    return find_labelled(folder, data) if data.labels_file else find_by_class(folder)


def labelled_data(found: Found, x: Mapping[str, np.ndarray | Texts], data: Data) -> RawData:
    """Return examples of files, (n, ...) for each split, with their labels."""
    texts = [each.label for inside in found.splits.values() for each in inside]
    labels = as_labels(texts) if data.labels_file else np.array(texts)
    ends = np.cumsum([len(inside) for inside in found.splits.values()])[:-1]
    parts = dict(zip(found.splits, np.split(labels, ends), strict=True))
    return RawData(
        {split: (x[split], y) for split, y in parts.items()},
        rows={split: np.array([each.row for each in found.splits[split]]) for split in parts},
        cells=found.cells,
    )


def place_of(folder: Path, split: str, row: int, data: Data) -> str:
    """Return the path that an example's file has, or the row of the CSV that names it."""
    found = find_files(folder, data)
    if data.labels_file:
        return f"{folder / data.labels_file}: row {found.first + row}"
    return str(found.splits[split][row].path)


def as_labels(texts: list[str]) -> np.ndarray:
    """Return labels as whole numbers or floats if all are such; else as texts, as 007 is one."""
    if all(WHOLE.fullmatch(each) for each in texts):
        return np.array(texts, np.int64)
    if all(WHOLE.fullmatch(each) or FRACTION.fullmatch(each) for each in texts):
        return np.array(texts, np.float64)
    return np.array(texts)


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
