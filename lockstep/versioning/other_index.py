"""Run git with an index of its own: that of the checkout stays as it is."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.process.temporary_folders import temporary_folder

Variables = Mapping[str, str]


@contextmanager
def index_of_head(root: Path) -> Iterator[Variables]:
    """Yield the variable for an index with what HEAD has."""
    with _new_index() as index:
        git(root, index, "read-tree", "HEAD")
        yield index


@contextmanager
def copied_index(root: Path) -> Iterator[Variables]:
    """Yield the variable for a copy, with the times of files, so that git needn't read them."""
    found = os.fsdecode(git(root, {}, "rev-parse", "--git-path", "index")).removesuffix("\n")
    with _new_index() as index:
        shutil.copyfile(root / found, index["GIT_INDEX_FILE"])
        yield index


@contextmanager
def _new_index() -> Iterator[Variables]:
    with temporary_folder() as folder:
        yield {"GIT_INDEX_FILE": str(folder / "index")}


def git(root: Path, variables: Variables, *arguments: str) -> bytes:
    """Run git, and return its output; raises MachineError if it fails."""
    answer = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={**os.environ, **variables},
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        reason = " ".join(os.fsdecode(answer.stderr).split())
        raise MachineError(f"{root}: git {arguments[0]}: {reason}")
    return answer.stdout
