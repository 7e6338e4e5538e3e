"""What a model's file, its loss and its augmentation say of its inputs and outputs.

CATEGORIES = "ids"  # or one-hot
OUTPUTS = "scores"  # or probabilities, or logits; without it the last layer tells
"""

from dataclasses import replace
from importlib import import_module
from typing import Any

from lockstep.config.keras_names import SIZES
from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.data.spec import Input, Spec, Target
from lockstep.data.spec.targets import LOGITS, MARGINS, PROBABILITIES, SCORES
from lockstep.errors import ParamsError

IDS, ONE_HOT = "ids", "one-hot"
HINGES = ("Hinge", "SquaredHinge", "CategoricalHinge")  # losses of margins


def as_asked(params: Params, spec: Spec) -> Spec:
    """Return the description of the data with what isn't the same for all models.

    Categories and outputs are as the model's file says, and images have the sizes that
    train.augmentation gives them. Raises ParamsError for what the file can't say.
    """
    categories = _constant(params, "CATEGORIES", ONE_HOT, IDS)
    said = _constant(params, "OUTPUTS", "", PROBABILITIES, LOGITS, SCORES)
    inputs, targets = spec.inputs, spec.targets
    if categories == IDS:
        inputs = {name: _with_ids(each) for name, each in inputs.items()}
    sizes = [
        (each.name, each.arguments) for each in params.train.augmentation if each.name in SIZES
    ]
    if len(inputs) == 1:
        inputs = {name: _with_sizes(each, sizes) for name, each in inputs.items()}
    targets = {name: _with_outputs(params, name, each, said) for name, each in targets.items()}
    return replace(spec, inputs=inputs, targets=targets)


def _constant(params: Params, name: str, default: str, *others: str) -> str:
    file = import_module(f"models.{params.model.name}")
    given: str = getattr(file, name, default)
    if given not in (default, *others):
        known = " or ".join(repr(each) for each in (default, *others) if each)
        raise ParamsError(f"models/{params.model.name}.py: {name} is {given!r}, expected {known}")
    return given


def _with_ids(each: Input) -> Input:
    columns = {
        name: replace(column, ids=column.is_category) for name, column in each.columns.items()
    }
    return replace(each, columns=columns)


def _with_sizes(each: Input, sizes: list[tuple[str, dict[str, Any]]]) -> Input:
    return replace(each, sizes=sizes) if each.kind == "image" else each


def _with_outputs(params: Params, name: str, target: Target, said: str) -> Target:
    if target.values == "numbers":
        return target
    loss = params.train.loss
    of_target = loss.get(name) if isinstance(loss, dict) else loss
    hinge = isinstance(of_target, KerasObjectConfig) and of_target.name in HINGES
    return replace(target, outputs_are=said or (MARGINS if hinge else ""))
