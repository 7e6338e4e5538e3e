"""Build the model that params.yaml names, with initial weights or weights from a file."""

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import Params
from lockstep.data.spec import Spec
from lockstep.errors import LockstepError, ParamsError
from lockstep.messages import words_of
from lockstep.modeling.model_file import as_asked
from lockstep.modeling.pretrained import PretrainedWeights

SIZE = "vocabulary_size"
SPEC = "spec"  # the parameter of build by which a model asks for the whole description


def make_model(params: Params, spec: Spec) -> keras.Model:
    """Return the model with initial weights, which depend on the seed alone.

    Raises ParamsError for arguments that don't fit, and for a mistake in the model's file.
    """
    with _mistakes_named(params.model.name):
        build = import_module(f"models.{params.model.name}").build
    spec = as_asked(params, spec)
    given = {
        "input_shape": spec.input_shape, "outputs": spec.outputs, "activation": spec.activation,
        **_more(build, spec),
    }  # fmt: skip
    _check_signature(params, build, given)
    # Again: what has run since the stage began, such as MLflow's client, may have drawn numbers.
    keras.utils.set_random_seed(params.seed)
    with _mistakes_named(params.model.name):
        model: keras.Model = build(*given.values(), **params.model.arguments)
    return model


@contextmanager
def _mistakes_named(name: str) -> Iterator[None]:
    """Make an error in a model's file one line with the file's line and the error's own words."""
    try:
        yield
    except (LockstepError, MemoryError):
        raise
    except Exception as error:
        raise ParamsError(_place_and_words(name, error)) from error


def _place_and_words(name: str, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if _is_model(each)]
    if own and own[-1] is frames[-1] and isinstance(error, ValueError):  # raised by the model
        return f"model.{name}: {words_of(error)}"
    place = f"models/{name}.py"
    if own:
        place = f"models/{Path(own[-1].filename).name}, line {own[-1].lineno}"
    return f"{place}: {type(error).__name__}: {words_of(error)}"


def _is_model(frame: traceback.FrameSummary) -> bool:
    folders = import_module("models").__path__
    return any(Path(frame.filename).is_relative_to(each) for each in folders)


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
