"""The losses and metrics that params.yaml names for each target; known without Keras."""

from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.data.spec import Spec, Target
from lockstep.errors import ParamsError
from lockstep.modeling.target_forms import form_of


def loss_config(params: Params, name: str, target: Target) -> KerasObjectConfig:
    """Return the loss of a target: the one in params.yaml, or the default of its kind."""
    loss = params.train.loss
    if isinstance(loss, dict):
        return loss[name]
    return KerasObjectConfig(name=target.described.loss(target)) if loss == "auto" else loss


def metric_configs(params: Params, target: Target) -> list[KerasObjectConfig]:
    """Return the metrics of a target: those in params.yaml, or the default of its kind."""
    metrics = params.train.metrics
    default = KerasObjectConfig(name=target.described.metric(target))
    return [default] if metrics == "auto" else metrics


def check_objectives(params: Params, spec: Spec) -> None:
    """Raise ParamsError for a loss or metric that isn't for its target, or isn't of a target."""
    _check_names(params, spec)
    for name, target in spec.targets.items():
        form_of("train.loss", loss_config(params, name, target), target)
        for config in metric_configs(params, target):
            form_of("train.metrics", config, target)


def _check_names(params: Params, spec: Spec) -> None:
    """Raise ParamsError for losses or weights by name that aren't one for each target."""
    if not spec.targets:
        _refuse_without_targets(params)
    for key in ("loss", "loss_weights"):
        given = getattr(params.train, key)
        if isinstance(given, dict) and given.keys() != spec.targets.keys():
            known = ", ".join(spec.targets) or "none"
            raise ParamsError(
                f"train.{key}: got {', '.join(given)}, expected one for each of {known}"
            )


def _refuse_without_targets(params: Params) -> None:
    for key in ("loss", "metrics"):
        if getattr(params.train, key) not in ("auto", []):
            raise ParamsError(
                f"train.{key}: got a value for data without targets, expected auto: the model's "
                "own train_step or add_loss computes it"
            )
