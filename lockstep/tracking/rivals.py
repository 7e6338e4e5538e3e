"""The versions that a model has to beat to become champion."""

import math
from collections.abc import Iterator

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from lockstep.tracking import champion
from lockstep.tracking.candidates import FOLD_VERDICT, VERDICT, Candidate

MOST = 10_000  # versions that are looked at


def rivals(
    client: MlflowClient, candidate: Candidate, version: ModelVersion, leader: ModelVersion | None
) -> list[ModelVersion]:
    """Return the champion, and the best version on the same test data if that is another one.

    Somebody may have given the alias to a worse version: the best is that of the versions which
    have led. Without a champion, as after its version was deleted, it is that of all versions.
    """
    others = [each for each in _measured(client, candidate) if each.version != version.version]
    if leader:
        led = {str(leader.version), *champion.former(client, candidate.name)}
        others = [each for each in others if str(each.version) in led]
    best = max(
        others, key=lambda each: (_value(candidate, each), _leads(each, leader)), default=None
    )
    found = [leader] if leader else []
    return [*found, *([best] if best and not _leads(best, leader) else [])]


def _measured(client: MlflowClient, candidate: Candidate) -> Iterator[ModelVersion]:
    """Yield the versions with a verdict whose metric is known on the same test data.

    Left out are those that were rolled back, and the models of folds.
    """
    query = (
        f"name = '{candidate.name}' and tags.test_data = '{candidate.tags.get('test_data', '')}'"
    )
    for each in client.search_model_versions(query, max_results=MOST):
        verdict = each.tags.get(VERDICT, "")
        judged = verdict and not verdict.startswith(FOLD_VERDICT)
        measured = not math.isnan(_value(candidate, each))
        if judged and measured and champion.ROLLED_BACK not in each.tags:
            yield each


def _value(candidate: Candidate, version: ModelVersion) -> float:
    """Return the metric's value, higher if it is better; NaN if it isn't known."""
    value = float(version.tags.get(f"test_{candidate.metric}", "nan"))
    return value if candidate.goal == "max" else -value


def _leads(version: ModelVersion, leader: ModelVersion | None) -> bool:
    return leader is not None and version.version == leader.version
