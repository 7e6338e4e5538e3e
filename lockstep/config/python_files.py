"""The syntax trees of the project's Python files, which are read without being imported."""

import ast
from pathlib import Path

# CPython 3.11 counts the depth of a tree in one place for all threads (gh-106905): where another
# thread makes a tree at the same time, as each traceback that is logged does, both may fail.
ATTEMPTS = 20


def imported_packages(root: Path, file: Path) -> set[str]:
    """Return the packages that a file imports, also within functions; none of a broken file."""
    try:
        tree = parsed(root, file)
    except (OSError, SyntaxError, ValueError):
        return set()  # reported where the file is used
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}


def parsed(root: Path, file: Path) -> ast.Module:
    """Return the syntax tree of a file, whose path is relative to `root`.

    Raises OSError, SyntaxError, and ValueError for bytes that aren't UTF-8 or contain a zero.
    """
    source = (root / file).read_text(encoding="utf-8")
    for _ in range(ATTEMPTS - 1):
        try:
            return ast.parse(source, str(file))
        except SystemError:
            continue
    return ast.parse(source, str(file))
