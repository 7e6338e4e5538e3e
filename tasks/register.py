"""The stage that registers a model above the threshold; the best version becomes champion."""

from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Params
from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import direction, improvement
from lockstep.evaluation.identity import identity
from lockstep.evaluation.register_metric import register_metric
from lockstep.messages import choice
from lockstep.process import console
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.serving.champion import Challenger
from lockstep.serving.raw_examples import example_rows, raw_examples
from lockstep.storage import atomic_files, layout
from lockstep.tracking import champion, passport, recorder, registry
from lockstep.tracking.candidates import Candidate

SHOWN, TESTED = 2, 32  # examples: of the input in MLflow's pages, and of the smoke test
LARGEST = 2**26  # bytes of outputs that are stored with a version; others are computed again
REPORTED = (
    layout.METRICS, layout.HISTORY, layout.CLASSES, layout.CURVES_PLOT, layout.PREDICTIONS_PLOT,
    layout.MISTAKES_PLOT,
)  # fmt: skip


def register(params: Params, root: Path) -> None:
    """Register the evaluated weights if they reach `register.threshold`; write registered.json.

    registered.json depends only on the workspace. Whether the version also becomes champion depends
    on the registry, which records it as a tag. Raises ParamsError for an unknown metric,
    UnavailableError if the registry can't be reached, LockstepError if the smoke test fails.
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
            # In this order: whoever is killed leaves no champion without a passport behind.
            with champion.held(root):
                version = registry.register_version(*run.reach(), candidate)
                passport.attach(*run.reach(), params, root, candidate.tags["weights"])
                console.say(registry.challenge(*run.reach(), candidate, version, root))
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
) -> Candidate:
    weights = root / layout.weights_of(params.evaluate.weights)
    outputs = root / layout.OUTPUTS
    tags = identity(params, root)

    def export(folder: Path) -> tuple[Any, Any]:
        # TensorFlow is imported only if a new version is created.
        load_tensorflow()
        from lockstep.serving.serving_model import saved_model

        example = _raw(root, SHOWN)
        saved = saved_model(params, read_spec(root), weights, example, folder)
        return example_rows(read_spec(root), example), saved

    return Candidate(
        name=params.registered_name,
        tags=tags,
        metric=metric,
        metrics=metrics,
        challenge=Challenger(params, root, metric, metrics, goal, tags["test_data"]).against,
        export=export,
        spec=root / layout.SPEC,
        files=tuple(root / each for each in REPORTED if (root / each).exists()),
        outputs=outputs if outputs.stat().st_size <= LARGEST else None,
        smoke_test=(lambda: _smoke_test(root)) if params.register.smoke_test else None,
        goal=goal,
        fold=f"fold {params.data.fold} of {params.data.folds}" if params.data.folds else "",
    )


def _smoke_test(root: Path) -> tuple[Any, np.ndarray]:
    """Return raw test examples as users have them, and the outputs that evaluation saw."""
    spec, raw = read_spec(root), _raw(root, TESTED)
    expected = np.load(root / layout.OUTPUTS, mmap_mode="r")[:TESTED]
    rows = example_rows(spec, raw)
    return rows, np.asarray(expected if rows is raw else expected[:1])


def _raw(root: Path, count: int) -> Any:
    spec, test = read_spec(root), load_examples(root, "test")
    return raw_examples(spec, test.at(np.arange(min(count, test.size))))
