"""Reads and validates a project's params.yaml, and flattens it to dotted keys."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lockstep.config.imports import check_imports
from lockstep.config.model_arguments import arguments_of
from lockstep.config.renamed import refuse_renamed
from lockstep.config.schema import Params
from lockstep.config.similar_yaml import parse_similar
from lockstep.config.surface import known_models
from lockstep.config.validation import explain
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from lockstep.messages import choice
from lockstep.storage import layout

# Where files are, what a machine can do, and what MLflow gets: none says what an experiment is.
BESIDE = (
    "data.mirror", "normalize.memory_mb", "tracking.checkpoints", "train.cluster_timeout_seconds",
    "train.data_placement", "train.memory_growth", "train.snapshot_seconds",
)  # fmt: skip
PLAIN = re.compile(r"\w+")  # a key that needs no quotes after a dot


def load_params(root: Path) -> Params:
    """Read and validate a project's params.yaml; raises ParamsError for the first mistake."""
    return check_params(read_yaml(root / layout.PARAMS), root)


def load_values(root: Path) -> Params:
    """Return what `load_params` returns, but don't check models' arguments and imports."""
    try:
        text = (root / layout.PARAMS).read_text(encoding="utf-8")
        return Params.model_validate(parse_similar(text, layout.PARAMS), context=root)
    except (OSError, UnicodeDecodeError, ValidationError):
        return load_params(root)  # which says what is wrong


def check_params(raw: Any, root: Path, source: str = "params.yaml") -> Params:
    """Return `raw` as Params of the project at `root`.

    Raises ParamsError for the first mistake; its message starts with `source`.
    """
    refuse_renamed(raw, source)
    try:
        params = Params.model_validate(raw, context=root)
    except ValidationError as error:
        raise ParamsError(f"{source}: {explain(error, Params)}") from None
    if params.model.name not in params.model.sections:
        # In dvc.yaml `model.${model.name}` is a parameter of stages, so DVC needs the key.
        raise ParamsError(
            f"{source}: model.{params.model.name}: missing, expected the model's arguments, or {{}}"
        )
    for name, section in params.model.sections.items():
        _check_model(name, {} if section is None else section, root, source)
    _check_validation(params, source)
    check_imports(root, params)
    return params


def _check_validation(params: Params, source: str) -> None:
    share = params.data.validation_split
    if params.train.validation == "test" and share:
        raise ParamsError(
            f"{source}: train.validation: got test with data.validation_split {share:g}, expected "
            "0: otherwise these examples would be held out, and not used"
        )


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
    """Return the values by dotted key; of the models only the chosen one's section."""
    return _flat(params, params.model.name)


def experiment_params(params: Params) -> dict[str, Any]:
    """Return those that say what an experiment is, without those of a machine or of MLflow."""
    return {key: each for key, each in flat_params(params).items() if key not in BESIDE}


def differences(params: Params, before: Any, root: Path) -> dict[str, Any]:
    """Return the values that differ from those of `before`, raw parameters, by dotted key.

    Of the models only the chosen one's section is compared. Where `before` isn't valid today, as
    it was for another model's file, the values are compared as they are written.
    """
    try:
        known = _flat(check_params(before, root, "HEAD"), params.model.name)
        now = flat_params(params)
    except ParamsError:
        known, now = flat_values(before), flat_values(read_yaml(root / layout.PARAMS))
    return {key: each for key, each in now.items() if key not in known or known[key] != each}


def flat_values(raw: Any) -> dict[str, Any]:
    """Return raw parameters, of any age, by dotted key; of the models only the chosen one's."""
    values = dict(raw)
    model = values.get("model") or {}
    if isinstance(model, dict) and "name" in model:
        values["model"] = {"name": model["name"], model["name"]: model.get(model["name"]) or {}}
    return dict(_flatten(values, ""))


def _flat(params: Params, model: str) -> dict[str, Any]:
    """Return the values by dotted key, of the models only this one's section."""
    values = params.model_dump(mode="json")
    section = params.model.sections.get(model) or {}
    values["model"] = {"name": params.model.name, model: section}
    return dict(_flatten(values, ""))


def _flatten(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    """Yield each value by its dotted key; a mapping from names such as `>50K` is one value."""
    if isinstance(value, dict) and value and all(PLAIN.fullmatch(str(key)) for key in value):
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value
