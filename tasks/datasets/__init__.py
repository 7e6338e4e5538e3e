"""One file per data set.

A data set's file defines:

- `FOLDER`: its folder in a mirror, or None if an installed package contains the data;
- `ADDRESSES`: the publisher's base URLs, each ending in a slash, tried in order;
- `FILES`: (bytes, sha256) of each file by its name, empty if `read` generates the examples;
- `TARGET_KIND`: a file in lockstep/data/spec/target_kinds/, or "none"; `CLASSES`: the names of
  classes or labels, in order; empty for numbers;
- `INPUT_KIND`, if it doesn't follow from the shape: "series";
- `TRAIN_EXAMPLES`, if it is known: the number of examples in the split "train", so that a larger
  batch is refused before any stage runs;
- `read(folder)`: the splits "train" and "test", each as (x, y) arrays, or
  (x, y, sample_weight) arrays.

x is images (n, height, width(, channels)), rows of numbers (n, columns), series (n, steps(,
channels)), or texts (n,). With several inputs or targets, x, y, `TARGET_KIND`, `CLASSES` and
`INPUT_KIND` are dicts by input or target name. Without targets, a split is (x,).

The files for the user's own data, csv, folder, npz, table and texts, define
`import_files(source, raw)` instead of addresses and files. Their `read(folder, params, scratch)`
may return tables of pyarrow, or RawData with what splits are drawn by; large arrays are memory maps
in the folder `scratch`.
Before any stage runs, their `check(source, data)` checks the data, and
`count_examples(source, data)` counts each split's examples. `place(raw, split, number, data)` says
where an example of a split is in the person's file. They return only the splits that the files
have.
"""

import importlib
from pathlib import Path
from types import ModuleType

from lockstep.config.schema import USER_DATA, Data, Params
from lockstep.data.readers import user_files
from lockstep.errors import DataError, ParamsError


def find(name: str) -> ModuleType:
    """Return the module of the data set with this name."""
    return importlib.import_module(f"{__name__}.{name}")


def name_for(path: Path) -> str:
    """Return the data set that reads a person's file or folder, by suffixes.

    Raises DataError if there is no such path, or none reads it.
    """
    user_files.check_exists(path)
    files = path.iterdir() if path.is_dir() else [path]
    found = {file.suffix.lower() for file in files if not file.name.startswith(".")}
    known = {name: getattr(find(name), "SUFFIXES", ()) for name in USER_DATA}
    name = next((name for name, suffixes in known.items() if found and found <= {*suffixes}), "")
    if not name and not path.is_dir():
        expected = ", ".join(suffix for suffixes in known.values() for suffix in suffixes)
        raise DataError(
            f"{path}: got a file {path.suffix}, expected a folder, or one of {expected}"
        )
    return name or ("texts" if _has_texts_only(path) else "folder")


def _has_texts_only(folder: Path) -> bool:
    """Whether the visible files of all sub-folders are .txt files."""
    files = (path for each in folder.iterdir() if each.is_dir() for path in each.rglob("[!.]*"))
    suffixes = {path.suffix.lower() for path in files if path.is_file()}
    return suffixes == {find("texts").SUFFIX}


def check_user_data(params: Params, root: Path) -> None:
    """Check the user's own data before a run; raises DataError, or ParamsError for the target."""
    if params.data.name in USER_DATA:
        find(params.data.name).check(root / params.data.path, params.data)


def check_batch_size(params: Params, root: Path) -> None:
    """Raise ParamsError for a limit or a batch that is larger than the training data, if known.

    With train.last_batch keep a batch may be larger: it is one step. The parameters and the user's
    data have been checked.
    """
    dataset, source = find(params.data.name), root / params.data.path
    if params.data.name in USER_DATA:
        counts = dataset.count_examples(source, params.data)
    else:
        counts = {"train": getattr(dataset, "TRAIN_EXAMPLES", 0), "test": 0}
    left = counts["train"]
    if params.data.folds:
        left -= round(left * _share_outside(params.data, params.data.folds))
    elif "test" not in counts:
        left -= round(left * params.data.test_split)
    if params.data.limit:
        _check_limit(params.data.limit, counts["train"])
        left = min(left, params.data.limit)
    if "validation" not in counts:
        left -= round(left * params.data.validation_split)
    if 0 < left < params.train.batch_size and params.train.last_batch == "drop":
        raise ParamsError(
            f"train.batch_size: got {params.train.batch_size}, expected at most the {left} "
            "examples of the training split, or train.last_batch keep"
        )


def _check_limit(limit: int, size: int) -> None:
    if 0 < size < limit:
        raise ParamsError(
            f"data.limit: got {limit} for {size} training examples, expected at most {size}, or "
            "null for all"
        )


def _share_outside(data: Data, folds: int) -> float:
    """The share of the training data that a fold's experiment doesn't train on, about."""
    return 1 - data.fold / (folds + 1) if data.time else 1 / folds
