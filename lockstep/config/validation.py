"""Explains a mistake in params.yaml in one line: the key, the received value, the expected one."""

from reprlib import Repr
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from lockstep.messages import choice

# Of what YAML's references can nest into gigabytes, only the start is made.
SHORT = Repr()
SHORT.maxlevel, SHORT.maxdict, SHORT.maxlist, SHORT.maxstring = 4, 20, 20, 1000
SHORT.maxlong = SHORT.maxother = 100


def explain(error: ValidationError, section: type[BaseModel], prefix: tuple[str, ...] = ()) -> str:
    """Return the first mistake that pydantic found, as one line.

    `prefix` is put before the key's path.
    """
    errors = error.errors()
    # For a union such as `auto | name` pydantic first reports that the value isn't `auto`. The
    # value_error of an unknown name is more helpful.
    same = [each for each in errors if each["loc"][:2] == errors[0]["loc"][:2]]
    first = next((each for each in same if each["type"] == "value_error"), errors[0])
    unknown = first["type"] == "extra_forbidden"
    path, expected, parent = _locate(first["loc"], section, prefix, unknown)
    if unknown:
        return f"{path}: unknown key, expected {choice(str(first['loc'][-1]), parent.model_fields)}"
    if first["type"] == "value_error":
        return f"{path}: {first['msg'].removeprefix('Value error, ')}"
    if first["type"] == "missing":
        return f"{path}: missing, expected {expected}"
    received = SHORT.repr(first["input"])
    shown = received if len(received) <= 60 else received[:57] + "..."
    return f"{path}: ".lstrip(": ") + f"got {shown}, expected {expected}"


def _locate(
    location: tuple[int | str, ...],
    section: type[BaseModel],
    prefix: tuple[str, ...],
    unknown: bool,
) -> tuple[str, str, type[BaseModel]]:
    """The dotted path of a mistake, what was expected there, and the section it is in.

    A pydantic location also contains names of union members, which are left out.
    """
    path, expected = ".".join(prefix), _keys_of(section)
    inside: type[BaseModel] | None = section
    for key in location:
        if isinstance(key, int):
            path += f"[{key}]"
        elif inside is not None and (
            key in inside.model_fields or (unknown and key == location[-1])
        ):
            path += f".{key}" if path else key
            section, field = inside, inside.model_fields.get(key)
            inside = field and _section_in(field.annotation)
            expected = (field and field.description) or _keys_of(inside or section)
    return path, expected, section


def _keys_of(section: type[BaseModel]) -> str:
    return f"the keys {', '.join(section.model_fields)}"


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section class in an annotation such as `X`, `list[X]` or `X | None`, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_in(part) for part in get_args(annotation))
    return next((each for each in found if each), None)
