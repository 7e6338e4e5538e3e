"""Workspaces: a git worktree for each overridden run, which shares the main checkout's cache."""

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from lockstep.config.overrides import write_overridden
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import MachineError, ParamsError
from lockstep.process import console
from lockstep.process.process_ids import is_alive, process_name
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import find_project, main_checkout
from lockstep.versioning import experiments
from lockstep.versioning.hashes import experiment_key

NAME_LENGTH = 60


def run(root: Path, assignments: list[str], words: Iterable[str]) -> None:
    """Run the flow with overrides in a workspace of its own, and save it as a DVC experiment.

    `words` stand in the experiment's name. The main checkout isn't touched. If the run fails the
    workspace is kept.
    """
    place = create(root, assignments)
    with removed(root, place):
        experiments.fetch(place)
        name = name_of(words, experiment_key(place))
        _run_there(place, name)
        save(root, place, name)
    console.say(f"saved as {name}")
    console.say(f"  compare: dvc exp diff {name}")
    console.say(f"  apply:   dvc exp apply {name}")


def pull() -> dict[str, str]:
    """Make a workspace for a deployed run, in which Prefect then starts it: a pull step.

    Prefect calls it in the project that was deployed: the `working_dir` of prefect.yaml.
    """
    return {"directory": str(create(find_project(Path.cwd()), []))}


@contextmanager
def removed(root: Path, place: Path, kept: type[BaseException] = BaseException) -> Iterator[None]:
    """Remove a workspace after the block; an exception of `kept` leaves it, and a line says so.

    With bad parameters there is nothing to keep. After other exceptions the next run removes it.
    """
    try:
        yield
    except ParamsError:
        discard(root, place)
        raise
    except kept:
        console.say(f"the workspace is kept: {place}")
        _owner(place).unlink(missing_ok=True)
        raise
    discard(root, place)


def save(root: Path, place: Path, name: str) -> None:
    """Save a workspace as a DVC experiment of this name."""
    with _one_at_a_time(root):
        experiments.save(place, name, _git(place, "ls-files", "-oz", "--exclude-standard"))


def create(root: Path, assignments: list[str]) -> Path:
    """Return a new worktree at HEAD with uncommitted changes carried along, and overrides applied.

    Raises MachineError where git can't make one.
    """
    _git(root, "var", "GIT_COMMITTER_IDENT")  # saving an experiment takes a name
    main = main_checkout(root)
    place = main / layout.WORKSPACES / uuid.uuid4().hex[:12]
    with _one_at_a_time(root):
        _sweep(root, place.parent)
        atomic_files.write_text(_owner(place), process_name())
        _git(root, "worktree", "add", "--quiet", "--detach", str(place), "HEAD")
    changed = _carry(root, place)
    if changed:
        console.say(f"uncommitted changes are carried along: {len(changed)} files")
    write_overridden(place / layout.PARAMS, assignments)
    _link_own_data(root, place)
    experiments.share(main, place)
    return place


def discard(root: Path, place: Path) -> None:
    """Remove a workspace."""
    with _one_at_a_time(root):
        _remove(root, place)


def _remove(root: Path, place: Path) -> None:
    if place.exists():
        _git(root, "worktree", "remove", "--force", str(place))
    shutil.rmtree(place, ignore_errors=True)
    _owner(place).unlink(missing_ok=True)


def _owner(place: Path) -> Path:
    """The file that names the process which works in a workspace."""
    return place.with_name(f"{place.name}.process")


def _sweep(root: Path, folder: Path) -> None:
    """Remove the workspaces whose process was killed: what it had is in bundles and the cache."""
    for owner in folder.glob("*.process"):
        if not is_alive(owner.read_text(encoding="utf-8")):
            _remove(root, owner.with_suffix(""))


def name_of(words: Iterable[str], key: str) -> str:
    """Return a readable name for an experiment: train.epochs-3-model.name-cnn-1a2b3c4d."""
    parts = (re.sub(r"[^\w.]+", "-", each).strip("-.") for each in words)
    name = "-".join(filter(None, parts)) or "unchanged"
    return f"{re.sub(r'[.]{2,}', '.', name)[:NAME_LENGTH].rstrip('-.')}-{key[:8]}"


def _one_at_a_time(root: Path) -> FileLock:
    """Hold what takes a moment and changes the git folder that all workspaces share.

    Two `dvc exp save` at once fail: they stash under one reference.
    """
    folder = main_checkout(root) / ".lockstep"
    folder.mkdir(exist_ok=True)
    return FileLock(folder / "git.lock")


def _carry(root: Path, place: Path) -> list[str]:
    """Copy what differs from HEAD, and what git doesn't know and doesn't ignore."""
    changed = _git(root, "diff", "--name-only", "-z", "HEAD")
    changed += _git(root, "ls-files", "-oz", "--exclude-standard")
    for name in changed:
        there = place / name
        there.unlink(missing_ok=True)
        if (root / name).exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, there)
    return changed


def _link_own_data(root: Path, place: Path) -> None:
    """Let a relative data.path that git ignores be found in the workspace as in the checkout."""
    path = read_yaml(place / layout.PARAMS)["data"]["path"]
    if (root / path).exists() and not (place / path).exists():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).symlink_to((root / path).resolve())


def _run_there(place: Path, name: str) -> None:
    # The launcher takes the code of the folder that it is started in.
    command = [sys.executable, "-m", "lockstep", "run"]
    process = subprocess.Popen(command, cwd=place, env={**os.environ, experiments.NAME: name})
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        # It has told its line itself.
        raise SystemExit(code if code > 0 else 128 - code)


def _git(root: Path, *arguments: str) -> list[str]:
    """Run git, and return the names it prints between zero bytes."""
    answer = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        reason = answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "failed"
        needs = "a run of its own needs a git checkout with a commit, user.name and user.email"
        raise MachineError(f"{root}: git {arguments[0]}: {reason}; {needs}")
    return [name for name in answer.stdout.split("\0") if name]
