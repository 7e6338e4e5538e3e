"""Hashes of everything that a training's result depends on; they identify the training.

Its parameters, data and code are those that dvc.yaml lists for the stage `train`.
"""

import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from lockstep.config.graph import read_graph, value_of
from lockstep.config.phases import without_epochs
from lockstep.config.schema import Params
from lockstep.config.versions import LIBRARIES
from lockstep.runtime import devices
from lockstep.storage import layout
from lockstep.storage.content import content_sha256

KERNEL_VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "TF_XLA_FLAGS")  # change the bits
ENVIRONMENT_VARIABLES = (*KERNEL_VARIABLES, "TF_NUM_INTRAOP_THREADS")


def of(params: Params, root: Path, replicas: int) -> dict[str, str]:
    """Return the sha256 of the training's parameters, data, code and environment."""
    inputs = read_graph(root, params)["train"]
    values = params.model_dump(mode="json")
    data = [dep for dep in inputs.deps if dep.startswith(layout.RESULTS)]
    code = [dep for dep in inputs.deps if dep not in data]
    return {
        "parameters": _sha256({name: value_of(values, name) for name in inputs.params}),
        "data": _sha256({dep: content_sha256(root, dep) for dep in data}),
        "code": _sha256({dep: content_sha256(root, dep) for dep in code}),
        "environment": _sha256(
            [
                {name: version(name) for name in LIBRARIES},
                {name: os.environ.get(name) for name in ENVIRONMENT_VARIABLES},
                [platform.machine(), devices.kind(), len(devices.names()), replicas],
            ]
        ),
    }


def key_of_more_epochs(params: Params, root: Path, identity: dict[str, str], replicas: int) -> str:
    """Return one sha256 that trainings of fewer and of more epochs share.

    `identity` is what `of` returned for the training. Like dvc.lock, it is the same in each clone,
    unless a variable there selects other kernels.
    """
    inputs = read_graph(root, params)["train"]
    values = without_epochs(params).model_dump(mode="json")
    return _sha256(
        {
            "parameters": {name: value_of(values, name) for name in inputs.params},
            "data": identity["data"],
            "code": identity["code"],
            "replicas": [devices.kind(), replicas],
            "kernels": {name: os.environ.get(name) for name in KERNEL_VARIABLES},
        }
    )


def key(hashes: dict[str, str]) -> str:
    """Return one sha256 of all hashes."""
    return _sha256(hashes)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
