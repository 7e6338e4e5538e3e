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

GIVEN = 3  # the arguments of build that come before a text's vocabulary size


def make_model(params: Params, spec: Spec) -> keras.Model:
    """Return the model with initial weights; raises ParamsError if its arguments don't fit."""
    module = import_module(f"models.{params.model.name}")
    given = (spec.input_shape, spec.outputs, spec.activation, *_vocabulary_sizes(spec))
    _check_signature(params, module.build, given)
    try:
        model: keras.Model = module.build(*given, **params.model.arguments)
    except (TypeError, ValueError) as error:
        raise ParamsError(f"model.{params.model.name}: {first_line(error)}") from None
    return model


def _check_signature(params: Params, build: Any, given: tuple[Any, ...]) -> None:
    try:
        inspect.signature(build).bind(*given, **params.model.arguments)
    except TypeError as error:
        sizes = [f"vocabulary_size={each}" for each in given[GIVEN:]]
        names = ", ".join(["input_shape", "outputs", "activation", *sizes])
        arguments = ", ".join(params.model.arguments) or "no arguments"
        raise ParamsError(
            f"model.{params.model.name}: build can't take what it gets ({error}): {names} from "
            f"data.name {params.data.name}, and {arguments} from params.yaml; choose a model for "
            "these data, or change the arguments"
        ) from None


def _vocabulary_sizes(spec: Spec) -> list[int]:
    """Return the vocabulary size of each text input, which text models take as an argument."""
    return [len(each.words) for each in spec.inputs.values() if each.words]


def make_model_with(params: Params, spec: Spec, weights: Path) -> keras.Model:
    """Return the model with weights from a file.

    Compile it afterwards: a compiled model looks for optimizer variables in the file and warns.
    """
    model = make_model(params, spec)
    model.load_weights(weights)
    return model
