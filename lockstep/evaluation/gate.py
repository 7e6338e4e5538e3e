"""Checks before training: the metrics that decide on registration, best weights and callbacks."""

from pathlib import Path

from lockstep.config.model_kinds import check_kinds
from lockstep.config.schema import CUSTOM, Params
from lockstep.config.surface import MODELS, defines_any
from lockstep.data.spec import Spec, read_spec
from lockstep.data.spec.target_kinds import NONE
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import DEFAULT_NAMES, direction
from lockstep.evaluation.monitors import check_monitors, is_logged, validation_split
from lockstep.evaluation.register_metric import LOSS, register_metric
from lockstep.evaluation.reports.names import SCORES
from lockstep.messages import choice
from lockstep.modeling.objectives import check_objectives, metric_configs
from lockstep.storage import layout

# Methods of a model with which its logs have other names.
OWN_LOGS = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "metrics")


def check_before_training(params: Params, root: Path) -> None:
    """Raise ParamsError for a metric, monitor or callback that can't work with these data.

    Checks nothing before spec.json exists.
    """
    if not (root / layout.SPEC).exists():
        return
    spec = read_spec(root)
    kinds = [each.kind for each in spec.inputs.values()]
    check_kinds(params, root, kinds, [each.kind for each in spec.targets.values()] or [NONE])
    metric = register_metric(params, spec)
    own_names = params.train.own_names
    direction(metric, params.register.mode, spec.targets, "register.metric", own_names)
    check_objectives(params, spec)
    names = logged_names(params, spec, root)
    validation = validation_split(params, spec.splits) is not None
    check_monitors(params, spec.targets, names, validation=validation)
    scores = _score_names(spec)
    if names and not is_logged(metric, {*names, *scores}):
        known = choice(metric, [*names, *(each for each in scores if each not in names)])
        raise ParamsError(f"register.metric: got {metric!r}, expected auto or {known}")


def logged_names(params: Params, spec: Spec, root: Path) -> list[str]:
    """Return the names in the logs; an empty list if only a trained step can tell."""
    custom = params.train.metrics != "auto" and any(
        each.name.startswith(CUSTOM) for each in params.train.metrics
    )
    if (
        custom
        or not spec.targets
        or defines_any(root, MODELS / f"{params.model.name}.py", OWN_LOGS)
    ):
        return []
    found, several = [LOSS], spec.target is None
    for name, target in spec.targets.items():
        prefix = f"{name}_" if several else ""
        found += [f"{name}_{LOSS}"] if several else []
        for config in metric_configs(params, target):
            default = DEFAULT_NAMES.get(config.name, config.name)
            found.append(prefix + config.arguments.get("name", default))
    return found


def _score_names(spec: Spec) -> list[str]:
    return [
        f"{name}_{score}" if spec.target is None else score
        for name, target in spec.targets.items()
        for score in SCORES[target.kind, target.values]
    ]
