"""The passport of a registered version: which code, data, parameters and machine made it.

It goes to MLflow only, as files beside the model, tags and a description: in a stage's outputs it
would make the outputs of two clones differ.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from lockstep.config.reading import experiment_params
from lockstep.config.schema import Params
from lockstep.process.temporary_folders import temporary_folder
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import commit_of, folder_in_repository, origin_of
from lockstep.tracking import FLOW_RUN, FLOW_RUN_URL, run_names, run_tags
from lockstep.tracking.client import registry_error
from lockstep.versioning import experiments
from lockstep.versioning.difference import difference
from lockstep.versioning.hashes import experiment_key
from lockstep.versioning.recorded import Stages, md5s, recorded_stages

PREFIX = "passport."
COMMIT = f"{PREFIX}commit"
FILE, PATCH = "passport.json", "difference.patch"
SHA256 = f"{PREFIX}sha256"  # the tag that is written last
REGISTER = "register"
# What the training ran on, by the names of the run's tags without their prefix.
DEVICES = (
    "strategy", "replicas", "workers", "devices", "cores", "processor", "threads",
    "deterministic", "onednn", "python", "system",
)  # fmt: skip
Passport = Mapping[str, Any]


def attach(client: MlflowClient, run: Run, params: Params, root: Path, weights: str) -> None:
    """Give the version that a run has registered its passport, unless it has one.

    `weights` is their digest. Raises UnavailableError if the registry can't be reached.
    """
    try:
        tags = client.get_run(run.info.run_id).data.tags
        name, _, number = tags[run_tags.VERSION].removeprefix("models:/").partition("/")
        version = client.get_model_version(name, number)
        if SHA256 in version.tags:
            return
        patch = difference(root)
        passport = _passport(params, root, weights, patch, run, tags)
        sha256 = _upload(client, version.source.removeprefix("models:/"), passport, patch)
        text = _description(passport, params, root, f"{name}/{number}")
        client.update_model_version(name, number, text)
        for tag, value in {**_tags(passport), SHA256: sha256}.items():
            client.set_model_version_tag(name, number, tag, value)
    except MlflowException as error:
        raise registry_error(error, root) from None


def _passport(
    params: Params, root: Path, weights: str, patch: bytes, run: Run, tags: Mapping[str, str]
) -> Passport:
    values = experiment_params(params)
    metrics = root / layout.METRICS
    return {
        "weights": {"name": params.evaluate.weights, "digest": weights},
        "metrics": atomic_files.read_json(metrics)["test"] if metrics.exists() else {},
        "git": {
            "commit": commit_of(root),
            "difference": hashlib.sha256(patch).hexdigest() if patch else "",
            "folder": str(folder_in_repository(root)),
            "origin": origin_of(root),
        },
        "params": {"sha256": _sha256_of(values), "values": values},
        "stages": _stages(params, root),
        "dvc": {"experiment": os.environ.get(experiments.NAME, ""), "key": experiment_key(root)},
        "mlflow": {"experiment": run.info.experiment_id, "run": run.info.run_id},
        "prefect": {
            "flow_run": os.environ.get(FLOW_RUN, ""), "url": os.environ.get(FLOW_RUN_URL, ""),
        },
        "environment": {
            "requirements_lock": lock_sha256(root),
            "versions": installed_versions(),
            "training": run_tags.ungrouped(tags, DEVICES),
        },
    }  # fmt: skip


def lock_sha256(root: Path) -> str:
    """Return the sha256 of a project's requirements.lock; empty if it has none."""
    file = root / layout.REQUIREMENTS
    return atomic_files.sha256(file) if file.exists() else ""


def installed_versions() -> dict[str, str]:
    """Return the versions of all installed packages."""
    found = {each.name.lower().replace("_", "-"): each.version for each in distributions()}
    return dict(sorted(found.items()))


def _stages(params: Params, root: Path) -> Stages:
    """What dvc.lock has of the stages before `register`, if it has these weights.

    A stage that was run without DVC leaves a dvc.lock of other weights behind.
    """
    weights = layout.weights_of(params.evaluate.weights)
    stages = {name: each for name, each in recorded_stages(root).items() if name != REGISTER}
    recorded = md5s(stages, "outs").get(str(weights))
    return stages if recorded == atomic_files.md5(root / weights) else {}


def _sha256_of(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _upload(client: MlflowClient, model_id: str, passport: Passport, patch: bytes) -> str:
    """Put the passport and the difference beside the model; return the passport's sha256."""
    with temporary_folder() as folder:
        file = folder / FILE
        atomic_files.write_json(file, passport)
        if patch:
            (folder / PATCH).write_bytes(patch)
        client.log_model_artifacts(model_id, str(folder))
        return atomic_files.sha256(file)


def _tags(passport: Passport) -> dict[str, str]:
    """What versions can be searched by."""
    outs, git = md5s(passport["stages"], "outs"), passport["git"]
    found = {
        "commit": git["commit"],
        "dirty": str(bool(git["difference"])).lower(),
        "difference": git["difference"],
        "params": passport["params"]["sha256"],
        "data.raw": outs.get(str(layout.RAW), ""),
        "data.ready": outs.get(str(layout.READY), ""),
        "dvc.experiment": passport["dvc"]["experiment"],
        "prefect.flow_run": passport["prefect"]["flow_run"],
        "requirements_lock": passport["environment"]["requirements_lock"],
    }
    return {f"{PREFIX}{name}": value for name, value in found.items() if value}


def _description(passport: Passport, params: Params, root: Path, version: str) -> str:
    """Return Markdown: what the run's description has, its data, and how to rebuild it."""
    raw = md5s(passport["stages"], "outs").get(str(layout.RAW), "not recorded by DVC")
    return "\n".join([
        f"{run_names.description_of(params, root, passport['metrics'])}\n",
        f"Made of `{layout.RAW}` with md5 `{raw}`.\n",
        f"`lockstep trace models:/{version}` shows all that it was made of, and "
        f"`lockstep verify models:/{version}` rebuilds it.",
    ])  # fmt: skip
