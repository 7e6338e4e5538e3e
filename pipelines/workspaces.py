"""Workspaces: a git worktree for each run with overrides, with the main checkout's DVC cache."""

import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from lockstep.config.overrides import write_overridden
from lockstep.config.surface import PRESETS
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import MachineError, ParamsError
from lockstep.process import console, stopping
from lockstep.process.process_ids import is_alive, process_name
from lockstep.process.runner import announce_runner
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import find_project, folder_in_repository, main_checkout
from lockstep.versioning import experiments
from lockstep.versioning.hashes import experiment_key

NAME_LENGTH = 40


def run(root: Path, assignments: list[str], preset: str | None, overrides: list[str]) -> None:
    """Run the flow with overrides in a new workspace, and save it as a DVC experiment.

    `assignments` are the preset's changes and then the overrides; the experiment's name is made
    from the preset and the overrides. The main checkout isn't changed. If the run fails, the
    workspace is kept.
    """
    workspace = create(root, assignments, preset)
    with removed(root, workspace):
        experiments.checkout(workspace)
        name = name_of([preset or "", *overrides], experiment_key(workspace))
        _run_flow(workspace, name)
        save(root, workspace, name, preset)
    console.say(f"saved as {name}")
    console.say(f"  compare: dvc exp diff {name}")
    console.say(f"  apply:   dvc exp apply {name}")


def pull() -> dict[str, str]:
    """Create a workspace for a deployed run, and return it as Prefect's working directory.

    This is a pull step of prefect.yaml; Prefect calls it in the deployed project. The run's
    parameters aren't known yet: the flow applies them, and then calls `add_inputs`.
    """
    return {"directory": str(_worktree(find_project(Path.cwd())))}


@contextmanager
def removed(root: Path, workspace: Path) -> Iterator[None]:
    """Remove a workspace after the block; after a failure keep it, and say so.

    After a ParamsError it is removed, since nothing has run. After Ctrl-C or SIGTERM it is removed
    when the next workspace is created: the same run, started again, resumes in a new one.
    """
    try:
        yield
    except ParamsError:
        discard(root, workspace)
        raise
    except (Exception, _RunFailed):
        console.say(f"the workspace is kept: {workspace}")
        _owner_file(workspace).unlink(missing_ok=True)
        raise
    discard(root, workspace)


def save(root: Path, workspace: Path, name: str, preset: str | None) -> None:
    """Save a workspace as a DVC experiment of this name.


    Of untracked files, only those that stages read or write are saved, and the preset's.
    """
    written = experiments.outputs_in_git(workspace)
    untracked = untracked_files(workspace)
    kept = [file for file in untracked if file in written] + _inputs(workspace, untracked, preset)
    with _git_lock(root):
        experiments.save(workspace, name, kept)


def create(root: Path, assignments: list[str], preset: str | None = None) -> Path:
    """Return the project in a new worktree at HEAD, with tracked files' changes and overrides.

    Of untracked files it gets only those that `add_inputs` copies. Raises MachineError if git
    can't create it.
    """
    workspace = _worktree(root)
    write_overridden(workspace / layout.PARAMS, assignments)
    add_inputs(root, workspace, preset)
    return workspace


def _worktree(root: Path) -> Path:
    main = main_checkout(root)
    _git(root, "var", "GIT_COMMITTER_IDENT")  # saving an experiment needs a committer
    experiments.use_cache_of(main, root)
    worktree = main / layout.WORKSPACES / uuid.uuid4().hex[:12]
    workspace = worktree / folder_in_repository(root)
    with _git_lock(root):
        _remove_orphaned(root, worktree.parent)
        owner = {"process": process_name(), "project": str(root)}
        atomic_files.write_json(_owner_file(worktree), owner)
        _git(root, "worktree", "add", "--quiet", "--detach", str(worktree), "HEAD")
    changed = _git(root, "diff", "--relative", "--name-only", "-z", "HEAD")
    _copy(root, workspace, changed)
    if changed:
        console.say(f"uncommitted changes are copied to the workspace: {len(changed)} files")
    experiments.share_cache(main, workspace)
    return workspace


def project_of(workspace: Path) -> Path:
    """Return the checkout that a workspace was made from; a clone is its own."""
    owner = _owner_file(workspace)
    return Path(atomic_files.read_json(owner)["project"]) if owner.exists() else workspace


def add_inputs(root: Path, workspace: Path, preset: str | None) -> None:
    """Copy the untracked files that the workspace's stages read, and the preset's; link the data.

    Everything else that git doesn't track, such as a file of passwords, stays out, since the
    experiment may be pushed.
    """
    untracked = untracked_files(root)
    inputs = _inputs(workspace, untracked, preset)
    new = [file for file in inputs if not (workspace / file).exists()]
    _copy(root, workspace, new)
    for file in new:
        console.say(f"{file}: untracked, but the run reads it, so the experiment includes it")
    if len(inputs) < len(untracked):
        count = len(untracked) - len(inputs)
        console.say(f"untracked files that stay out: {count}; `git add` a file to include it")
    _link_data(root, workspace)


def untracked_files(root: Path) -> list[str]:
    """Return the files that git neither tracks nor ignores."""
    return _git(root, "ls-files", "-oz", "--exclude-standard")


