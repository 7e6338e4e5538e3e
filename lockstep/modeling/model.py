"""Build the model that params.yaml names, with initial weights or weights from a file."""

from importlib import import_module
from pathlib import Path

import keras

from lockstep.config.schema import Params
from lockstep.data.spec import Spec
from lockstep.errors import ParamsError
from lockstep.messages import first_line


def make_model(params: Params, spec: Spec) -> keras.Model:
    """Return the model with initial weights; raises ParamsError if its arguments don't fit."""
    module = import_module(f"models.{params.model.name}")
    try:
        model: keras.Model = module.build(
            spec.input_shape,
            spec.outputs,
            spec.activation,
            *_vocabulary_sizes(spec),
            **params.model.arguments,
        )
    except (TypeError, ValueError) as error:
        raise ParamsError(f"model.{params.model.name}: {first_line(error)}") from None
    return model


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
