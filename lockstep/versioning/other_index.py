"""Indexes for git besides that of the checkout, which stays as it is."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockstep.process.temporary_folders import temporary_folder
from lockstep.storage import git
from lockstep.storage.git import Variables


@contextmanager
def index_of_head(root: Path) -> Iterator[Variables]:
    """Yield the variable for an index with what HEAD has."""
    with _new_index() as index:
        git.done(root, "read-tree", "HEAD", variables=index)
        yield index


@contextmanager
def copied_index(root: Path) -> Iterator[Variables]:
    """Yield the variable for a copy, with the times of files, so that git needn't read them."""
    found = git.answer(root, "rev-parse", "--git-path", "index")
    with _new_index() as index:
        shutil.copyfile(root / found, index["GIT_INDEX_FILE"])
        yield index


@contextmanager
def _new_index() -> Iterator[Variables]:
    with temporary_folder() as folder:
        yield {"GIT_INDEX_FILE": str(folder / "index")}
