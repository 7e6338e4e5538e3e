"""The stage that registers a model above the threshold; the best version becomes champion."""

import hashlib
from pathlib import Path
from typing import Any

from lockstep.config.schema import Params
from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import direction, improvement
from lockstep.modeling.weights import weights_digest
from lockstep.process import console
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.storage import atomic_files, layout
from lockstep.tracking import recorder, registry


def register(params: Params, root: Path) -> None:
    """Register the evaluated weights if they reach `register.threshold`; write registered.json.

    registered.json depends only on the workspace. Whether the version also becomes champion depends
    on the registry, which records it as a tag. Raises ParamsError for an unknown metric,
    UnavailableError if the registry can't be reached.
    """
    config = params.register
    metrics = atomic_files.read_json(root / layout.METRICS)["test"]
    if config.metric not in metrics:
        known = ", ".join(metrics)
        raise ParamsError(f"register.metric: got {config.metric!r}, expected one of {known}")
    value = metrics[config.metric]
    goal = direction(config.metric, config.mode, read_spec(root).targets, "register.metric")
    passed = improvement(value, config.threshold, goal) >= 0
    candidate = _candidate(params, root, metrics, goal)
    with recorder.record(params, root, "register") as run:
        if passed:
            console.say(registry.register_version(*run.reach(), candidate))
        else:
            console.say(f"not registered: {config.metric} {value}, threshold {config.threshold}")
        verdict = {
            "name": candidate.name,
            "digest": candidate.tags["weights"],
            "metric": config.metric,
            "value": value,
            "threshold": config.threshold,
            "verdict": "passed" if passed else "refused",
        }
        atomic_files.write_json(root / layout.REGISTERED, verdict)


def _candidate(
    params: Params, root: Path, metrics: dict[str, float], goal: str
) -> registry.Candidate:
    weights = root / layout.weights_of(params.evaluate.weights)

    def export(folder: Path) -> tuple[Any, Any]:
        # TensorFlow is imported only if a new version is created.
        load_tensorflow()
        from lockstep.serving.serving_model import example_inputs, saved_model

        spec = read_spec(root)
        example = example_inputs(spec, load_examples(root, "test"))
        return example, saved_model(params, spec, weights, example, folder)

    def beats(other: float) -> bool:
        value = metrics[params.register.metric]
        return improvement(value, other, goal) > params.register.min_delta

    return registry.Candidate(
        name=params.registered_name,
        tags={
            "weights": weights_digest(weights),
            "spec": _sha256(root / layout.SPEC),
            "test_data": _sha256(*sorted((root / layout.READY).glob("test_*.npy"))),
        },
        metric=params.register.metric,
        metrics=metrics,
        beats=beats,
        export=export,
        spec=root / layout.SPEC,
    )


def _sha256(*files: Path) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()
