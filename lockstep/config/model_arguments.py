"""The keyword arguments of a model's `build`, as a section of params.yaml that is checked."""

import ast
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from lockstep.config.schema import Section
from lockstep.config.surface import MODELS
from lockstep.errors import ParamsError


def arguments_of(root: Path, name: str) -> type[Section]:
    """Return a model file's keyword arguments as a Section, read without importing Keras.

    Raises ParamsError for a file without the function `build`.
    """
    tree = ast.parse((root / MODELS / f"{name}.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    build = next((node for node in functions if node.name == "build"), None)
    if build is None:
        raise ParamsError(f"models/{name}.py: no function build, expected one that makes the model")
    fields: dict[str, Any] = {}
    for argument, default in zip(build.args.kwonlyargs, build.args.kw_defaults, strict=True):
        annotation = ast.unparse(argument.annotation) if argument.annotation else "Any"
        described = Field(... if default is None else None, description=_in_words(annotation))
        fields[argument.arg] = (annotation, described)
    return create_model(f"model.{name}", __base__=Section, **fields)


def _in_words(annotation: str) -> str:
    words = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
    parts = [part.strip() for part in annotation.split("|")]
    lists = {f"list[{kind}]": f"a list, each {word}" for kind, word in words.items()}
    return " or ".join((words | lists).get(part, part) for part in parts)
