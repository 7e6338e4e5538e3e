"""Which inputs and targets a model's file says that it takes: INPUT_KINDS and TARGET_KINDS.

The file isn't imported, so that a mistake is reported before TensorFlow starts.
"""

import ast
from collections.abc import Collection
from pathlib import Path

from lockstep.config.python_files import parsed
from lockstep.config.schema import USER_DATA, Params
from lockstep.config.surface import MODELS, known_models
from lockstep.errors import ParamsError

INPUTS, TARGETS = "INPUT_KINDS", "TARGET_KINDS"


def check_kinds(
    params: Params, root: Path, inputs: Collection[str], targets: Collection[str]
) -> None:
    """Raise ParamsError for kinds that the model doesn't take, with the models that do.

    A file that names no kinds takes all.
    """
    for constant, what, kinds in ((INPUTS, "inputs", inputs), (TARGETS, "targets", targets)):
        known = kinds_of(root, params.model.name, constant)
        if known is not None and not set(kinds) <= set(known):
            others = [
                name
                for name in known_models(root)
                if set(kinds) <= set(kinds_of(root, name, constant) or ())
            ]
            choices = f"one of {', '.join(others)}" if others else "a model of your own"
            raise ParamsError(
                f"model.{params.model.name}: takes {what} of the kind {' or '.join(known)}, "
                f"data.name {params.data.name} gives {' and '.join(dict.fromkeys(kinds))}; choose "
                f"{choices}, or other data{_hint(params, what)}"
            )


def _hint(params: Params, what: str) -> str:
    """Say which key decides on the kind of one's own data."""
    key = "input_kind" if what == "inputs" else "target_kind"
    return f" (data.{key})" if params.data.name in USER_DATA else ""


def kinds_of(root: Path, model: str, constant: str) -> tuple[str, ...] | None:
    """Return a constant of a model's file, or None if it doesn't define it."""
    try:
        tree = parsed(root, MODELS / f"{model}.py")
    except (SyntaxError, ValueError):
        return None  # reported where the file is used
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [
            constant
        ]:
            value = ast.literal_eval(node.value)
            return tuple(value) if isinstance(value, tuple | list) else (str(value),)
    return None
