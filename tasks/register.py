"""The stage that registers a model above the threshold; the best version becomes champion."""

import hashlib
from pathlib import Path
from typing import Any

from lockstep.config.schema import Params
from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import direction, improvement
from lockstep.evaluation.register_metric import register_metric
from lockstep.messages import choice
from lockstep.modeling.weights import weights_digest
from lockstep.process import console
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.storage import atomic_files, layout
from lockstep.tracking import passport, recorder, registry


def register(params: Params, root: Path) -> None:
    """Register the evaluated weights if they reach `register.threshold`; write registered.json.

    registered.json depends only on the workspace. Whether the version also becomes champion depends
    on the registry, which records it as a tag. Raises ParamsError for an unknown metric,
    UnavailableError if the registry can't be reached.
    """
    config = params.register
    metrics = atomic_files.read_json(root / layout.METRICS)["test"]
    spec = read_spec(root)
    metric = register_metric(params, spec)
    if metric not in metrics:
        raise ParamsError(f"register.metric: got {metric!r}, expected {choice(metric, metrics)}")
    value = metrics[metric]
    own_names = params.train.own_names
    goal = direction(metric, config.mode, spec.targets, "register.metric", own_names)
    passed = _passes(value, config.threshold, goal)
    known = {name: each for name, each in metrics.items() if each is not None}
    candidate = _candidate(params, root, metric, known, goal)
    with recorder.record(params, root, "register") as run:
        if passed:
            console.say(registry.register_version(*run.reach(), candidate))
            passport.attach(*run.reach(), params, root, candidate.tags["weights"])
        else:
            shown = "isn't defined" if value is None else f"is {value}"
            console.say(f"not registered: {metric} {shown}, threshold {config.threshold}")
        verdict = {
            "name": candidate.name,
            "digest": candidate.tags["weights"],
            "metric": metric,
            "value": value,
            "threshold": config.threshold,
            "verdict": "passed" if passed else "refused",
        }
        atomic_files.write_json(root / layout.REGISTERED, verdict)


def _passes(value: float | None, threshold: float | None, goal: str) -> bool:
    """Return whether a metric reaches the threshold, if there is one; an undefined one doesn't."""
    if value is None:
        return False
    return threshold is None or improvement(value, threshold, goal) >= 0


def _candidate(
    params: Params, root: Path, metric: str, metrics: dict[str, float], goal: str
) -> registry.Candidate:
    weights = root / layout.weights_of(params.evaluate.weights)

    def export(folder: Path) -> tuple[Any, Any]:
        # TensorFlow is imported only if a new version is created.
        load_tensorflow()
        from lockstep.serving.serving_model import example_inputs, example_rows, saved_model

        spec = read_spec(root)
        example = example_inputs(spec, load_examples(root, "test"))
        return example_rows(spec, example), saved_model(params, spec, weights, example, folder)

    def beats(other: float) -> bool:
        return improvement(metrics[metric], other, goal) > params.register.min_delta

    return registry.Candidate(
        name=params.registered_name,
        tags={
            "weights": weights_digest(weights),
            "spec": _sha256(root / layout.SPEC),
            "test_data": _sha256(*sorted((root / layout.READY).glob("test_*.npy"))),
            **({"validation": "test"} if params.train.validation == "test" else {}),
        },
        metric=metric,
        metrics=metrics,
        beats=beats,
        export=export,
        spec=root / layout.SPEC,
        fold=f"fold {params.data.fold} of {params.data.folds}" if params.data.folds else "",
    )


def _sha256(*files: Path) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()
