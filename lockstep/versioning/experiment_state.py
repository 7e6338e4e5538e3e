"""How far an experiment has come, by what dvc.lock records of its stages."""

import hashlib
from collections.abc import Mapping
from typing import Any

from lockstep.config.graph import value_or
from lockstep.storage import layout
from lockstep.versioning.recorded import Stages, params_of
from lockstep.versioning.stage_order import ordered

REGISTERED, COMPLETE, PARTIAL, OUTDATED = "registered", "complete", "partial", "outdated"
NOT_RUN, UNREADABLE = "not run", "unreadable"
WITH_METRICS = (REGISTERED, COMPLETE)  # the metrics are those of the experiment's parameters
NO_VALUE = object()


def stage_with(stages: Stages, out: str) -> str:
    """Return the stage that has written a file, by dvc.lock; empty if none has."""
    for name, stage in stages.items():
        if any(each["path"] == out for each in stage.get("outs", ())):
            return name
    return ""


def last_of(stages: Stages) -> str:
    """Return the last of the stages in dvc.lock, by what they read and write."""
    paths = {
        kind: {
            name: [each["path"] for each in stage.get(kind, ())] for name, stage in stages.items()
        }
        for kind in ("deps", "outs")
    }
    return ordered(paths["deps"], paths["outs"])[-1]


def changed_params(stage: Mapping[str, Any], raw: Any) -> dict[str, tuple[Any, Any]]:
    """Return the parameters that a stage has run with and that now differ: both values by key.

    A value that isn't there any more is None.
    """
    found = {}
    for key, ran_with in params_of(stage).items():
        now = value_or(raw, key, NO_VALUE)
        if now != ran_with:
            found[key] = (ran_with, None if now is NO_VALUE else now)
    return found


def state(raw: Any, stages: Stages, metrics: bytes, verdict: str) -> tuple[str, str]:
    """Return one of the states, and why in words where it isn't complete.

    `raw` are the parameters, `metrics` is report/metrics.json, `verdict` that of the gate to the
    registry.
    """
    if not stages:
        return NOT_RUN, f"{layout.LOCK} has no stages"
    tested = stage_with(stages, str(layout.METRICS))
    if not tested:
        return PARTIAL, f"{last_of(stages)} is the last stage that has run"
    registering = stage_with(stages, str(layout.REGISTERED))
    for name, stage in stages.items():
        if name != registering:
            for key, (ran_with, now) in changed_params(stage, raw).items():
                return OUTDATED, f"{name} has run with {key} {ran_with}, not {now}"
    if not _has_md5(stages[tested], str(layout.METRICS), metrics):
        return OUTDATED, f"{layout.METRICS} isn't the one that {tested} has written"
    passed = registering and verdict == "passed" and not changed_params(stages[registering], raw)
    return (REGISTERED if passed else COMPLETE), ""


def _has_md5(stage: Mapping[str, Any], path: str, content: bytes) -> bool:
    """Whether a file is the output of a stage; dvc.lock of DVC 2 has another kind of md5."""
    entry = next(each for each in stage["outs"] if each["path"] == path)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return "hash" not in entry or entry.get("md5") == md5
