"""Whether git works in a repository: while its editor or hook runs, it has no lock file open."""

from collections.abc import Iterator
from pathlib import Path

from lockstep.process import commands
from lockstep.storage.checkout import common_directory, tops_of_worktrees


def works_in(root: Path) -> bool:
    """Return whether a process of git works in a worktree of the repository, or in its directory.

    One of another user, whose folder can't be read, counts as one.
    """
    # Of a submodule, git lists its directory instead of the checkout, which `root` is in.
    places = [root, *tops_of_worktrees(root), *filter(None, [common_directory(root)])]
    inside = [each.resolve() for each in places]
    return any(_is_below(process, inside) for process in _processes())


def _processes() -> Iterator[int]:
    """All processes of git that haven't ended."""
    for each in Path("/proc").glob("[0-9]*"):
        process = int(each.name)
        if Path(*commands.words_of(process)[:1]).name == "git":
            yield process


def _is_below(process: int, places: list[Path]) -> bool:
    try:
        folder = Path(f"/proc/{process}/cwd").readlink()
    except PermissionError:
        return True
    except OSError:  # it has ended
        return False
    return any(folder.is_relative_to(each) for each in places)
