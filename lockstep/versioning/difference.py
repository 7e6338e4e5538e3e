"""The difference of a checkout from its commit, as a patch that `git apply` takes."""

from collections.abc import Iterable
from pathlib import Path

from lockstep.config.surface import PRESETS
from lockstep.config.yaml_files import read_yaml
from lockstep.storage import git, layout
from lockstep.storage.checkout import commit_of, is_written
from lockstep.versioning import experiments
from lockstep.versioning.other_index import index_of_head

# A user's git configuration changes none of these.
AS_PATCH = (
    "diff", "HEAD", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv",
    "--no-renames", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip


def difference(root: Path) -> bytes:
    """Return the changes since HEAD, with new files as `_new_files` has them, as a patch.

    What stages write is left out. The paths start at the top of the repository. Empty without a
    commit.
    """
    if not commit_of(root):
        return b""
    new = _new_files(root)
    excluded = [f":(exclude){each}" for each in (*layout.WRITTEN, layout.LOCK)]
    with index_of_head(root) as index:
        if new:
            git.done(root, "add", "--force", "--intent-to-add", "--", *new, variables=index)
        return git.done(root, *AS_PATCH, "--", ".", *excluded, variables=index)


def workspace_tree(root: Path) -> str:
    """Return git's id of a tree with the tracked files as they are, and new ones.

    Its objects are added to git's. Nothing refers to them, so that `git gc` removes them.
    """
    new = _new_files(root)
    with index_of_head(root) as index:
        git.done(root, "add", "--update", variables=index)
        if new:
            git.done(root, "add", "--force", "--", *new, variables=index)
        return git.done(root, "write-tree", variables=index).decode().strip()


def _new_files(root: Path) -> list[str]:
    """Return the files that HEAD lacks: those that `git add` added, and untracked inputs."""
    listed = ("--name-only", "--no-renames", "--relative", "-z", "HEAD")
    added = git.names(root, "diff", "--cached", "--diff-filter=A", *listed)
    untracked = git.names(root, "ls-files", "-oz", "--exclude-standard")
    kept = (each for each in added if (root / each).exists() and not is_written(each))
    return [*kept, *untracked_inputs(root, untracked)]


def untracked_inputs(root: Path, files: Iterable[str], preset: str | None = None) -> list[str]:
    """Return those of the untracked files that stages read; in a folder, only Python files.

    The user's own data are left out: DVC stores what the stages make of them.
    """
    data = Path(read_yaml(root / layout.PARAMS)["data"]["path"])
    sources = [path for path in experiments.inputs(root) if path != data]

    def is_input(file: Path) -> bool:
        in_folder = file.suffix == ".py" and any(file.is_relative_to(path) for path in sources)
        return file in sources or in_folder or file == PRESETS / f"{preset}.yaml"

    return [file for file in files if is_input(Path(file))]
