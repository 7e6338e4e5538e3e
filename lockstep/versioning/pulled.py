"""Pull outputs from DVC's default remote, and check every byte: DVC itself trusts a remote."""

import json
from pathlib import Path

from dvc.exceptions import DvcException
from dvc_data.hashfile.hash_info import HashInfo

from lockstep.errors import DataError, LockstepError, UnavailableError
from lockstep.storage import atomic_files
from lockstep.versioning.experiments import dvc_command
from lockstep.versioning.recorded import md5s, recorded_stages
from lockstep.versioning.repository import open_repository

FOLDER = ".dir"  # ends the hash of a folder
NOT_IN_REMOTE = "do not exist neither locally nor on remote"


def default_remote(root: Path) -> str:
    """Return the name of DVC's default remote; empty if there is none."""
    with open_repository(root) as repo:
        return str(repo.config["core"].get("remote") or "")


def pull(root: Path, out: Path) -> bool:
    """Pull an output of dvc.lock from the default remote; return False if the remote hasn't got it.

    Raises DataError that names a file whose content isn't the recorded one, UnavailableError if the
    remote can't be reached.
    """
    md5 = md5s(recorded_stages(root), "outs")[str(out)]
    problem: LockstepError | None = None
    try:
        dvc_command(root, "pull", str(out))
    except LockstepError as error:
        problem = error
    there = object_of(root, md5).exists()
    if there:
        _check(root, out, md5)
    if problem is None:
        return True
    if NOT_IN_REMOTE not in str(problem):
        raise UnavailableError(f"{problem}; expected DVC's remote to answer")
    if there:
        raise DataError(f"{out}: DVC's remote has only some of its files: {problem}")
    return False


def object_of(root: Path, md5: str) -> Path:
    """Return the path of an object in the DVC cache that a checkout uses."""
    with open_repository(root) as repo:
        return Path(repo.cache.local.oid_to_path(md5))


def _check(root: Path, out: Path, md5: str) -> None:
    """Read what was pulled again; raises DataError for the first file with other content."""
    expected = md5.removesuffix(FOLDER)
    _require(object_of(root, md5), str(out), expected)
    if md5 == expected:
        return
    for entry in json.loads(object_of(root, md5).read_bytes()):
        file = object_of(root, entry["md5"])
        if file.exists():
            _require(file, f"{out}/{entry['relpath']}", entry["md5"])


def _require(file: Path, name: str, expected: str) -> None:
    found = atomic_files.md5(file)
    if found != expected:
        raise DataError(
            f"{name}: got md5 {found} from DVC's remote, expected {expected} as recorded: the "
            "remote's copy is damaged; `dvc push` from a checkout that has the data, after "
            "removing that copy, mends it"
        )


def fetched(root: Path, md5: str) -> Path | None:
    """Return the object with this hash from the default remote, or None if the remote lacks it."""
    with open_repository(root) as repo:
        remote = repo.config["core"].get("remote")
        if not remote:
            return None
        try:
            repo.cloud.pull([HashInfo("md5", md5)], remote=remote)
        except (DvcException, OSError, ImportError):  # the last without the remote's package
            return None
    file = object_of(root, md5)
    return file if file.exists() and atomic_files.md5(file) == md5 else None
