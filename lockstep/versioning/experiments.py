"""DVC for an experiment's own workspace: share the cache, check out and save."""

import contextlib
import io
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from configobj import ConfigObj
from dvc.config import Config
from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import CheckoutError

from lockstep.errors import LockstepError
from lockstep.storage.atomic_files import whole_file
from lockstep.versioning import lock_file
from lockstep.versioning.remotes import require_package
from lockstep.versioning.repository import cache_of, open_repository, read_repository
from lockstep.versioning.verification import verify_outputs

NAME = "DVC_EXP_NAME"  # DVC sets it to the experiment's name for the stages it runs
NAMED = {"remote", "machine", "db"}  # sections of DVC's configuration that have names
# DVC warns of outputs that aren't in the cache: normal before the stages have run.
logging.getLogger("dvc_data").setLevel(logging.ERROR)


def share_cache(main: Path, workspace: Path) -> None:
    """Make a workspace use the main checkout's DVC cache and its .dvc/config.local."""
    _write_local(workspace, Config(str(main / ".dvc")).load_one("local"), cache_of(main))


def use_cache_of(main: Path, root: Path) -> None:
    """Make a git worktree of the user's own use the main checkout's DVC cache.

    Otherwise an experiment's outputs would be missing in the worktree that it was started from.
    What the worktree's own cache has is moved. A cache that the user has configured stays.
    """
    own, shared = root.resolve() / ".dvc" / "cache", cache_of(main)
    if root.samefile(main) or cache_of(root) != own:
        return
    for file in own.rglob("*"):
        target = shared / file.relative_to(own)
        if file.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, target)
    _write_local(root, Config(str(root / ".dvc")).load_one("local"), shared)
    shutil.rmtree(own, ignore_errors=True)


def use_own_cache(main: Path, clone: Path) -> None:
    """Give a clone an empty DVC cache of its own, and the remotes that the main checkout has now.

    In .dvc/config the path of a remote may be relative to the main checkout.
    """
    config = Config(str(main / ".dvc"))
    settings = config.load_one("repo")
    for section, values in config.load_one("local").items():
        if section in NAMED:
            for name, each in values.items():
                settings[section].setdefault(name, {}).update(each)
        else:
            settings[section].update(values)
    _write_local(clone, settings, clone.resolve() / ".dvc" / "cache")


def _write_local(root: Path, settings: dict[str, Any], cache: Path) -> None:
    """Write .dvc/config.local, with this cache, in UTF-8: DVC itself would write only ASCII."""
    file = root.resolve() / ".dvc" / "config.local"
    # Relative, since `%(` has a meaning in such a file. The settings read have absolute paths.
    settings["cache"]["dir"] = os.path.relpath(cache, file.parent)
    sections = {name: values for name, values in settings.items() if values}
    for kind in NAMED.intersection(sections):
        sections |= {f'{kind} "{name}"': each for name, each in sections.pop(kind).items()}
    text = io.BytesIO()
    ConfigObj(sections, encoding="utf-8", interpolation=False).write(text)
    with whole_file(file) as part:
        part.write_bytes(text.getvalue())


def checkout(workspace: Path) -> None:
    """Check out the outputs of dvc.lock that are in the cache; the stages make the others.

    Raises DataError for damaged ones or a broken dvc.lock, MachineError if the default remote's
    package is missing: DVC needs it for a checkout, and for the push that may follow.
    """
    require_package(workspace)
    lock_file.check(workspace)
    with open_repository(workspace) as repo, contextlib.suppress(CheckoutError):
        repo.checkout(force=True, allow_missing=True)
    verify_outputs(workspace)


def inputs(workspace: Path) -> list[Path]:
    """Return the files and folders that stages read and no stage writes, relative to the project.

    Those outside of the project are left out.
    """
    with read_repository(workspace) as repo:
        root = Path(repo.root_dir)
        written = [Path(out.fs_path) for out in repo.index.outs]
        read = dict.fromkeys(Path(dep.fs_path) for dep in repo.index.deps)
    return [
        path.relative_to(root)
        for path in read
        if path.is_relative_to(root) and not any(path.is_relative_to(out) for out in written)
    ]


def outputs_in_git(workspace: Path) -> set[str]:
    """Return what DVC writes for git, relative to the project.

    These are dvc.lock, the outputs that aren't cached, and .gitignore files for the others.
    """
    with read_repository(workspace) as repo:
        outs = list(repo.index.outs)
    ignored = (str(Path(out.def_path).with_name(".gitignore")) for out in outs)
    return {LOCK_FILE, *(out.def_path for out in outs if not out.use_cache), *ignored}


def dvc_command(workspace: Path, *arguments: str) -> None:
    """Run a DVC command in a workspace; raises LockstepError with its reason."""
    # In a subprocess: these DVC commands act on the current folder, not on a given root.
    command = [sys.executable, "-m", "dvc", *arguments]
    result = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = " ".join(result.stderr.partition("Having any troubles?")[0].split())
        raise LockstepError(f"dvc {' '.join(arguments[:4])}: {reason}")
