"""Versions are judged in the order of their numbers, on all machines that use one registry.

MLflow gives each version the next number, but moves an alias for whoever asks. Of two models that
ended together, both could beat the same champion, and the worse be the last to get the alias.
"""

import time

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from lockstep.process import console

JUDGED = "mlflow.lockstep.judged"  # a tag that MLflow's pages hide
PATIENCE_SECONDS = 300  # for a machine that went down; it is also how much older a version may be
EVERY_SECONDS = 1.0
NEWEST = 100  # versions that are looked at


def wait(client: MlflowClient, version: ModelVersion) -> None:
    """Wait until those who have registered earlier versions have judged them, or have ended."""
    deadline, told = time.monotonic() + PATIENCE_SECONDS, False
    while (earlier := _unjudged(client, version)) and time.monotonic() < deadline:
        if not told:
            console.say(f"waits until version {earlier[-1].version} is judged on another machine")
            told = True
        time.sleep(EVERY_SECONDS)


def end(client: MlflowClient, version: ModelVersion) -> None:
    """Let later versions be judged; the alias has moved if this version is champion."""
    client.set_model_version_tag(version.name, str(version.version), JUDGED, "true")


def _unjudged(client: MlflowClient, version: ModelVersion) -> list[ModelVersion]:
    newest = client.search_model_versions(
        f"name = '{version.name}'", max_results=NEWEST, order_by=["version_number DESC"]
    )
    since = version.creation_timestamp - 1000 * PATIENCE_SECONDS
    return [
        each
        for each in newest
        if int(each.version) < int(version.version)
        and each.creation_timestamp >= since
        and JUDGED not in each.tags
        and each.run_id not in ("", None, version.run_id)  # of a killed process of this run
        and client.get_run(each.run_id).info.status == "RUNNING"
    ]
