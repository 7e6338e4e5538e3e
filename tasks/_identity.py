"""Which training this is: what its bits depend on, as hashes that two processes can compare."""

import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import params as parameters
from params import Params
from tasks import _devices, _files

# They change no bit of the result. (How many steps a call has is what batch hooks see.)
NEUTRAL = {"bundle_seconds", "cluster_seconds", "memory_growth", "residency"}
LIBRARIES = ("tensorflow", "keras", "numpy")
SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "TF_XLA_FLAGS", "TF_NUM_INTRAOP_THREADS")


def of(params: Params, root: Path, replicas: int) -> dict[str, str]:
    """Return the sha256 of the training's parameters, data, code and environment."""
    train = params.train.model_dump(mode="json", exclude=NEUTRAL)
    model = [params.model.name, params.model.arguments]
    ready = sorted((root / "data" / "ready").iterdir())
    code = Path(__file__).parent.glob("*.py")
    models = (parameters.ROOT / "models").glob("_*.py")
    named = (f"models/{params.model.name}.py", params.train.own)
    return {
        "parameters": _sha256([params.seed, model, train]),
        "data": _of_files([*ready, root / "weights" / "initial.weights.h5"]),
        "code": _of_files(
            [*sorted(code), *sorted(models), *(parameters.ROOT / name for name in named)]
        ),
        "environment": _sha256(
            [
                {name: version(name) for name in LIBRARIES},
                {name: os.environ.get(name) for name in SWITCHES},
                [platform.machine(), _devices.kind(), len(_devices.names()), replicas],
            ]
        ),
    }


def key(identity: dict[str, str]) -> str:
    """Return one sha256 over all of it."""
    return _sha256(identity)


def _of_files(files: list[Path]) -> str:
    return _sha256([[file.name, _files.sha256(file)] for file in files])


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
