"""What a workspace gets from the checkout beside HEAD: changes, untracked inputs, and the data."""

import shutil
from pathlib import Path

from lockstep.config.yaml_files import read_yaml
from lockstep.process import console
from lockstep.storage import git, layout
from lockstep.storage.checkout import changes
from lockstep.versioning import data_sources, experiments
from lockstep.versioning.difference import untracked_inputs


def copy_changes(root: Path, workspace: Path) -> None:
    """Copy the changes of tracked files since HEAD, and say how many there are."""
    changed = changes(root)
    _copy(root, workspace, changed)
    if changed:
        console.say(f"uncommitted changes are copied to the workspace: {len(changed)} files")


def add_inputs(root: Path, workspace: Path, preset: str | None) -> None:
    """Copy the untracked files that the workspace's stages read, and the preset's; link the data.

    Everything else that git doesn't track, such as a file of passwords, stays out, since the
    experiment may be pushed.
    """
    untracked = _untracked(root)
    inputs = untracked_inputs(workspace, untracked, preset)
    new = [file for file in inputs if not (workspace / file).exists()]
    _copy(root, workspace, new)
    for file in new:
        console.say(f"{file}: untracked, but the run reads it, so the experiment includes it")
    if len(inputs) < len(untracked):
        count = len(untracked) - len(inputs)
        console.say(f"untracked files that stay out: {count}; `git add` a file to include it")
    path = _data_path(workspace)
    if data_sources.is_recorded(workspace, path):
        data_sources.require_as_recorded(root, path)
    link_data(root, workspace)


def saved_with(workspace: Path, preset: str | None) -> list[str]:
    """Return the untracked files that belong to an experiment: what its stages read or write."""
    written = experiments.outputs_in_git(workspace)
    untracked = _untracked(workspace)
    inputs = untracked_inputs(workspace, untracked, preset)
    return [file for file in untracked if file in written] + inputs


def _untracked(root: Path) -> list[str]:
    """Return the files that git neither tracks nor ignores."""
    return git.names(root, "ls-files", "-oz", "--exclude-standard")


def _copy(root: Path, workspace: Path, names: list[str]) -> None:
    """Make these files of the workspace equal to the checkout's, where some may be deleted."""
    for name in names:
        target = workspace / name
        target.unlink(missing_ok=True)
        if (root / name).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)


def link_data(root: Path, workspace: Path, *, recorded: bool = False) -> None:
    """Link a relative data.path that git doesn't track, so that the workspace finds the data.

    Data that a .dvc file records are linked only if `recorded`: DVC's checkout restores them, and
    would write other data through a link.
    """
    path = _data_path(workspace)
    if not recorded and data_sources.is_recorded(workspace, path):
        return
    if (root / path).exists() and not (workspace / path).exists():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).symlink_to((root / path).resolve())


def _data_path(workspace: Path) -> str:
    return str(read_yaml(workspace / layout.PARAMS)["data"]["path"])
