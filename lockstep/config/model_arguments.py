"""The keyword arguments of a model's `build`, as a pydantic model of its params.yaml section."""

import ast
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, create_model

from lockstep.config.python_files import parsed
from lockstep.config.schema import Section
from lockstep.config.surface import MODELS
from lockstep.errors import ParamsError

LITERAL = re.compile(r"Literal\[(.*)\]")
NAMES = {"Any": Any, "Literal": Literal}  # that annotations may contain besides builtins


def arguments_of(root: Path, name: str) -> type[Section]:
    """Return a Section for the keyword arguments of a model file, which isn't imported.

    Raises ParamsError for a file that isn't Python, or has no function `build`.
    """
    body = _parsed(root, name).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    build = next((node for node in functions if node.name == "build"), None)
    if build is None:
        raise ParamsError(f"models/{name}.py: no function build, expected one that returns a model")
    fields: dict[str, Any] = {}
    for argument, default in zip(build.args.kwonlyargs, build.args.kw_defaults, strict=True):
        annotation = _annotation(argument, body)
        field = Field(... if default is None else None, description=_in_words(annotation))
        fields[argument.arg] = (annotation, field)
    made = create_model(f"model.{name}", __base__=Section, **fields)
    made.model_rebuild(_types_namespace=NAMES)
    return made


def _annotation(argument: ast.arg, body: list[ast.stmt]) -> str:
    """Return an argument's annotation; a name of the file's stands for what is assigned to it."""
    text = ast.unparse(argument.annotation) if argument.annotation else "Any"
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == text:
            return ast.unparse(node.value)
    return text


def _parsed(root: Path, name: str) -> ast.Module:
    file = MODELS / f"{name}.py"
    try:
        return parsed(root, file)
    except (SyntaxError, ValueError) as error:  # ValueError: bytes that aren't UTF-8, or a zero
        raise ParamsError(f"{file}: {error}, expected a Python file that can be read") from None


def _in_words(annotation: str) -> str:
    """Return what a value of this type is, for an error message."""
    words = {
        "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false",
        "None": "null",
    }  # fmt: skip
    parts = [part.strip() for part in annotation.split("|")]
    lists = {f"list[{kind}]": f"a list, each {word}" for kind, word in words.items()}
    return " or ".join((words | lists).get(part, _values(part)) for part in parts)


def _values(part: str) -> str:
    """Return the values of `Literal[...]`; another type as it is written."""
    found = LITERAL.fullmatch(part)
    values = ast.literal_eval(f"({found[1]},)") if found else ()
    return ("one of " if len(values) > 1 else "") + (", ".join(map(str, values)) or part)
