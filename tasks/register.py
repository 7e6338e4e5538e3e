"""The stage that puts a good enough model into the registry, and the best of them in front."""

import hashlib
from pathlib import Path
from typing import Any

from lockstep.config.schema import Params
from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import ParamsError
from lockstep.evaluation import scores
from lockstep.modeling.weights import weights_digest
from lockstep.process import console
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.storage import atomic_files, layout
from lockstep.tracking import recorder, registry


def register(params: Params, root: Path) -> None:
    """Register the evaluated weights if they reach `register.minimum`; write registered.json.

    The file depends on the workspace alone. Whether the version also becomes champion depends on
    the registry, and is said there. Raises UnavailableError if the registry can't be reached.
    """
    wanted = params.register
    metrics = atomic_files.read_json(root / layout.METRICS)["test"]
    if wanted.metric not in metrics:
        known = ", ".join(metrics)
        raise ParamsError(f"register.metric: got {wanted.metric!r}, expected one of {known}")
    value = metrics[wanted.metric]
    passed = scores.gain(wanted.metric, value, wanted.minimum) >= 0
    candidate = _candidate(params, root, metrics)
    with recorder.record(params, root, "register") as run:
        if passed:
            console.say(registry.enter(*run.reach(), candidate))
        else:
            console.say(f"not registered: {wanted.metric} {value}, expected {wanted.minimum}")
        verdict = {
            "name": wanted.name,
            "digest": candidate.tags["weights"],
            "metric": wanted.metric,
            "value": value,
            "minimum": wanted.minimum,
            "verdict": "passed" if passed else "refused",
        }
        atomic_files.write_json(root / layout.REGISTERED, verdict)


def _candidate(params: Params, root: Path, metrics: dict[str, float]) -> registry.Candidate:
    weights = root / layout.weights_of(params.evaluate.weights)

    def export(folder: Path) -> tuple[Any, Any]:
        # TensorFlow is imported only when a version is really made.
        load_tensorflow()
        from lockstep.serving.serving_model import example_inputs, saved_model

        spec = read_spec(root)
        example = example_inputs(spec, load_examples(root, "test"))
        return example, saved_model(params, spec, weights, example, folder)

    def beats(other: float) -> bool:
        metric = params.register.metric
        return scores.gain(metric, metrics[metric], other) > params.register.gain

    return registry.Candidate(
        name=params.register.name,
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
