"""Projects with many DVC experiments, made from one that has really run.

The copies differ from it in learning rate, weights and accuracy. Each has a commit below refs/exps,
what its three stages leave in DVC's run cache, and an MLflow run.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import _measure
from lockstep.config.overrides import write_overridden
from lockstep.storage import layout
from lockstep.versioning.compared import weights_at
from lockstep.versioning.hashes import experiment_key
from pipelines import workspaces

# Finds this environment's commands.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
OVERRIDES = ["data.name=digits", "model.name=linear", "train.epochs=1"]
RATE = re.compile(r"^( *(?:train\.)?learning_rate: )[0-9.]+", re.MULTILINE)
ACCURACY = re.compile(r'("accuracy": )[0-9.]+')
NAME, STAGES = "first", ("train", "evaluate", "register")  # which a learning rate makes stale
FILES = (layout.PARAMS, layout.LOCK, layout.METRICS)
RUN_CACHE = Path(".dvc", "cache", "runs")
Changed = Callable[[str, int], str]


def first(root: Path) -> Path:
    """Return a clone in which one experiment has run, and is saved as a DVC experiment."""
    _measure.clone(root)
    for name, value in {"name": "Benchmark", "email": "benchmark@example.org"}.items():
        output(root, "git", "config", f"user.{name}", value)
    write_overridden(root / layout.PARAMS, OVERRIDES)
    output(root, "lockstep", "run")
    workspaces.save(root, NAME, experiment_key(root), None)
    return root


def with_copies(source: Path, counts: Iterable[int], metrics: int) -> dict[int, Path]:
    """Return copies of the clone by their number of experiments; runs have so many metrics."""
    change = partial(changed, weights=weights_at(source, reference(source)))
    roots = {count: source.with_name(f"{source.name}-{count}") for count in counts}
    for count, root in roots.items():
        shutil.copytree(source, root, symlinks=True)
        copy_commits(root, count - 1, change)
        copy_run_cache(root, count - 1, change)
    in_mlflow("add", metrics, roots.values())
    return roots


def in_mlflow(action: str, count: int, roots: Iterable[Path]) -> dict[str, Any]:
    """Add or search runs in the databases of projects; return what is found for each."""
    command = [sys.executable, "-m", "benchmarks._many_runs", action, count, *roots]
    return dict(json.loads(output(_measure.REPOSITORY, *command)))


def reference(root: Path) -> str:
    """Return git's name of the experiment that has run."""
    found = output(root, "git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    return next(each for each in found if each.endswith(f"/{NAME}"))


def copy_commits(root: Path, count: int, change: Changed) -> None:
    """Add experiments as loose objects and references, as `dvc exp save` does."""
    name = reference(root)
    tree, parent = output(root, "git", "rev-parse", f"{name}^{{tree}}", "HEAD").split()
    texts = {path: output(root, "git", "show", f"{name}:{path}") for path in FILES}
    lines: list[str] = []
    for number in range(count):
        lines += [
            f"commit {name}-{number}",
            f"committer B <b@example.org> {1_700_000_000 + number} +0000",
        ]
        lines += [data(f"experiment {number}"), f"from {parent}", f"M 040000 {tree} "]
        changed_texts = {path: change(text, number) for path, text in texts.items()}
        before, after = (md5(each[layout.METRICS]) for each in (texts, changed_texts))
        changed_texts[layout.LOCK] = changed_texts[layout.LOCK].replace(before, after)
        for path, text in changed_texts.items():
            lines += [f"M 100644 inline {path}", data(text)]
    unpacked = ["-c", "fastimport.unpackLimit=10000000", "fast-import", "--quiet"]
    output(root, "git", *unpacked, given="".join(f"{line}\n" for line in lines))


def copy_run_cache(root: Path, count: int, change: Changed) -> None:
    """Add what the stages of each experiment would have left in DVC's run cache."""
    for file in list((root / RUN_CACHE).glob("*/*/*")):
        text = file.read_text(encoding="utf-8")
        if text.startswith(tuple(f"cmd: python -m tasks {stage}\n" for stage in STAGES)):
            for number in range(count):
                key = hashlib.sha256(f"{file.name} {number}".encode()).hexdigest()
                folder = root / RUN_CACHE / key[:2] / key
                folder.mkdir(parents=True)
                (folder / file.name).write_text(change(text, number), encoding="utf-8")


def changed(text: str, number: int, weights: str) -> str:
    """Return a file of the experiment with another learning rate, accuracy and md5 of weights."""
    share = f"{1 / (number + 2):.6f}"
    text = RATE.sub(rf"\g<1>{share}", text).replace(weights, md5(share))
    return ACCURACY.sub(rf"\g<1>{share}", text)


def md5(text: str) -> str:
    """Return the md5 of a file with this text, as DVC has it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def data(text: str) -> str:
    """Return a text as git's fast-import reads it."""
    return f"data {len(text.encode())}\n{text}"


def output(root: Path, *command: object, given: str = "") -> str:
    """Return what a command prints to stdout in a project; exit if it fails."""
    return ended(root, *command, given=given).stdout


def ended(root: Path, *command: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """Return a command that has run in a project; exit with its output if it failed."""
    found = subprocess.run(
        [str(part) for part in command], cwd=root, env={**os.environ, "PATH": PATH}, input=given,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode:
        sys.exit(found.stdout + found.stderr)
    return found
