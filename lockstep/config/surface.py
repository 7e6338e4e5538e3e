"""The files that a user selects by name: models, data sets, presets, custom objects."""

import ast
from collections.abc import Iterable
from pathlib import Path

from lockstep.config.python_files import parsed

MODELS, DATASETS, PRESETS = Path("models"), Path("tasks/datasets"), Path("presets")


def known_models(root: Path) -> list[str]:
    """Return the sorted names of the models in models/."""
    return _modules(root / MODELS)


def known_datasets(root: Path) -> list[str]:
    """Return the sorted names of the data sets in tasks/datasets/."""
    return _modules(root / DATASETS)


def _modules(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))


def defines_any(root: Path, file: Path, names: Iterable[str]) -> bool:
    """Return whether a Python file defines a function or method with one of these names."""
    wanted = set(names)
    tree = parsed(root, file)
    return any(isinstance(node, ast.FunctionDef) and node.name in wanted for node in ast.walk(tree))


def public_names(root: Path, file: str) -> list[str]:
    """Return the public top-level classes and functions of a Python file, which isn't imported.

    Raises ValueError for a file that can't be read.
    """
    try:
        tree = parsed(root, Path(file))
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(
            f"got custom_objects_file {file!r}, expected a Python file that can be read: {error}"
        ) from None
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]
