"""Make the losses that params.yaml names, each with targets in the form that it takes."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.data.spec import Spec, Target, unwrap_single
from lockstep.errors import ParamsError
from lockstep.modeling import keras_objects
from lockstep.modeling.adapters import Form, adapted
from lockstep.modeling.model_file import HINGES
from lockstep.modeling.objectives import loss_config
from lockstep.modeling.outputs import Given
from lockstep.modeling.target_forms import (
    ONE_HOT,
    SPARSE,
    check_between_0_and_1,
    form_of,
    is_binary,
)

# They divide sums over all values of a batch, so that replicas would average other numbers.
OF_A_BATCH = ("Dice", "Tversky")


def make(params: Params, spec: Spec, custom: Path, given: Mapping[str, Given]) -> Any:
    """Return the loss of each target, by name if there are several; None without targets.

    `given` is what `outputs.given_by` says of the model. Raises ParamsError for a loss that isn't
    for its target.
    """
    if not spec.targets:
        return None
    return unwrap_single(
        {
            name: _loss_of(
                loss_config(params, name, target), target, custom, given.get(name, Given())
            )
            for name, target in spec.targets.items()
        }
    )


def _loss_of(config: KerasObjectConfig, target: Target, custom: Path, given: Given) -> Any:
    form = form_of("train.loss", config, target)
    if form is None:
        return keras_objects.make(keras.losses, config, "loss", custom)
    if target.has_scores and config.name not in HINGES:
        raise ParamsError(
            f"train.loss: {config.name}: takes probabilities, but the model's outputs are scores; "
            f"expected one of {', '.join(HINGES)}, or custom.NAME"
        )
    config, as_logits = _with_from_logits(config, target, given.logits)
    are_logits = bool(given.logits) and target.values != "numbers"
    wrapped = Form(
        form,
        target,
        logits=are_logits,
        keep_logits=as_logits,
        binary=is_binary(config),
        both=given.both,
    )
    wrap = adapted(wrapped) if _needs_form(wrapped) else None
    return keras_objects.make(keras.losses, config, "loss", custom, wrap=wrap)


def _needs_form(form: Form) -> bool:
    """Return whether Keras's own loss would get these targets or outputs wrong.

    Labels (n,) for outputs (n, 1), and class numbers for a column of each class, it takes itself.
    """
    if form.both or form.target.shape or (form.logits and not form.keep_logits):
        return True
    return form.name == ONE_HOT or (form.name == SPARSE and form.target.outputs == 1)


def _with_from_logits(
    config: KerasObjectConfig, target: Target, logits: bool | None
) -> tuple[KerasObjectConfig, bool]:
    """Return the config with `from_logits` as the outputs are, and whether the loss gets logits.

    Raises ParamsError where they contradict each other.
    """
    if target.values == "numbers":
        check_between_0_and_1("train.loss", config, logits)
        return config, False
    if logits is None:
        raise ParamsError(
            f"train.loss: {config.name}: the model's outputs aren't probabilities, expected a last "
            f"layer with the activation {target.activation}, or none, for logits"
        )
    takes = "from_logits" in inspect.signature(getattr(keras.losses, config.name)).parameters
    given = config.arguments.get("from_logits", logits)
    if not takes and logits:
        raise ParamsError(
            f"train.loss: {config.name}: takes probabilities, but the model's last layer has no "
            f"activation, so that its outputs are logits; expected {target.activation}"
        )
    if not takes:
        return config, logits
    if given != logits:
        last = "no activation, so they are logits" if logits else "an activation"
        raise ParamsError(
            f"train.loss.from_logits: got {str(given).lower()}, but the model's last layer has "
            f"{last}; expected {str(logits).lower()}, or leave it out"
        )
    return config.model_copy(update={"from_logits": logits}) if logits else config, logits


def check_replicas(losses: Mapping[str, Any], replicas: int) -> None:
    """Refuse what several replicas, each with its share of a batch, would compute differently."""
    for loss in losses.values() if replicas > 1 else ():
        if getattr(loss, "reduction", None) == "mean_with_sample_weight":
            raise ParamsError(
                "train.loss.reduction: got mean_with_sample_weight with several replicas, whose "
                "sample weights differ; expected sum_over_batch_size or sum, or train.replicas 1"
            )
        if type(loss).__name__ in OF_A_BATCH and getattr(loss, "axis", None) is None:
            raise ParamsError(
                f"train.loss: {type(loss).__name__}: divides sums over a batch, which several "
                "replicas share; expected the axis of one example, such as axis [1, 2, 3], or "
                "train.replicas 1"
            )
