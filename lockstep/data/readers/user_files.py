"""What all kinds of user data share: import and checks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockstep.data.readers.html_pages import refuse_page
from lockstep.errors import DataError
from lockstep.storage.copies import copy_file

# Suffixes of the files that data sets take, by data.name.
SUFFIXES = {
    "csv": (".csv", ".tsv", ".txt"),
    "table": (".parquet", ".feather", ".arrow", ".jsonl", ".ndjson"),
    "npz": (".npz",),
}
SPLITS = ("train", "validation", "test")
SPELLINGS = dict(zip(SPLITS, SPLITS, strict=True)) | dict.fromkeys(("val", "valid"), "validation")


def import_files(source: Path, raw: Path) -> None:
    """Copy a file, or a folder's content, into the folder `raw`.

    Raises DataError for a missing path, a special file, or a link that leaves the folder.
    """
    check_exists(source)
    if source.is_file():
        copy_file(source, raw / source.name)
        return
    for path in sorted(source.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(source).parts):
            continue  # hidden files, such as .DS_Store
        if not path.resolve().is_relative_to(source.resolve()):
            raise DataError(f"{path}: links to {path.resolve()}, expected a path in {source}")
        if path.is_dir():
            (raw / path.relative_to(source)).mkdir(parents=True, exist_ok=True)
        elif path.is_file():
            copy_file(path, raw / path.relative_to(source))
        else:
            raise DataError(f"{path}: neither a file nor a folder, remove it")


def check_exists(source: Path) -> None:
    """Raise DataError if the user's file or folder doesn't exist."""
    if not source.exists():
        raise DataError(f"data.path: {source}: no such file or folder, expected your data there")


def check_folder(source: Path) -> None:
    """Raise DataError unless the user's data are a folder."""
    check_exists(source)
    if not source.is_dir():
        raise DataError(
            f"data.path: {source}: got a file, expected a folder with a sub-folder for each class"
        )


def check_suffix(source: Path, *suffixes: str) -> dict[str, Path]:
    """Return the file, or the folder's files, by split; raises DataError for another suffix."""
    check_exists(source)
    if source.is_file():
        if source.suffix.lower() not in suffixes:
            expected = f"{' or '.join(suffixes)}{_other_name(source)}"
            raise DataError(f"data.path: {source}: got a file {source.suffix}, expected {expected}")
        refuse_page(source)
        return {"train": source}
    return files(source, *suffixes)


def _other_name(path: Path) -> str:
    """Say which data set takes a file of this suffix."""
    names = [name for name, known in SUFFIXES.items() if path.suffix.lower() in known]
    return f"; or set data.name to {names[0]}, which takes it" if names else ""


@contextmanager
def named_by_source(raw: Path, source: Path) -> Iterator[None]:
    """Make DataErrors name the user's file instead of its copy in `raw`."""
    try:
        yield
    except DataError as error:
        copy = raw / source.name if source.is_file() else raw
        raise DataError(str(error).replace(str(copy), str(source.resolve()))) from None


def files(folder: Path, *suffixes: str) -> dict[str, Path]:
    """Return the folder's file of each split, or its only file as train; raises DataError."""
    found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    by_split = {SPELLINGS.get(path.stem.lower(), path.stem): path for path in found}
    for path in found:
        if path.suffix.lower() not in suffixes or not path.is_file():
            expected = f"{' or '.join(suffixes)}{_other_name(path)}"
            raise DataError(f"{path}: expected a file {expected}")
    for path in found:
        refuse_page(path)
    whole = len(by_split) == len(found) > 1 and "train" in by_split
    if whole and set(by_split) <= set(SPLITS):
        return {split: by_split[split] for split in SPLITS if split in by_split}
    if len(found) != 1:
        names = ", ".join(f"{split}{suffixes[0]}" for split in SPLITS)
        raise DataError(
            f"{folder}: {len(found)} files, expected one, or of {names} the first and any other"
        )
    return {"train": found[0]}
