"""Checks the project imports of the files named in params.yaml, such as models/cnn.py.

They may import only dependencies of their stages; an edit of any other module wouldn't make a stage
stale.
"""

from functools import partial
from pathlib import Path

from lockstep.config.graph import read_graph
from lockstep.config.python_files import imports
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
    for module in filter(partial(_is_of_project, root), imports(root, file)):
        for stage, prefixes in allowed.items():
            if not _is_below(module, [*prefixes, *(f"lockstep.{name}" for name in NEUTRAL)]):
                raise ParamsError(
                    f"{file}: imports {module}, which dvc.yaml doesn't name as a dependency of the "
                    f"stage {stage}; move what several files share to {shared}/_shared/"
                )


def _files_in(root: Path, folder: Path) -> list[Path]:
    return sorted(file.relative_to(root) for file in (root / folder).rglob("*.py"))


def _is_of_project(root: Path, module: str) -> bool:
    top = module.partition(".")[0]
    return top == "lockstep" or (root / f"{top}.py").exists() or any((root / top).glob("*.py"))


def _is_below(module: str, prefixes: list[str]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in prefixes)


def _dotted(dep: str) -> str:
    return dep.removesuffix(".py").replace("/", ".")
