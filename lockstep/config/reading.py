"""params.yaml of a project: read, checked, and as one list of dotted keys."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lockstep.config.imports import check_imports
from lockstep.config.model_arguments import arguments_of
from lockstep.config.schema import Params
from lockstep.config.surface import known_models
from lockstep.config.validation import explain
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from lockstep.messages import choice
from lockstep.storage import layout


def load_params(root: Path) -> Params:
    """Read and check a project's params.yaml; raises ParamsError, one line, for a first mistake."""
    return check_params(read_yaml(root / layout.PARAMS), root)


def check_params(raw: Any, root: Path, source: str = "params.yaml") -> Params:
    """Return `raw` as Params of the project at `root`; raises ParamsError that names `source`."""
    try:
        params = Params.model_validate(raw, context=root)
    except ValidationError as error:
        raise ParamsError(f"{source}: {explain(error, Params)}") from None
    if params.model.name not in params.model.sections:
        # DVC names it as the stages' parameter.
        raise ParamsError(
            f"{source}: model.{params.model.name}: missing, expected a section for it; {{}} will do"
        )
    for name, section in params.model.sections.items():
        _check_model(name, {} if section is None else section, root, source)
    check_imports(root, params)
    return params


def _check_model(name: str, section: Any, root: Path, source: str) -> None:
    known = known_models(root)
    if name not in known:
        line = f"model.{name}: unknown key, expected {choice(name, ['name', *known])}"
        raise ParamsError(f"{source}: {line}")
    arguments = arguments_of(root, name)
    try:
        arguments.model_validate(section)
    except ValidationError as error:
        line = explain(error, arguments, ("model", name))
        raise ParamsError(f"{source}: {line}") from None


def flat_params(params: Params) -> dict[str, Any]:
    """Return dotted keys and plain values, of the chosen model's section only."""
    values = params.model_dump(mode="json")
    values["model"] = {"name": params.model.name, params.model.name: params.model.arguments}
    return dict(_flatten(values, ""))


def _flatten(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value
