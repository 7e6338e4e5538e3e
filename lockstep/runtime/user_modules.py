"""The modules of a project's own files: each stage imports them anew, also within one process.

A file may keep a state, such as a generator of random numbers. `lockstep run` and the trials of a
sweep would go on with what an earlier stage has left there, and end with other results than
`dvc repro`, which has a process for each stage.
"""

import functools
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

PACKAGES = ("models.", "tasks.datasets.")


def forget() -> None:
    """Let the next import of each of these modules run its file again."""
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
    SourceFileLoader("custom", str(file)).exec_module(module)
    return module
