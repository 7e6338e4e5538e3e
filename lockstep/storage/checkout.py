"""Find the project that a folder is in, and the same project in git's main checkout."""

import re
from pathlib import Path

from lockstep.errors import MachineError, one_line
from lockstep.storage import git, layout

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
    if common and common.name == ".git":
        return common.parent / folder_in_repository(root)
    # Without git, or in a submodule or a worktree of a bare clone, whose workspaces lie below it.
    above = (each for each in root.resolve().parents if each.match(str(layout.WORKSPACES)))
    workspaces = next(above, None)
    return workspaces.parent.parent if workspaces else root.resolve()


def common_directory(root: Path) -> Path | None:
    """Return the git directory that all worktrees share; None without git."""
    found = git.answer(root, "rev-parse", "--git-common-dir")
    return (root / found).resolve() if found else None


def folder_in_repository(root: Path) -> Path:
    """Return the project's folder, relative to the top folder of its git checkout."""
    return Path(git.answer(root, "rev-parse", "--show-prefix"))


def commit_of(root: Path) -> str:
    """Return the full hash of HEAD; empty without a commit."""
    return git.answer(root, "rev-parse", "--verify", "--quiet", "HEAD")


def origin_of(root: Path) -> str:
    """Return the address of the git remote `origin`, without a password; empty if there is none."""
    return one_line(git.answer(root, "config", "--get", "remote.origin.url"))


def changed_files(root: Path) -> list[str]:
    """Return the files of `changes` that no stage has written; none without a commit."""
    names = changes(root) if commit_of(root) else []
    return [each for each in names if not is_written(each) and each != str(layout.LOCK)]


def is_written(file: str) -> bool:
    """Return whether stages write a file of the project, or the folder that it is in."""
    return any(map(Path(file).is_relative_to, layout.WRITTEN))


def changes(root: Path) -> list[str]:
    """Return the project's tracked files that differ from HEAD; raises MachineError without one."""
    # Of a renamed file both names.
    shown = git.names(root, "diff", "--name-only", "--no-renames", "--relative", "-z", "HEAD")
    return shown + _hidden(root)


def _hidden(root: Path) -> list[str]:
    """Those that differ though `git update-index` was told that git needn't look at them.

    By its options `--assume-unchanged` and `--skip-worktree`.
    """
    lines = git.answer(root, "ls-files", "-v", "-z").split("\0")
    hidden = [line[2:] for line in lines if line[:1].islower() or line[:1] == "S"]
    return [each for each in hidden if (root / each).is_file() and _differs(root, each)]


def _differs(root: Path, name: str) -> bool:
    return git.ended(root, "show", f"HEAD:./{name}").stdout != (root / name).read_bytes()


def worktrees_of(root: Path) -> list[Path]:
    """Return the project's folder in each of the repository's worktrees that are there.

    Without git it is `root` alone.
    """
    found = (top / folder_in_repository(root) for top in tops_of_worktrees(root))
    return [each for each in found if each.is_dir()] or [root]


def tops_of_worktrees(root: Path) -> list[Path]:
    """Return the top folder of each of the repository's worktrees; none without git."""
    lines = git.answer(root, "worktree", "list", "--porcelain").splitlines()
    return [Path(each.removeprefix("worktree ")) for each in lines if each[:9] == "worktree "]
