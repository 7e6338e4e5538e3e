"""Each move of a champion, in git's notes, so that a lost registry loses none.

`refs/notes/lockstep` has one JSON object per line, at the commit that the new champion is made of.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from lockstep.errors import MachineError
from lockstep.process import file_locks
from lockstep.storage import layout
from lockstep.storage.checkout import commit_named, commit_of, main_checkout

REF = "refs/notes/lockstep"
# Set for processes that register models again, by `lockstep sync`: their moves are no new ones.
AGAIN = "LOCKSTEP_REGISTER_AGAIN"
# Of the notes' commits, where git has no user.
ANYBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "lockstep"), ("EMAIL", "lockstep@localhost"))
}


class Move(NamedTuple):
    """A champion's successor."""

    model: str
    version: str
    before: str  # version of the champion before it; empty: the first
    by: str  # register, promote or rollback
    weights: str  # digest, which names the model if another registry counts versions anew
    verdict: str  # of the gate


def record(root: Path, commit: str, move: Move) -> None:
    """Add a move at a commit, or at HEAD if this clone hasn't got that one.

    The last move isn't added twice, so that a command that was killed can be repeated. Nothing is
    recorded without a commit, or if a model is registered again. Raises MachineError if git fails.
    """
    target = commit_named(root, commit) if commit else ""
    target = target or commit_of(root)
    lock = main_checkout(root) / layout.GIT_LOCK
    if not target or AGAIN in os.environ:
        return
    with file_locks.held(lock):
        if [each for each in moves(root) if each.model == move.model][-1:] == [move]:
            return
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        line = json.dumps({"time": time, **move._asdict()})
        _write(root, target, _notes(root).get(target, "") + line)


def moves(root: Path) -> list[Move]:
    """Return the moves of all models' champions, the oldest first."""
    lines = (line for note in _notes(root).values() for line in note.splitlines() if line.strip())
    found = sorted(map(json.loads, lines), key=lambda each: str(each["time"]))
    return [Move(**{name: each[name] for name in Move._fields}) for each in found]


def _notes(root: Path) -> dict[str, str]:
    """Return all notes by the commit that they are at."""
    if not commit_named(root, REF):
        return {}
    listed = [line.split() for line in _git(root, "notes", "--ref", REF, "list").splitlines()]
    return {commit: _git(root, "cat-file", "blob", blob) for blob, commit in listed}


def _write(root: Path, commit: str, note: str) -> None:
    known = _run(root, {}, "", "var", "GIT_COMMITTER_IDENT").returncode == 0
    arguments = ("notes", "--ref", REF, "add", "--force", "--file", "-", commit)
    answer = _run(root, {} if known else ANYBODY, note, *arguments)
    if answer.returncode:
        raise MachineError(f"{root}: git notes: {' '.join(answer.stderr.split())}")


def _git(root: Path, *arguments: str) -> str:
    answer = _run(root, {}, "", *arguments)
    if answer.returncode:
        raise MachineError(f"{root}: git {arguments[0]}: {' '.join(answer.stderr.split())}")
    return answer.stdout


def _run(
    root: Path, user: Mapping[str, str], text: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={**user, **os.environ},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
