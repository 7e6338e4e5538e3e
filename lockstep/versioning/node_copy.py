"""A copy of a workspace, without git, on another machine."""

from pathlib import Path

from dvc.config import Config

CACHE = Path("~/.cache/lockstep/dvc")  # for all copies, so that a data set is pulled once


def use(copy: Path, root: Path) -> None:
    """Make the folder `root` a link to a copy that has DVC's files, but neither cache nor git."""
    root.parent.mkdir(parents=True, exist_ok=True)
    if root.is_symlink():  # to the copy of an earlier run
        root.unlink()
    root.symlink_to(copy)
    config = Config(str(copy / ".dvc"))
    with config.edit("local") as local:
        local.setdefault("core", {})["no_scm"] = True
        local["cache"] = {"dir": str(CACHE.expanduser())}
