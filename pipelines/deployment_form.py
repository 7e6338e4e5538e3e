"""The parameters of deployed runs, typed from the schema of params.yaml for Prefect's form.

Prefect's pages make a form of this JSON schema, and its server refuses values that don't fit. What
is left empty, or null, stays as it is in params.yaml; `overrides` can set a key to null.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import PydanticJsonSchemaWarning

from lockstep.config.model_arguments import arguments_of
from lockstep.config.presets import preset_names
from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.config.surface import known_datasets, known_models

Schema = dict[str, Any]
SECTIONS = [name for name in Params.model_fields if name != "seed"]
NULL = {"type": "null"}
NAME, MAPPING = {"type": "string"}, {"type": "object"}


def form(root: Path) -> dict[str, Schema]:
    """Return the JSON schemas of a preset's name and of the keys of params.yaml in a project."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        schema = Params.model_json_schema()
    found = {name: _section(each, schema["$defs"]) for name, each in schema["properties"].items()}
    found["data"]["properties"]["name"] |= {"enum": known_datasets(root)}
    found["model"]["properties"] = _models(root)
    # The form itself fills these two in with their defaults, and then refuses a null.
    found["seed"] = {"anyOf": [{**found["seed"], "title": "int"}, NULL], "title": "seed"}
    found["preset"] = {"type": "string", "enum": ["", *preset_names(root)]}
    return found


def overrides(sections: Schema) -> Schema:
    """Return the JSON schema of `overrides`: of each dotted key what `form` says of it, or null.

    Which data sets, models and arguments there are isn't said: they may be newer than the
    deployment. Prefect's pages show no field for a pattern, so a key has one field only.
    """
    keys = {
        f"{section}.{key}": {"type": "string"} if key == "name" else each
        for section in SECTIONS
        for key, each in sections[section]["properties"].items()
        if section != "model" or key == "name"
    }
    keys["seed"] = sections["seed"]
    # A key may lead into a mapping, such as train.optimizer.momentum.
    inside = "|".join([*map(re.escape, keys), "model"])
    names = [{"enum": [*SECTIONS, *keys]}, {"pattern": rf"^({inside})\..+$"}]
    return {
        "type": "object",
        "title": "overrides",
        "patternProperties": {f"^{re.escape(key)}$": _or_null(each) for key, each in keys.items()},
        "propertyNames": {"anyOf": names},
    }


def _or_null(schema: Schema) -> Schema:
    """The schema with null besides, so that a message says what is wrong with another value."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], NULL]}
    if "enum" in schema:
        both = {**schema, "enum": [*schema["enum"], None]}
        return {key: each for key, each in both.items() if key != "type"}
    return {**schema, "type": [schema["type"], "null"]}


def assignments(given: Mapping[str, Any]) -> list[str]:
    """Return `key=value` for each key that a deployed run's parameters give, `overrides` last."""
    keys = {"seed": given.get("seed")}
    for section in SECTIONS:
        keys |= _keys(section, given.get(section) or {})
    filled = {key: value for key, value in keys.items() if value is not None}
    both = [*filled.items(), *(given.get("overrides") or {}).items()]
    return [f"{key}={json.dumps(value)}" for key, value in both]


def _keys(path: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a section by dotted key; of the models also each argument's."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        if path == "model" and isinstance(value, dict):
            found |= _keys(f"{path}.{key}", value)
        else:
            found[f"{path}.{key}"] = value
    return found


def _models(root: Path) -> Schema:
    """A model's name, and the arguments of each model that has some."""
    names = known_models(root)
    schemas = {name: arguments_of(root, name).model_json_schema() for name in names}
    arguments = {
        name: _section(each, each.get("$defs", {})) | {"title": name}
        for name, each in schemas.items()
        if each.get("properties")
    }
    return {"name": {"type": "string", "enum": names, "title": "name"}, **arguments}


def _section(schema: Schema, definitions: Schema) -> Schema:
    """A key of params.yaml, or a section with none of its keys required."""
    found: Schema = _simplified(schema, definitions)
    found.pop("required", None)
    for key, each in found.get("properties", {}).items():
        each["title"] = key
    return found


def _simplified(schema: Any, definitions: Schema) -> Any:
    """The schema without references, nulls and defaults, and with one list of all choices."""
    if isinstance(schema, list):
        return [_simplified(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        given = {key: each for key, each in schema.items() if key != "$ref"}
        if name == KerasObjectConfig.__name__:
            return {"anyOf": [NAME, MAPPING], **given}
        return {**_simplified(definitions[name], definitions), **given}
    left = {key: each for key, each in schema.items() if key not in ("default", "$defs")}
    found = {key: _simplified(each, definitions) for key, each in left.items()}
    return _with_choices(found) if "anyOf" in found else _as_choice(found)


def _with_choices(schema: Schema) -> Schema:
    """The schema with those alternatives that are single values as one of them."""
    alternatives = list(_alternatives(schema))
    choices = [value for each in alternatives for value in each.get("enum", ())]
    kept = [each for each in alternatives if "enum" not in each]
    if choices:
        kept.append({"enum": choices, "title": "choice"})  # the text of a tab
    given = {key: each for key, each in schema.items() if key != "anyOf"}
    return {**kept[0], **given} if len(kept) == 1 else {**given, "anyOf": kept}


def _alternatives(schema: Schema) -> Iterator[Schema]:
    for each in schema["anyOf"]:
        if "anyOf" in each:
            yield from _alternatives(each)
        elif each != NULL:
            yield each


def _as_choice(schema: Schema) -> Schema:
    """The schema with a list of its one or two values: a form's switch couldn't be left unset."""
    given = {key: each for key, each in schema.items() if key not in ("const", "type")}
    if "const" in schema:
        return {**given, "enum": [schema["const"]]}
    return {**given, "enum": [True, False]} if schema.get("type") == "boolean" else schema