def _inputs(workspace: Path, files: list[str], preset: str | None) -> list[str]:
    """Those of the files that the workspace's stages read; in a folder, only Python files.

    The user's own data is linked instead: DVC stores what the stages make of it.
    """
    data = Path(read_yaml(workspace / layout.PARAMS)["data"]["path"])
    sources = [path for path in experiments.inputs(workspace) if path != data]

    def is_input(file: Path) -> bool:
        in_folder = file.suffix == ".py" and any(file.is_relative_to(path) for path in sources)
        return file in sources or in_folder or file == PRESETS / f"{preset}.yaml"

    return [file for file in files if is_input(Path(file))]


def discard(root: Path, workspace: Path) -> None:
    """Remove a workspace."""
    with _git_lock(root):
        _remove(root, workspace)


def _remove(root: Path, workspace: Path) -> None:
    worktree = _worktree_of(workspace)
    with suppress(MachineError):  # git was killed while it made or removed the worktree
        # Twice: while git makes a worktree, it is locked.
        _git(root, "worktree", "remove", "--force", "--force", str(worktree))
    shutil.rmtree(worktree, ignore_errors=True)
    _git(root, "worktree", "prune")
    _owner_file(worktree).unlink(missing_ok=True)


def _owner_file(workspace: Path) -> Path:
    """Return the file with the process that uses a workspace, and the project it is made from."""
    worktree = _worktree_of(workspace)
    return worktree.with_name(f"{worktree.name}.owner.json")


def _worktree_of(workspace: Path) -> Path:
    """Return the top folder of a workspace's worktree; the project may lie in a folder of it."""
    inside = (workspace, *workspace.parents)
    of_worktrees = (each for each in inside if each.parent.match(str(layout.WORKSPACES)))
    return next(of_worktrees, workspace)  # a clone, on another machine


def _remove_orphaned(root: Path, folder: Path) -> None:
    """Remove workspaces whose process was killed; its results are in snapshots and the cache."""
    for owner in folder.glob("*.owner.json"):
        if not is_alive(atomic_files.read_json(owner)["process"]):
            _remove(root, owner.with_name(owner.name.partition(".")[0]))


def name_of(labels: Iterable[str], key: str) -> str:
    """Return a short experiment name from preset and overrides, such as cnn-epochs-3-1a2b3c4d."""
    parts = (re.sub(r"[^\w.]+", "-", _short(each)).strip("-.") for each in labels)
    name = "-".join(filter(None, parts)) or "unchanged"
    return f"{re.sub(r'[.]{2,}', '.', name)[:NAME_LENGTH].rstrip('-.')}-{key[:8]}"


def _short(word: str) -> str:
    """Return a preset's name unchanged; shorten `key=value` to the last parts of key and path."""
    key, _, value = word.rpartition("=")
    last = key.rpartition(".")[2]
    value = Path(value).stem if "/" in value else value
    return value if last in ("", "name", "path") else f"{last}-{value}"


def _git_lock(root: Path) -> FileLock:
    """Return a lock for short changes to the git directory that all workspaces share.

    Two `dvc exp save` at the same time fail, because they stash under the same reference.
    """
    lock = main_checkout(root) / layout.GIT_LOCK
    lock.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(lock)


def _copy(root: Path, workspace: Path, names: list[str]) -> None:
    """Make these files of the workspace equal to the checkout's, where some may be deleted."""
    for name in names:
        target = workspace / name
        target.unlink(missing_ok=True)
        if (root / name).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)


def _link_data(root: Path, workspace: Path) -> None:
    """Link a relative data.path that git doesn't track, so that the workspace finds the data."""
    path = read_yaml(workspace / layout.PARAMS)["data"]["path"]
    if (root / path).exists() and not (workspace / path).exists():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).symlink_to((root / path).resolve())


def _run_flow(workspace: Path, name: str) -> None:
    # `python -m lockstep` uses the code of the project in its working directory.
    command = [sys.executable, "-m", "lockstep", "run"]
    announce_runner()  # so that the child ends with this process
    variables = {experiments.NAME: name, stopping.SILENT: "1"}
    process = subprocess.Popen(command, cwd=workspace, env={**os.environ, **variables})
    try:
        code = process.wait()
    except BaseException as stop:
        interrupted = isinstance(stop, KeyboardInterrupt)
        # A terminal has sent it to the child too, which takes both for one.
        process.send_signal(signal.SIGINT if interrupted else signal.SIGTERM)
        process.wait()
        raise
    if code:
        # The child has already printed the error.
        raise _RunFailed(code if code > 0 else 128 - code)


class _RunFailed(SystemExit):
    """The child process of a run has failed."""


def _git(root: Path, *arguments: str) -> list[str]:
    """Run git, and return its output split at zero bytes; raises MachineError if it fails."""
    answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    if answer.returncode:
        lines = os.fsdecode(answer.stderr).strip().splitlines()
        needs = "a workspace needs a git checkout with a commit, user.name and user.email"
        raise MachineError(
            f"{root}: git {arguments[0]}: {lines[-1] if lines else 'failed'}; {needs}"
        )
    return [os.fsdecode(name) for name in answer.stdout.split(b"\0") if name]
