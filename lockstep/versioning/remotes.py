"""DVC's default remote: whether its package is installed, and whether outputs can be stored there.

As a program it prints a line on the remote of the project in the current folder.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

from dvc.data_cloud import Remote
from dvc.exceptions import DvcException
from dvc.fs import RemoteMissingDepsError

from lockstep.errors import MachineError, one_line
from lockstep.messages import first_line, without_login
from lockstep.process.temporary_folders import temporary_folder
from lockstep.versioning.repository import open_repository

INSTALL = "uv pip install --require-hashes --no-deps -r requirements-remotes.lock"
LOCKED = ("s3", "ssh")  # the schemes whose packages that file has
TRIAL = "lockstep-doctor"  # a file beside the folder `files`, so DVC doesn't look at it
NOT_THERE = {
    "local": "no such folder; mount it, or make it",
    "ssh": "no such folder, or no such key file here; make it, or correct `dvc remote modify`",
    "s3": "make the bucket, or name another by `dvc remote modify`",
}
REFUSED = {
    "local": "let this user write there",
    "ssh": "give the user and key that may write there by `dvc remote modify --local`",
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may write there",
}


def default_address(root: Path) -> str:
    """Return the address of the default remote, without a password; empty if there is none."""
    with open_repository(root) as repo:
        name = repo.config["core"].get("remote")
        url = repo.config["remote"].get(name, {}).get("url", name)
    return without_login(url) if name else ""


def require_package(root: Path) -> None:
    """Raise MachineError if the default remote can't be used here, whether it answers or not."""
    if default_address(root):
        _default(root)


def _default(root: Path) -> Remote:
    address = default_address(root)
    scheme = address.partition("://")[0]
    try:
        with open_repository(root) as repo:
            return repo.cloud.get_remote()
    except (ImportError, RemoteMissingDepsError):
        install = INSTALL if scheme in LOCKED else f"uv pip install 'dvc[{scheme}]'"
        raise MachineError(
            f"DVC remote {address}: dvc-{scheme} isn't installed; install it: {install}"
        ) from None
    except DvcException as error:
        raise MachineError(f"DVC remote {address}: {first_line(error)}") from None


def line(root: Path) -> str:
    """Store a small file in the default remote and remove it; say whether that works."""
    try:
        remote = _default(root)
        problem = _problem(remote)
    except MachineError as error:
        return str(error)
    return one_line(f"DVC remote {default_address(root)}: {problem or 'works'}")


def _problem(remote: Remote) -> str:
    kind = remote.fs.protocol
    try:
        _try(remote)
    except FileNotFoundError as error:
        return f"{first_line(error)}: {NOT_THERE.get(kind, 'expected it')}"
    except PermissionError as error:
        return f"{first_line(error)}; {REFUSED.get(kind, 'expected the right to write there')}"
    except Exception as error:  # each filesystem raises its own
        if type(error).__name__ == "NoCredentialsError":  # of botocore, which may not be installed
            return f"{first_line(error)}; {REFUSED['s3']}"
        return f"{first_line(error)}; start it, or correct its address by `dvc remote modify`"
    return ""


def _try(remote: Remote) -> None:
    if remote.fs.protocol in ("local", "ssh") and not remote.fs.exists(remote.path):
        # DVC would make it, also where a disk isn't mounted.
        raise FileNotFoundError(remote.path)
    target = remote.fs.join(remote.path, TRIAL)
    with temporary_folder() as folder:
        file = folder / TRIAL
        file.write_text("Written by `lockstep doctor`\n", encoding="utf-8")
        remote.fs.put_file(os.fspath(file), target)
    with suppress(Exception):  # who may only add files can push
        remote.fs.remove(target)


if __name__ == "__main__":
    logging.disable()  # libraries log what they raise
    print(line(Path.cwd()))
