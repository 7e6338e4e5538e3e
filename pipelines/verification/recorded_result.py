"""What is to be rebuilt: an experiment's commit and changes, and the results it is to have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockstep.config.yaml_files import parse_yaml, read_yaml
from lockstep.errors import DataError
from lockstep.process.environment import prepare_environment
from lockstep.storage import layout
from lockstep.storage.checkout import commit_of
from lockstep.storage.history import commit_named, read_at
from lockstep.tracking.model_uris import parts_of
from lockstep.versioning.compared import WORKSPACE, compared
from lockstep.versioning.difference import difference
from lockstep.versioning.recorded import Stages, md5s, recorded_stages, stages_in

REGISTER = "register"  # it would write to the registry


@dataclass(frozen=True)
class Recorded:
    """An experiment as it was recorded; fields that nobody recorded are empty."""

    name: str
    commit: str
    difference: bytes  # the uncommitted changes, as a patch
    stages: Stages  # of dvc.lock, without `register`
    metrics: Mapping[str, float | None]
    weights: Path  # those that were evaluated
    digest: str = ""  # of these weights
    environment: Mapping[str, Any] = field(default_factory=dict)  # of the passport


def find(root: Path, name: str | None) -> Recorded:
    """Return the workspace's experiment, a registered version, a DVC experiment or a revision.

    Raises ParamsError if there is none of this name, DataError if nothing is recorded of it.
    """
    if name is None:
        found = _of_workspace(root)
    elif name.startswith("models:"):
        found = _of_version(root, name)
    else:
        found = _of_revision(root, name)
    if not found.digest and str(found.weights) not in md5s(found.stages, "outs"):
        raise DataError(
            f"{found.name}: no {found.weights} in {layout.LOCK}, expected a trained model"
        )
    if not commit_named(root, found.commit):
        raise DataError(
            f"{found.name}: commit {found.commit or 'none'} isn't in this clone, expected it: "
            "`git fetch` brings it, if it was pushed"
        )
    return found


def _of_workspace(root: Path) -> Recorded:
    metrics = root / layout.METRICS
    tested = json.loads(metrics.read_text(encoding="utf-8"))["test"] if metrics.exists() else {}
    weights = _weights_in(read_yaml(root / layout.PARAMS))
    stages = _rebuilt(recorded_stages(root))
    return Recorded(WORKSPACE, commit_of(root), difference(root), stages, tested, weights)


def _of_version(root: Path, name: str) -> Recorded:
    prepare_environment(root)
    from lockstep.tracking import trace  # imports MLflow

    traced = trace.read(root, *parts_of(name))
    passport = traced.passport
    return Recorded(
        traced.uri,
        passport["git"]["commit"],
        traced.difference,
        passport["stages"],
        passport["metrics"],
        layout.weights_of(passport["weights"]["name"]),
        passport["weights"]["digest"],
        passport["environment"],
    )


def _of_revision(root: Path, name: str) -> Recorded:
    found = compared(root, name)
    stages = _rebuilt(stages_in(read_at(root, found.commit, layout.LOCK), found.name))
    raw = parse_yaml(read_at(root, found.commit, layout.PARAMS), layout.PARAMS)
    return Recorded(name, found.commit, b"", stages, found.metrics, _weights_in(raw))


def _weights_in(raw: Any) -> Path:
    return layout.weights_of(raw["evaluate"]["weights"])


def _rebuilt(stages: Stages) -> Stages:
    return {name: each for name, each in stages.items() if name != REGISTER}
