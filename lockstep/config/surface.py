"""The files of a project that are found by name: models, data sets, presets, and the user's own."""

import ast
from pathlib import Path

MODELS, DATASETS, PRESETS = Path("models"), Path("tasks/datasets"), Path("presets")


def known_models(root: Path) -> list[str]:
    """The names of the files in models/."""
    return _modules(root / MODELS)


def known_datasets(root: Path) -> list[str]:
    """The names of the files in tasks/datasets/."""
    return _modules(root / DATASETS)


def _modules(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))


def public_names(root: Path, file: str) -> list[str]:
    """The classes and functions of a Python file, read without importing it.

    Raises ValueError for a file that can't be read.
    """
    try:
        tree = ast.parse((root / file).read_text(encoding="utf-8"), file)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(
            f"got own {file!r}, expected a Python file that can be read: {error}"
        ) from None
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]
