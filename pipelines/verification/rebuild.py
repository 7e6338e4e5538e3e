"""Rebuild a recorded experiment in a fresh clone, with an empty DVC cache and no run cache."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from lockstep.config.overrides import write_overridden
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import DataError, LockstepError
from lockstep.process import console
from lockstep.process.runner import announce_runner
from lockstep.storage import atomic_files, git, layout
from lockstep.storage.checkout import main_checkout
from lockstep.storage.copies import copy_file
from lockstep.versioning import experiments, pulled
from lockstep.versioning.recorded import md5s, recorded_stages
from lockstep.versioning.reproduction import graph
from pipelines import workspace_files, worktrees
from pipelines.verification import environments
from pipelines.verification.environments import Environment
from pipelines.verification.recorded_result import REGISTER, Recorded

DOWNLOAD = "download"
# Variables by which a stage would write to the user's servers, or into the user's experiment.
PREFIXES = ("MLFLOW_", "PREFECT_", "DVC_EXP_", "DVC_STAGE", "LOCKSTEP_FLOW", "LOCKSTEP_PRESET")
KEPT = ("MLFLOW_DISABLE_TELEMETRY", "PREFECT_SERVER_ANALYTICS_ENABLED")
RUNNING = re.compile(r"Running stage '(.+)':")


class Rebuilt(NamedTuple):
    """A rebuilt experiment: its clone, where its data came from, and what was run how."""

    clone: Path
    data: str
    stages: list[str]
    environment: Environment


@contextmanager
def rebuilt(root: Path, recorded: Recorded) -> Iterator[Rebuilt]:
    """Rebuild an experiment, and remove the clone after the block.

    Raises DataError if the data aren't the recorded ones, and the error of a stage that failed.
    """
    clone = worktrees.clone(root, recorded.commit)
    try:
        _set_up(root, clone, recorded)
        environment = environments.prepare(clone)
        data, left = _bring_data(clone, recorded)
        yield Rebuilt(clone, data, _run(root, clone, left, environment, recorded), environment)
    finally:
        worktrees.remove(root, clone)


def _set_up(root: Path, clone: Path, recorded: Recorded) -> None:
    """Give the clone the recorded changes and dvc.lock, an empty cache, and the user's own data."""
    if recorded.difference:
        top = worktrees.top_of(clone)
        ended = git.ended(top, "apply", "--whitespace=nowarn", given=recorded.difference)
        if ended.returncode:
            reason = git.reason(ended)
            raise DataError(f"{recorded.name}: the recorded difference doesn't apply: {reason}")
    main = main_checkout(root)
    experiments.use_own_cache(main, clone)
    lock = {"schema": "2.0", "stages": recorded.stages}
    atomic_files.write_json(clone / layout.LOCK, lock)  # JSON is YAML
    workspace_files.link_data(root, clone, recorded=True)  # nothing is checked out here
    mirror = read_yaml(clone / layout.PARAMS)["data"].get("mirror")
    if mirror and not urlsplit(mirror).scheme:  # it is relative to the main checkout
        write_overridden(clone / layout.PARAMS, [f"data.mirror={json.dumps(str(main / mirror))}"])
    if (main / layout.RECORDED_HASHES).exists():
        (clone / layout.RECORDED_HASHES).parent.mkdir(exist_ok=True)
        copy_file(main / layout.RECORDED_HASHES, clone / layout.RECORDED_HASHES)


def _bring_data(clone: Path, recorded: Recorded) -> tuple[str, list[str]]:
    """Pull the raw data if a remote has them; return how in words, and the stages left to run."""
    stages = [each.name for each in graph(clone) if each.name != REGISTER]
    remote = pulled.default_remote(clone)
    known = str(layout.RAW) in md5s(recorded.stages, "outs")
    if remote and known and pulled.pull(clone, layout.RAW):
        left = [each for each in stages if each != DOWNLOAD]
        return f"{layout.RAW} from DVC's remote {remote}, each file's md5 checked", left
    why = f"DVC's remote {remote} hasn't got {layout.RAW}" if remote else "no DVC remote"
    return f"the stage {DOWNLOAD} ({why})", stages


def _run(
    root: Path, clone: Path, stages: list[str], environment: Environment, recorded: Recorded
) -> list[str]:
    """Run the stages, and return those that really ran."""
    ran: list[str] = []
    if DOWNLOAD in stages:
        ran += _reproduce(root, clone, [DOWNLOAD], environment.python)
        _check_raw(clone, recorded)
    rest = [each for each in stages if each != DOWNLOAD]
    return ran + _reproduce(root, clone, rest, environment.python)


def _check_raw(clone: Path, recorded: Recorded) -> None:
    path = str(layout.RAW)
    expected = md5s(recorded.stages, "outs").get(path)
    found = md5s(recorded_stages(clone), "outs").get(path)
    if expected not in (None, found):
        raise DataError(
            f"{path}: got md5 {found} by the stage {DOWNLOAD}, expected {expected} as recorded: "
            "the data have changed since"
        )


def _reproduce(root: Path, clone: Path, stages: list[str], python: Path) -> list[str]:
    """Run stages by DVC, each even if it is up to date, and return those that it ran."""
    command = [str(python), "-P", "-m", "dvc", "repro", "--force", "--single-item", *stages]
    announce_runner()  # so that the stages end with this process
    lines = []
    with subprocess.Popen(
        command,
        cwd=clone,
        env=_variables(root, python),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            console.say(line)
    ran = [match[1] for match in map(RUNNING.search, lines) if match]
    if process.returncode:
        raise _failure(ran, lines)
    return ran


def _variables(root: Path, python: Path) -> dict[str, str]:
    """The environment of the stages: this one's without servers, and with the clone's code."""
    found = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not name.startswith(PREFIXES)
    }
    found["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found["PYTHONPATH"] = os.pathsep.join(each for each in paths if each != str(root))
    return found


def _failure(ran: list[str], lines: list[str]) -> LockstepError:
    stage = ran[-1] if ran else "dvc repro"
    own = [line for line in lines if line.startswith(f"{stage}: ")]
    reason = own or [line for line in lines if line.startswith("ERROR: ")] or lines or [""]
    status = re.search(r"exited with (\d+)", " ".join(lines))
    failure = LockstepError(f"{stage} can't be rebuilt: {reason[-1]}")
    failure.exit_code = int(status[1]) if status else 1
    return failure
