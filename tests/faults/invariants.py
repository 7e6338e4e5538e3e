"""What must hold after a fault and the same command again, whatever the fault was.

Each function raises AssertionError; test_invariants.py shows that it does.
"""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lockstep.storage import layout
from pipelines.repairs import locks_left

TERMINAL = {"FINISHED", "FAILED", "KILLED"}
TRACEBACK = "Traceback (most recent call last)"


def assert_nothing_lost(root: Path, golden: dict[str, str] | None = None) -> None:
    """Assert all of them of a checkout in which the same command has run again, to its end.

    `golden` are the results of an undisturbed run.
    """
    assert_no_parts(root)
    assert_lock_is_true(root)
    assert_runs_are_whole(root)
    assert_versions_are_whole(root)
    assert_nothing_runs(root)
    differing = dict(results(root).items() - golden.items()) if golden else {}
    assert not differing, differing
    assert not golden or results(root).keys() == golden.keys()


def assert_no_parts(root: Path) -> None:
    """Nothing half-written is left."""
    parts = [each for each in _own_files(root) if each.name.startswith((".part-", ".tmp"))]
    assert not parts, parts


def assert_lock_is_true(root: Path) -> None:
    """dvc.lock can be read, and each output that is there has the hash that it records."""
    for path, md5 in recorded(root).items():
        if (root / path).exists():
            assert md5_of(root / path) == md5, path


def assert_runs_are_whole(root: Path) -> None:
    """MLflow's runs have ended, one for each experiment, with each metric once for each step."""
    from mlflow.entities import Run

    from lockstep.tracking import KEY

    client, experiment = _connect(root)
    runs: list[Run] = list(client.search_runs([experiment.experiment_id]))
    assert {each.info.status for each in runs} <= TERMINAL
    keys = Counter(each.data.tags[KEY] for each in runs if KEY in each.data.tags)
    assert set(keys.values()) <= {1}, keys
    for each in runs:
        for name in each.data.metrics:
            steps = Counter(x.step for x in client.get_metric_history(each.info.run_id, name))
            assert name.startswith("system/") or set(steps.values()) == {1}, (name, steps)


def assert_versions_are_whole(root: Path) -> None:
    """Each registered version has a passport and files that can be read; no weights have two."""
    from lockstep.tracking import trace

    client, _ = _connect(root)
    for model in client.search_registered_models():
        found = client.search_model_versions(f"name = '{model.name}'")
        digests = Counter(each.tags["weights"] for each in found if "weights" in each.tags)
        assert set(digests.values()) <= {1}, digests
        for each in found:
            assert trace.read(root, each.name, None, each.version).passport["weights"]


def assert_nothing_runs(root: Path) -> None:
    """No process works in the checkout, and no lock is left of one."""
    working = [
        each.parent.name for each in Path("/proc").glob("[0-9]*/cwd") if _is_below(each, root)
    ]
    assert not working, working
    assert not list(locks_left.find(root))


def assert_one_line(output: str, code: int, expected: int) -> None:
    """A user's error is one line with the exit code of its kind, without a traceback."""
    assert code == expected, output
    assert TRACEBACK not in output
    assert output.count("\n") == 1, output


def assert_secret_is_nowhere(folder: Path, secret: str) -> None:
    """No file below a folder has the secret, as it is or as an address has it."""
    found = [
        file
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink() and secret.encode() in file.read_bytes()
    ]
    assert not found, found


def results(root: Path) -> dict[str, str]:
    """The md5 of dvc.lock and of all outputs that it names, by path."""
    return {path: md5_of(root / path) for path in (str(layout.LOCK), *recorded(root))}


def recorded(root: Path) -> dict[str, str]:
    """The md5 of each stage's outputs in dvc.lock, by path."""
    stages = YAML(typ="safe").load(root / layout.LOCK)["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


def md5_of(path: Path) -> str:
    """DVC's hash of a file or folder, computed without DVC."""
    if path.is_file():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    files = [each for each in path.rglob("*") if each.is_file()]
    listed = sorted(
        ({"md5": md5_of(each), "relpath": each.relative_to(path).as_posix()} for each in files),
        key=lambda entry: entry["relpath"],
    )
    text = json.dumps(listed, sort_keys=True).encode()
    return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()}.dir"


def _own_files(root: Path) -> list[Path]:
    return [each for each in root.rglob("*") if not re.search(r"/\.(git|venv)/", f"{each}/")]


def _connect(root: Path) -> tuple[Any, Any]:
    from lockstep.tracking.client import connect

    return connect(root)


def _is_below(link: Path, root: Path) -> bool:
    try:
        return link.readlink().is_relative_to(root.resolve())
    except OSError:  # the process has ended, or belongs to another user
        return False
