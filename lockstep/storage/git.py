"""Runs git, so that a user's settings and hooks change neither what it does nor what it says."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lockstep.errors import MachineError

Variables = Mapping[str, str]
SETTINGS = (
    # A user's hooks are for the user's own commands: that of `dvc install` runs `dvc checkout`.
    "core.hooksPath=/dev/null",
    # `git apply` takes no patch without context, or of which the paths start in another folder.
    "diff.context=3",
    "diff.relative=false",
    "log.showSignature=false",  # it prints lines of gpg's between commits
)


def command(*arguments: str) -> list[str]:
    """Return the command line of git."""
    settings = (word for each in SETTINGS for word in ("-c", each))
    return ["git", *settings, *arguments]


def ended(
    root: Path, *arguments: str, variables: Variables | None = None, given: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run git in a folder, with variables besides this process's and with an input.

    Raises MachineError if it refuses to read the repository because of its owner.
    """
    process = subprocess.run(
        command(*arguments),
        cwd=root,
        env={**os.environ, **(variables or {})},
        input=given,
        capture_output=True,
        check=False,
    )
    refused = re.search(r"git config --global --add safe\.directory .*", _said(process))
    if refused:
        raise MachineError(
            f"{root}: belongs to another user, so git refuses to read it; if you trust it: "
            f"{refused[0].strip()}"
        )
    return process


def done(
    root: Path, *arguments: str, variables: Variables | None = None, given: bytes = b""
) -> bytes:
    """Run git and return its output; raises MachineError if it fails."""
    process = ended(root, *arguments, variables=variables, given=given)
    if process.returncode:
        raise MachineError(f"{root}: git {arguments[0]}: {reason(process)}")
    return process.stdout


def names(root: Path, *arguments: str) -> list[str]:
    """Return the names in git's output, each of which ends with a zero byte."""
    return [os.fsdecode(name) for name in done(root, *arguments).split(b"\0") if name]


def answer(root: Path, *arguments: str) -> str:
    """Return git's answer without the last line break; empty if it fails."""
    return os.fsdecode(ended(root, *arguments).stdout.removesuffix(b"\n"))


def reason(process: "subprocess.CompletedProcess[bytes]") -> str:
    """Return why git failed, in one line: without the advice that it gives besides."""
    lines = [each.strip() for each in _said(process).splitlines() if each.strip()]
    errors = [each for each in lines if each.startswith(("fatal: ", "error: "))]
    return " ".join(errors or lines) or f"it ended with {process.returncode}"


def _said(process: "subprocess.CompletedProcess[bytes]") -> str:
    return os.fsdecode(process.stderr)
