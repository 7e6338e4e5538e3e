"""What identifies a model in the registry: hashes of its weights and of its test data."""

import hashlib
from pathlib import Path

from lockstep.config.schema import Params
from lockstep.modeling.weights import weights_digest
from lockstep.storage import layout


def identity(params: Params, root: Path) -> dict[str, str]:
    """Return the tags by which the version of an evaluated workspace is found."""
    return {
        "weights": weights_digest(root / layout.weights_of(params.evaluate.weights)),
        "spec": _sha256(root / layout.SPEC),
        "test_data": _sha256(*sorted((root / layout.READY).glob("test_*.npy"))),
        **({"validation": "test"} if params.train.validation == "test" else {}),
    }


def _sha256(*files: Path) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()
