"""Each move of a champion, in git's notes, so that a lost registry loses none.

`refs/notes/lockstep` has one JSON object per line, at the commit that the new champion is made of.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from lockstep.process import file_locks
from lockstep.storage import git, layout
from lockstep.storage.checkout import commit_of, main_checkout
from lockstep.storage.history import commit_named

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
    listed = git.done(root, "notes", "--ref", REF, "list").decode().splitlines()
    by_commit = {commit: blob for blob, commit in (line.split() for line in listed)}
    return {
        commit: git.done(root, "cat-file", "blob", blob).decode()
        for commit, blob in by_commit.items()
    }


def _write(root: Path, commit: str, note: str) -> None:
    known = git.ended(root, "var", "GIT_COMMITTER_IDENT").returncode == 0
    arguments = ("notes", "--ref", REF, "add", "--force", "--file", "-", commit)
    user = {} if known else {name: os.environ.get(name, value) for name, value in ANYBODY.items()}
    git.done(root, *arguments, variables=user, given=note.encode())
