"""A workspace in which the experiments between two others are run, one after the other."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lockstep.config.overrides import write_values
from lockstep.process import console
from lockstep.process.runner import announce_runner
from lockstep.storage import atomic_files, git, layout
from lockstep.storage.checkout import main_checkout
from lockstep.versioning import experiments
from lockstep.versioning.data_differences import data_path
from lockstep.versioning.explanation import Explanation
from lockstep.versioning.recorded import md5s, recorded_stages
from lockstep.versioning.reproduction import RAN, RESTORED, UP_TO_DATE
from pipelines import workspace_files, worktrees
from pipelines.attribution import stages_until
from pipelines.attribution.changes import Change, applied
from pipelines.attribution.stages_until import FAILED

INVALID = 2  # the exit code for bad parameters
DONE = re.compile(rf"(\w+): ({RAN}|{UP_TO_DATE}|{RESTORED})")
ENGINE = ("lockstep/", "tasks/", str(layout.GRAPH))  # with which other files of the engine change


class Between(NamedTuple):
    """An experiment between two others: its test metrics, or why it has none."""

    metrics: dict[str, float | None]
    ran: list[str]  # the stages that were run; DVC's cache had the others
    problem: str = ""
    is_invalid: bool = False  # its parameters don't go together


@contextmanager
def workspace_of(root: Path, found: Explanation) -> Iterator["Workspace"]:
    """Yield a workspace with the files of A, and remove it after the block."""
    main = main_checkout(root)
    experiments.use_cache_of(main, root)
    folder = worktrees.add(root, found.a.commit or "HEAD")
    try:
        experiments.share_cache(main, folder)
        yield Workspace(root, folder, found)
    finally:
        worktrees.remove(root, folder)


class Workspace:
    """A git worktree that gets the files and the parameters of one experiment after another."""

    def __init__(self, root: Path, folder: Path, found: Explanation) -> None:
        self._root, self._folder, self._found = root, folder, found
        stages = found.a.graph
        self._last = next(n for n, each in stages.items() if str(layout.METRICS) in each.outs)

    def run(self, changes: Iterable[Change]) -> Between:
        """Return the experiment with the files and parameters of A, but for these changes.

        Stages that DVC's cache has aren't run. No version is registered.
        """
        self._set_up(list(changes))
        code, lines = self._run_stages()
        states = [match.groups() for match in map(DONE.fullmatch, lines) if match]
        ran = [name for name, state in states if state == RAN]
        if code:
            reasons = [each for each in lines if each.startswith(FAILED)]
            reason = (reasons or lines or [f"exit code {code}"])[-1].removeprefix(f"{FAILED}: ")
            return Between({}, ran, reason, code == INVALID)
        if problem := self._problem_of_data():
            return Between({}, ran, problem)
        return Between(atomic_files.read_json(self._folder / layout.METRICS)["test"], ran)

    def _set_up(self, changes: list[Change]) -> None:
        """Give the worktree the files of A, those that changes take from B, and the parameters."""
        found, top = self._found, worktrees.top_of(self._folder)
        git.done(top, "read-tree", "--reset", "-u", found.a.tree)
        paths = dict.fromkeys(path for change in changes for path in change.paths)
        if any(path.startswith(ENGINE) for path in paths):
            paths |= dict.fromkeys(found.other_files)
        for path in paths:
            self._take_from_b(path)
        write_values(self._folder / layout.PARAMS, applied(found.a.raw, changes))
        if layout.LOCK in found.a.files:
            (self._folder / layout.LOCK).write_bytes(found.a.files[layout.LOCK])
        workspace_files.link_data(self._root, self._folder)

    def _take_from_b(self, path: str) -> None:
        tree = self._found.b.tree
        git.done(self._folder, "rm", "-rfq", "--ignore-unmatch", "--", path)
        if git.done(self._folder, "ls-tree", "-z", tree, "--", path):
            git.done(self._folder, "checkout", "-q", tree, "--", path)

    def _run_stages(self) -> tuple[int, list[str]]:
        """Run the stages in a process with the workspace's code; return exit code and lines."""
        command = [sys.executable, "-P", stages_until.__file__, self._last]
        announce_runner()  # so that it ends with this process
        lines = []
        with subprocess.Popen(
            command, cwd=self._folder, env=_variables(self._root, self._folder),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            try:
                for line in process.stdout or ():
                    lines.append(line.rstrip())
                    console.say(line)
                return process.wait(), lines
            except BaseException:
                process.send_signal(signal.SIGTERM)
                raise

    def _problem_of_data(self) -> str:
        """What the stages have read that is neither the data of A nor those of B."""
        now = md5s(recorded_stages(self._folder), "deps")
        for path in dict.fromkeys((data_path(self._found.a), data_path(self._found.b))):
            both = (md5s(each.stages, "deps") for each in (self._found.a, self._found.b))
            known = [each[path] for each in both if path in each]
            if path in now and known and now[path] not in known:
                recorded = " and ".join(dict.fromkeys(known))
                return f"{path}: got md5 {now[path]}, expected {recorded} as recorded"
        return ""


def _variables(root: Path, folder: Path) -> dict[str, str]:
    """The environment with which Python imports the workspace's code."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    others = [each for each in paths if each and each != str(root)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *others]),
        # A file may be replaced by one of the same size within the second that Python looks at.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
