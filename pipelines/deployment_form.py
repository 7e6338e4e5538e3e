"""The parameters of deployed runs, typed from the schema of params.yaml for Prefect's form.

Prefect's page builds a form from this JSON schema, and its server refuses values that don't fit.
What is left empty stays as it is in params.yaml, so nothing is required, and null isn't a value
here: `overrides` can set it.
"""

import warnings
from pathlib import Path
from typing import Any

from pydantic.json_schema import PydanticJsonSchemaWarning

from lockstep.config.model_arguments import arguments_of
from lockstep.config.presets import preset_names
from lockstep.config.schema import Params
from lockstep.config.surface import known_datasets, known_models

Schema = dict[str, Any]
NULL = {"type": "null"}


def sections(root: Path) -> dict[str, Schema]:
    """Return the JSON schema of each key of params.yaml, for the project at `root`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        whole = Params.model_json_schema()
    found = {
        name: _without_null(_inlined(each, whole["$defs"]))
        for name, each in whole["properties"].items()
    }
    found["data"]["properties"]["name"]["enum"] = known_datasets(root)
    found["model"] = _models(root)
    return {name: _as_form(each, name) for name, each in found.items()}


def presets(root: Path) -> Schema:
    """Return the JSON schema of a preset's name."""
    return {"type": "string", "enum": preset_names(root), "title": "preset"}


def _models(root: Path) -> Schema:
    """The name of a model, and each model's arguments."""
    names = known_models(root)
    arguments = {}
    for name in names:
        schema = arguments_of(root, name).model_json_schema()
        if schema.get("properties"):
            arguments[name] = _without_null(_inlined(schema, schema.get("$defs", {})))
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {"name": {"type": "string", "enum": names}, **arguments},
    }


def _inlined(schema: Any, definitions: Schema) -> Any:
    """The schema with each definition in the place of its reference."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(each, definitions) for key, each in schema.items() if key != "$defs"}


def _without_null(section: Schema) -> Schema:
    """The schema of a section whose values may not be null."""
    if "properties" not in section:
        return section
    fields = {}
    for name, field in section["properties"].items():
        choices = [each for each in field.get("anyOf", []) if each != NULL]
        given = {key: each for key, each in field.items() if key not in ("anyOf", "default")}
        if len(choices) == 1:
            given |= choices[0] | {"description": field.get("description", "")}
        elif choices:
            given["anyOf"] = choices
        fields[name] = given
    return {**section, "properties": fields}


def _as_form(schema: Schema, name: str) -> Schema:
    """The schema without required keys, its titles being the keys."""
    found = {key: each for key, each in schema.items() if key not in ("required", "default")}
    found["title"] = name
    if "properties" in found:
        found["properties"] = {
            key: _as_form(each, key) for key, each in found["properties"].items()
        }
    return found
