"""A line on each shared store that is configured: whether it works, and how to mend it."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lockstep.errors import one_line
from lockstep.messages import without_login
from lockstep.process.bounded import run_bounded
from lockstep.storage import git
from lockstep.tracking import reachable
from lockstep.versioning import remotes
from lockstep.versioning.pushing import GIT_REMOTE

SECONDS = 20  # for each store, of which the first are for Python's imports
# They'd ask for a password where nobody answers.
NO_QUESTIONS = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never"}


def lines(root: Path, more: Sequence[Callable[[], str]] = ()) -> list[str]:
    """Return the lines on DVC's default remote, git's for experiments, MLflow, and `more`.

    Checks whose line is empty are left out. They are made at once.
    """
    address, server = remotes.default_address(root), reachable.shared_address()
    checks = [
        lambda: address and _line_of("lockstep.versioning.remotes", f"DVC remote {address}", root),
        lambda: _git(root) if address or GIT_REMOTE in os.environ else "",
        lambda: server and _line_of("lockstep.tracking.reachable", f"MLflow {server}", root),
        *more,
    ]
    with ThreadPoolExecutor(len(checks)) as pool:
        return [each for each in pool.map(lambda check: check(), checks) if each]


def _line_of(module: str, store: str, root: Path) -> str:
    """Run a check in a process of its own: a library may wait for minutes, and can't be ended."""
    try:
        ended = run_bounded([sys.executable, "-m", module], SECONDS, root)
    except subprocess.TimeoutExpired:
        return f"{store}: no answer in {SECONDS} s; start it, or correct its address"
    said = ended.stdout or ended.stderr or f"the check ended with {ended.returncode}"
    return one_line(said.strip().splitlines()[-1])


def _git(root: Path) -> str:
    """Say whether experiments can be pushed to the git remote: a push that changes nothing."""
    remote = os.environ.get(GIT_REMOTE, "origin")
    name = f"git remote {without_login(remote)}"
    push = ("push", "--dry-run", "--quiet", remote, "HEAD:refs/exps/lockstep")
    try:
        ended = run_bounded(git.command(*push), SECONDS, root, NO_QUESTIONS)
    except subprocess.TimeoutExpired:
        return f"{name}: no answer in {SECONDS} s; correct its address: git remote set-url"
    if not ended.returncode:
        return f"{name}: works"
    reason = (ended.stderr.strip() or "no reason given").splitlines()[0]
    return one_line(
        f"{name}: {reason}; expected one that takes experiments: `git remote add` it, correct it "
        f"by `git remote set-url`, or set {GIT_REMOTE}"
    )
