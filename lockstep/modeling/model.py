"""Build the model that params.yaml names, with initial weights or weights from a file."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import Params
from lockstep.data.spec import Spec
from lockstep.errors import ParamsError
from lockstep.messages import first_line
from lockstep.modeling.pretrained import PretrainedWeights

SIZE = "vocabulary_size"
SPEC = "spec"  # the parameter of build by which a model asks for the whole description


def make_model(params: Params, spec: Spec) -> keras.Model:
    """Return the model with initial weights; raises ParamsError if its arguments don't fit."""
    build = import_module(f"models.{params.model.name}").build
    given = {
        "input_shape": spec.input_shape, "outputs": spec.outputs, "activation": spec.activation,
        **_more(build, spec),
    }  # fmt: skip
    _check_signature(params, build, given)
    try:
        model: keras.Model = build(*given.values(), **params.model.arguments)
    except (TypeError, ValueError) as error:
        raise ParamsError(f"model.{params.model.name}: {first_line(error)}") from None
    return model


def _check_signature(params: Params, build: Any, given: dict[str, Any]) -> None:
    try:
        inspect.signature(build).bind(*given.values(), **params.model.arguments)
    except TypeError as error:
        names = ", ".join(
            f"{name}={each}" if name == SIZE else name for name, each in given.items()
        )
        arguments = ", ".join(params.model.arguments) or "no arguments"
        raise ParamsError(
            f"model.{params.model.name}: build can't take what it gets ({error}): {names} from "
            f"data.name {params.data.name}, and {arguments} from params.yaml; choose a model for "
            "these data, or change the arguments"
        ) from None


def _more(build: Any, spec: Spec) -> dict[str, Any]:
    """What build gets besides shapes: the description of the data, or the sizes of vocabularies."""
    if SPEC in inspect.signature(build).parameters:
        return {SPEC: spec}
    sizes = {name: len(each.words) for name, each in spec.inputs.items() if each.words}
    if not sizes:
        return {}
    return {SIZE: sizes if len(spec.inputs) > 1 else next(iter(sizes.values()))}


def pretrained_weights(params: Params) -> PretrainedWeights | None:
    """Return the weights that the model starts with, as `pretrained` in its file says."""
    function = getattr(import_module(f"models.{params.model.name}"), "pretrained", None)
    return function(**params.model.arguments) if function else None


def make_model_with(params: Params, spec: Spec, weights: Path) -> keras.Model:
    """Return the model with weights from a file.

    Compile it afterwards: a compiled model looks for optimizer variables in the file and warns.
    """
    model = make_model(params, spec)
    model.load_weights(weights)
    return model
