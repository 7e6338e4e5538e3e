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

PACKAGES = ("models.", "tasks.datasets.")


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


def forget() -> None:
    """Let the next import of each of these modules compile and run its file again."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    for name in [each for each in sys.modules if each.startswith(PACKAGES)]:
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(child, None)
    load.cache_clear()


@functools.cache
def load(file: Path) -> ModuleType:
    """Return the module in a file outside of packages; raises what its code raises."""
    module = ModuleType("custom")
    module.__file__ = str(file)
    _FromSource("custom", str(file)).exec_module(module)
    return module
