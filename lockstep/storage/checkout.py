"""Find the project that a folder is in, and the same project in git's main checkout."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lockstep.errors import MachineError, one_line
from lockstep.storage import layout

# A colon ends a folder in PATH, `?` begins the options of a database's URL, and Python's .pth files
# and DVC's lock files have one path per line.
UNSUPPORTED = re.compile(r"[:?\x00-\x1f\x7f\ud800-\udfff]")


def find_project(folder: Path) -> Path:
    """Return `folder` or its nearest parent with dvc.yaml; raises MachineError if none has one."""
    for candidate in (folder, *folder.parents):
        if (candidate / layout.GRAPH).exists():
            check_folder_name(candidate)
            return candidate
    raise MachineError(
        f"{folder}: no {layout.GRAPH} here or above, expected to be run in a project"
    )


def check_folder_name(root: Path) -> None:
    """Raise MachineError if the path of a project has a character that isn't supported."""
    found = UNSUPPORTED.search(str(root.resolve()))
    if found:
        raise MachineError(
            f"{str(root.resolve())!r}: got {found[0]!r} in the project's path, expected a folder "
            "without colons, question marks, line breaks and bytes that aren't UTF-8; move it"
        )


def main_checkout(root: Path) -> Path:
    """Return the project in the main checkout if `root` is in a git worktree, or else `root`.

    Runs and logs that are kept after a workspace is deleted are stored there. Raises MachineError
    if git refuses to read the repository because of its owner.
    """
    common = common_directory(root)
    if not common or common.name != ".git":  # without git, or in a submodule
        return root.resolve()
    return common.parent / folder_in_repository(root)


def common_directory(root: Path) -> Path | None:
    """Return the git directory that all worktrees share; None without git."""
    found = _git(root, "rev-parse", "--git-common-dir")
    return (root / found).resolve() if found else None


def folder_in_repository(root: Path) -> Path:
    """Return the project's folder, relative to the top folder of its git checkout."""
    return Path(_git(root, "rev-parse", "--show-prefix"))


def commit_of(root: Path) -> str:
    """Return the full hash of HEAD; empty without a commit."""
    return _git(root, "rev-parse", "--verify", "--quiet", "HEAD")


def origin_of(root: Path) -> str:
    """Return the address of the git remote `origin`, without a password; empty if there is none."""
    return one_line(_git(root, "config", "--get", "remote.origin.url"))


def changed_files(root: Path) -> list[str]:
    """Return the project's tracked files that differ from HEAD, without the stages' results."""
    names = _git(root, "diff", "--name-only", "--relative", "-z", "HEAD").split("\0")
    names += hidden_changes(root)
    results = (*layout.RESULTS, str(layout.LOCK))
    return [each for each in names if each and not each.startswith(results)]


def hidden_changes(root: Path) -> list[str]:
    """Return the project's files that differ from HEAD though git was told not to look at them.

    `git update-index --assume-unchanged` and `--skip-worktree` tell it so.
    """
    lines = _git(root, "ls-files", "-v", "-z").split("\0")
    hidden = [line[2:] for line in lines if line[:1].islower() or line[:1] == "S"]
    return [each for each in hidden if (root / each).is_file() and _differs(root, each)]


def _differs(root: Path, name: str) -> bool:
    return _asked(root, "show", f"HEAD:./{name}").stdout != (root / name).read_bytes()


def read_at(root: Path, commit: str, path: Path) -> str:
    """Return the text of a project's file at a commit, or HEAD; empty if there is none."""
    return _git(root, "show", f"{commit}:./{path.as_posix()}")


def commit_named(root: Path, name: str) -> str:
    """Return the commit of a git revision; empty if there is none of this name."""
    return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")


def tree_of(root: Path, commit: str) -> str:
    """Return git's id of the tree of a commit."""
    return _git(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")


def files_of(root: Path, tree: str, paths: Sequence[str]) -> dict[str, str]:
    """Return git's ids of the project's files at or below these paths of a tree."""
    lines = _git(root, "ls-tree", "-r", "-z", tree, "--", *paths).split("\0") if paths else []
    entries = (line.partition("\t") for line in lines if line)
    return {path: entry.split(" ")[2] for entry, _, path in entries}


def files_that_differ(root: Path, before: str, after: str) -> dict[str, str]:
    """Return the project's files that differ between two trees, with `A`, `M`, `T` or `D`."""
    answer = _git(
        root, "diff-tree", "-r", "-z", "--name-status", "--no-renames", "--relative", before, after
    )
    fields = answer.split("\0")
    return dict(zip(fields[1::2], fields[::2], strict=False))


class Reference(NamedTuple):
    """A reference of git's to a commit, with this commit's tree."""

    name: str  # such as refs/heads/main
    commit: str
    tree: str


def references_below(root: Path, prefix: str) -> list[Reference]:
    """Return the references below a prefix, in the order in which they were committed."""
    form = "%(refname) %(objectname) %(tree)"
    lines = _git(root, "for-each-ref", "--sort=committerdate", f"--format={form}", prefix)
    return [Reference(*line.split(" ")) for line in lines.splitlines()]


def commits_with(root: Path, path: Path) -> list[str]:
    """Return the commits of branches and tags that have changed a file, the oldest first."""
    found = _git(
        root, "log", "--branches", "--tags", "--reverse", "--diff-filter=AM", "--format=%H", "--",
        str(path),
    )  # fmt: skip
    return found.split()


def worktrees_of(root: Path) -> list[Path]:
    """Return the project's folder in each of the repository's worktrees that are there.

    Without git it is `root` alone.
    """
    lines = _git(root, "worktree", "list", "--porcelain").splitlines()
    tops = [Path(each.removeprefix("worktree ")) for each in lines if each[:9] == "worktree "]
    found = (top / folder_in_repository(root) for top in tops)
    return [each for each in found if each.is_dir()] or [root]


def blobs_of_all_commits(root: Path, patterns: Sequence[str]) -> list[str]:
    """Return git's ids of all files that match, in any commit of any reference, worktree or stash.

    Raises MachineError if git can't read all of them.
    """
    # Of stashes, a reference leads to the newest one only.
    stashes = _git(root, "rev-list", "--walk-reflogs", "--ignore-missing", "refs/stash", "--")
    commits = ("--all", *stashes.split())
    answer = _asked(root, "rev-list", "--objects", *commits, "--", *patterns)
    # Of a torn reference git before 2.31 only warns, and only where it lists them.
    said = answer.stderr or _asked(root, "for-each-ref", "--format=").stderr
    if answer.returncode or said:
        reason = " ".join(os.fsdecode(said).split())
        raise MachineError(
            f"{root}: git rev-list: {reason or 'failed'}; expected a git checkout of which all "
            "commits can be read: `git fsck` says which can't"
        )
    return [line.partition(" ")[0] for line in os.fsdecode(answer.stdout).splitlines()]


def _git(root: Path, *arguments: str) -> str:
    """Return git's answer, which is empty if it fails."""
    return os.fsdecode(_asked(root, *arguments).stdout.removesuffix(b"\n"))


def _asked(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git; raises MachineError if it refuses to read the repository because of its owner."""
    answer = subprocess.run(
        ["git", *arguments], cwd=root, env=dict(os.environ), capture_output=True, check=False
    )
    refused = re.search(r"git config --global --add safe\.directory .*", os.fsdecode(answer.stderr))
    if refused:
        raise MachineError(
            f"{root}: belongs to another user, so git refuses to read it; if you trust it: "
            f"{refused[0].strip()}"
        )
    return answer
