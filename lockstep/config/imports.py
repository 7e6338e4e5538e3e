"""Checks the project imports of the files named in params.yaml, such as models/cnn.py.

They may import only dependencies of their stages; an edit of any other module wouldn't make a stage
stale.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from lockstep.config.graph import read_graph
from lockstep.config.python_files import parsed
from lockstep.config.schema import Params
from lockstep.config.surface import DATASETS, MODELS
from lockstep.errors import ParamsError

# Packages of lockstep that don't affect results, so that no stage depends on them.
NEUTRAL = ("errors", "messages", "config", "process", "storage", "versioning")
STAGES_OF_DATA = ("download", "normalize")
STAGES_OF_MODEL = ("build", "train", "evaluate", "register")
STAGES_OF_CUSTOM_OBJECTS = ("train", "evaluate")


def check_imports(root: Path, params: Params) -> None:
    """Check the files that the parameters name; raises ParamsError for a forbidden import."""
    graph = read_graph(root, params)
    data, model = DATASETS / f"{params.data.name}.py", MODELS / f"{params.model.name}.py"
    custom = Path(params.train.custom_objects_file)
    for stages, shared, file in (
        (STAGES_OF_DATA, DATASETS, data),
        (STAGES_OF_MODEL, MODELS, model),
        (STAGES_OF_CUSTOM_OBJECTS, MODELS, custom),
    ):
        # Without these three files themselves: other parameters select other files.
        allowed = {
            name: [
                _dotted(dep) for dep in graph[name].deps if Path(dep) not in (data, model, custom)
            ]
            for name in stages
            if name in graph
        }
        for each in (file, *_files_in(root, shared / "_shared")):
            _check_file(root, each, shared, allowed)


def _check_file(root: Path, file: Path, shared: Path, allowed: dict[str, list[str]]) -> None:
    for module in _imports(root, file):
        for stage, prefixes in allowed.items():
            if not _is_below(module, [*prefixes, *(f"lockstep.{name}" for name in NEUTRAL)]):
                raise ParamsError(
                    f"{file}: imports {module}, which dvc.yaml doesn't name as a dependency of the "
                    f"stage {stage}; move what several files share to {shared}/_shared/"
                )


def _files_in(root: Path, folder: Path) -> list[Path]:
    return sorted(file.relative_to(root) for file in (root / folder).rglob("*.py"))


def _imports(root: Path, file: Path) -> Iterator[str]:
    """The project modules and names that a file imports, also within functions, as dotted paths."""
    try:
        tree = parsed(root, file)
    except (OSError, SyntaxError, UnicodeDecodeError):
        return  # reported where the file is used
    package = file.parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join(filter(None, (*above, node.module)))
            found = [f"{start}.{name.name}" for name in node.names]
        else:
            continue
        yield from (module for module in found if _is_of_project(root, module))


def _is_of_project(root: Path, module: str) -> bool:
    top = module.partition(".")[0]
    return top == "lockstep" or (root / f"{top}.py").exists() or any((root / top).glob("*.py"))


def _is_below(module: str, prefixes: list[str]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in prefixes)


def _dotted(dep: str) -> str:
    return dep.removesuffix(".py").replace("/", ".")
