"""The syntax trees of the project's Python files, which are read without being imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

# CPython 3.11 counts the depth of a tree in one place for all threads (gh-106905): where another
# thread makes a tree at the same time, as each traceback that is logged does, both may fail.
ATTEMPTS = 20


def imports(root: Path, file: Path) -> Iterator[str]:
    """Yield the modules and names that a file imports, also within functions, as dotted paths.

    A broken file has none: it is reported where it is used.
    """
    try:
        tree = parsed(root, file)
    except (OSError, SyntaxError, ValueError):
        return
    package = file.parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join(filter(None, (*above, node.module)))
            yield from (f"{start}.{name.name}" for name in node.names)


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
