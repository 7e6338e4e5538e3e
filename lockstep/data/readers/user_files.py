"""What the kinds of one's own data share: bringing them here, and a test split."""

import shutil
from pathlib import Path

import numpy as np

from lockstep.errors import DataError

TEST_OF = 5


def bring(source: Path, raw: Path) -> None:
    """Copy a file or all of a folder into the folder `raw`.

    Raises DataError for what isn't there, isn't a plain file, or leads out of the folder.
    """
    if not source.exists():
        raise DataError(f"data.path: {source}: no such file or folder, expected your data there")
    if source.is_file():
        shutil.copyfile(source, raw / source.name)
        return
    for path in sorted(source.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(source).parts):
            continue  # what a desktop leaves behind
        if not path.resolve().is_relative_to(source.resolve()):
            raise DataError(f"{path}: leads to {path.resolve()}, expected to stay in {source}")
        if path.is_dir():
            (raw / path.relative_to(source)).mkdir(parents=True, exist_ok=True)
        elif path.is_file():
            shutil.copyfile(path, raw / path.relative_to(source))
        else:
            raise DataError(f"{path}: neither a file nor a folder, remove it")


def files(folder: Path, suffix: str) -> dict[str, Path]:
    """Return train and test files of `folder`, or its only one as train; raises DataError."""
    found = sorted(folder.iterdir())
    by_split = {path.stem: path for path in found}
    odd = [path for path in found if path.suffix.lower() != suffix or not path.is_file()]
    if odd:
        raise DataError(f"{odd[0]}: expected a file {suffix}")
    if set(by_split) == {"train", "test"}:
        return {"train": by_split["train"], "test": by_split["test"]}
    if len(found) != 1:
        raise DataError(
            f"{folder}: {len(found)} files, expected one, or train{suffix} and test{suffix}"
        )
    return {"train": found[0]}


def for_testing(count: int) -> np.ndarray:
    """Say which of `count` examples are for testing, where nobody said so: a fifth of them.

    Drawn, since rows may have a period; always the same ones, so that runs can be compared.
    """
    if count < TEST_OF:
        raise DataError(f"{count} examples, expected at least {TEST_OF} to split")
    test = np.zeros(count, bool)
    test[np.random.default_rng(0).permutation(count)[: count // TEST_OF]] = True
    return test
