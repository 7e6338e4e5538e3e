"""The modules of a project's own files: each stage imports them anew, also within one process.

A file may keep a state, such as a generator of random numbers. `lockstep run` and the trials of a
sweep would go on with what an earlier stage has left there, and end with other results than
`dvc repro`, which has a process for each stage. They are compiled each time: a .pyc file has the
constants in another order, so a set of texts in it may have another order than in the source.
"""

import functools
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from lockstep.runtime.tensorflow_import import imported

PACKAGES = ("models.", "tasks.datasets.")
ENGINE = {"benchmarks", "lockstep", "models", "pipelines", "tasks", "tests"}
CUSTOM = "custom"  # the name of a module outside of packages


class _FromSource(SourceFileLoader):
    """Loads a module from its source, also where there is a .pyc file."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Finder(MetaPathFinder):
    """Finds the modules of a project's own files."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PACKAGES):
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found and isinstance(found.loader, SourceFileLoader):
            found.loader = _FromSource(found.loader.name, found.loader.path)
        return found


_finder = _Finder()


def forget(root: Path) -> None:
    """Let the next import of each of these modules compile and run its file again.

    Among them are other modules in the project `root` that dvc.yaml may name as dependencies. What
    their files have registered in Keras is forgotten too.
    """
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    folders = (f"{root}/", f"{root.resolve()}/")
    # Other threads import meanwhile, such as MLflow's, also while a list of the items is made.
    modules = sys.modules.copy()
    own = {name for name, each in modules.items() if _is_own(name, each, folders)}
    own |= {CUSTOM} & modules.keys()
    _forget_registered(own)
    for name in own:
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(child, None)
    load.cache_clear()


def _is_own(name: str, module: ModuleType, folders: tuple[str, str]) -> bool:
    """Whether a module is of the project's own files, and not of Lockstep's or an environment."""
    if name.startswith(PACKAGES) or name.partition(".")[0] in ENGINE:
        return name.startswith(PACKAGES)
    # Of `__dict__`, since some modules are imported only when an attribute is read.
    file = str(getattr(module, "__dict__", {}).get("__file__"))
    ends = (f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__init__.py")
    return file.startswith(folders) and any(
        file == f"{folder}{end}" for folder in folders for end in ends
    )


def _forget_registered(modules: set[str]) -> None:
    """Remove what classes and functions of these modules have been registered as in Keras."""
    keras = imported("keras")
    registered = keras.saving.get_custom_objects() if keras else {}
    for name, each in registered.copy().items():
        if getattr(each, "__module__", None) in modules:
            del registered[name]


@functools.cache
def load(file: Path) -> ModuleType:
    """Return the module in a file outside of packages; raises what its code raises."""
    module = ModuleType(CUSTOM)
    module.__file__ = str(file)
    sys.modules[CUSTOM] = module  # where dataclasses look their module up
    _FromSource(CUSTOM, str(file)).exec_module(module)
    return module
