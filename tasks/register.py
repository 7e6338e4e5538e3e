"""The stage that puts a good enough model into the registry, and the best of them in front."""

import hashlib
from pathlib import Path
from typing import Any

from errors import ParamsError
from params import Params
from tasks import _files, _progress, _scores, _spec, _tensorflow, _weights
from tasks._tracking import registry, runs


def register(params: Params, root: Path) -> None:
    """Register the evaluated weights if they reach `register.minimum`; write registered.json.

    The file depends on the workspace alone. Whether the version also becomes champion depends on
    the registry, and is said there. Raises UnavailableError if the registry can't be reached.
    """
    wanted = params.register
    metrics = _files.read_json(root / "report" / "metrics.json")["test"]
    if wanted.metric not in metrics:
        known = ", ".join(metrics)
        raise ParamsError(f"register.metric: got {wanted.metric!r}, expected one of {known}")
    value = metrics[wanted.metric]
    passed = _scores.gain(wanted.metric, value, wanted.minimum) >= 0
    candidate = _candidate(params, root, metrics)
    with runs.record(params, root, "register") as run:
        if passed:
            _progress.say(registry.enter(*run.reach(), candidate))
        else:
            _progress.say(f"not registered: {wanted.metric} {value}, expected {wanted.minimum}")
        verdict = {
            "name": wanted.name,
            "digest": candidate.tags["weights"],
            "metric": wanted.metric,
            "value": value,
            "minimum": wanted.minimum,
            "verdict": "passed" if passed else "refused",
        }
        _files.write_json(root / "report" / "registered.json", verdict)


def _candidate(params: Params, root: Path, metrics: dict[str, float]) -> registry.Candidate:
    weights = root / "weights" / f"{params.evaluate.weights}.weights.h5"

    def export(folder: Path) -> tuple[Any, Any]:
        # TensorFlow is imported only when a version is really made.
        _tensorflow.load()
        from tasks import _export

        spec = _spec.read(root)
        example = _export.example(spec, _spec.examples(root, "test"))
        return example, _export.saved_model(params, spec, weights, example, folder)

    def beats(other: float) -> bool:
        metric = params.register.metric
        return _scores.gain(metric, metrics[metric], other) > params.register.gain

    return registry.Candidate(
        name=params.register.name,
        tags={
            "weights": _weights.digest(weights),
            "spec": _sha256(root / "data" / "ready" / "spec.json"),
            "test_data": _sha256(*sorted((root / "data" / "ready").glob("test_*.npy"))),
        },
        metric=params.register.metric,
        metrics=metrics,
        beats=beats,
        export=export,
        spec=root / "data" / "ready" / "spec.json",
    )


def _sha256(*files: Path) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()
