"""What git has recorded: commits, their trees and files, and references to them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lockstep.errors import MachineError
from lockstep.storage import git
from lockstep.storage.checkout import common_directory

# Otherwise, of a merge whose file is that of one parent, git follows only this parent.
ALL = "--full-history"
READABLE = "expected a git checkout of which all commits can be read: `git fsck` says which can't"


def read_at(root: Path, commit: str, path: Path) -> str:
    """Return the text of a project's file at a commit, or HEAD; empty if there is none."""
    return git.answer(root, "show", f"{commit}:./{path.as_posix()}")


def commit_named(root: Path, name: str) -> str:
    """Return the commit of a git revision; empty if there is none of this name."""
    return git.answer(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )


def tree_of(root: Path, commit: str) -> str:
    """Return git's id of the tree of a commit."""
    return git.answer(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")


def files_of(root: Path, tree: str, paths: Sequence[str]) -> dict[str, str]:
    """Return git's ids of the project's files at or below these paths of a tree."""
    lines = git.answer(root, "ls-tree", "-r", "-z", tree, "--", *paths).split("\0") if paths else []
    entries = (line.partition("\t") for line in lines if line)
    return {path: entry.split(" ")[2] for entry, _, path in entries}


def files_that_differ(root: Path, before: str, after: str) -> dict[str, str]:
    """Return the project's files that differ between two trees, with `A`, `M`, `T` or `D`."""
    answer = git.answer(
        root, "diff-tree", "-r", "-z", "--name-status", "--no-renames", "--relative", before, after
    )
    fields = answer.split("\0")
    return dict(zip(fields[1::2], fields[::2], strict=False))


def _read(root: Path, *arguments: str) -> list[str]:
    """Return the lines of git's answer, none without git; raises MachineError if it fails."""
    if not common_directory(root):
        return []
    try:
        return os.fsdecode(git.done(root, *arguments)).splitlines()
    except MachineError as error:
        raise MachineError(f"{error}; {READABLE}") from None


class Reference(NamedTuple):
    """A reference of git's to a commit, with this commit's tree."""

    name: str  # such as refs/heads/main
    commit: str
    tree: str


def references_below(root: Path, prefix: str) -> list[Reference]:
    """Return the references below a prefix, in the order in which they were committed."""
    form = "%(refname) %(objectname) %(tree)"
    lines = _read(root, "for-each-ref", "--sort=committerdate", f"--format={form}", prefix)
    return [Reference(*line.split(" ")) for line in lines]


def commits_with(root: Path, path: Path) -> list[str]:
    """Return the commits of branches and tags that have changed a file, the oldest first."""
    return _read(
        root, "log", "--branches", "--tags", "--reverse", ALL, "--diff-filter=AM", "--format=%H",
        "--", str(path),
    )  # fmt: skip


def blobs_of_all_commits(root: Path, patterns: Sequence[str]) -> list[str]:
    """Return git's ids of all files that match, in any commit of any reference, worktree or stash.

    Raises MachineError if git can't read all of them.
    """
    # Of stashes, a reference leads to the newest one only.
    stashes = git.answer(root, "rev-list", "--walk-reflogs", "--ignore-missing", "refs/stash", "--")
    commits = ("--all", *stashes.split())
    listed = git.ended(root, "rev-list", "--objects", ALL, *commits, "--", *patterns)
    # Of a torn reference git before 2.31 only warns, and only where it lists them.
    for each in (listed, git.ended(root, "for-each-ref", "--format=")):
        if each.returncode or each.stderr:
            raise MachineError(f"{root}: git rev-list: {git.reason(each)}; {READABLE}")
    return [line.partition(" ")[0] for line in os.fsdecode(listed.stdout).splitlines()]
