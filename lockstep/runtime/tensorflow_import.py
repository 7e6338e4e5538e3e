"""Import TensorFlow and Keras in 2.5 s of CPU, where a plain import takes 3.5.

Keras imports scikit-learn and matplotlib, if installed, for two modules that no stage uses.
These modules are left out at first, and imported when code accesses them.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from lockstep.process.quiet import without_lines

HEAVY = {"sklearn", "matplotlib"}
# The start of TensorFlow's and absl's lines that aren't errors (extended regular expression).
START_UP = (
    r"^(WARNING: All log messages before absl|[IW][0-9]{4} [0-9:.]+ +[0-9]+ [a-z_]+\.cc:"
    r"|To enable the following instructions: )"
)
DEFERRED = ("wrappers", "visualization")  # the Keras modules that import HEAVY


def load_tensorflow() -> None:
    """Import TensorFlow and Keras, so that later imports find them loaded."""
    if "keras" in sys.modules:
        return
    with without_lines(START_UP), _hidden(HEAVY):
        keras = import_module("keras")
    _defer(keras)


def imported(name: str) -> ModuleType | None:
    """Return a module whose import has ended; None if there is none, or a thread is at it."""
    found = sys.modules.get(name)
    specification = getattr(found, "__spec__", None)
    return None if getattr(specification, "_initializing", False) else found


def _defer(keras: ModuleType) -> None:
    """Unload the modules imported without HEAVY; `__getattr__` (PEP 562) imports them on access."""
    for part in DEFERRED:
        for module in [name for name in sys.modules.copy() if _belongs_to(part, name)]:
            del sys.modules[module]
        vars(keras).pop(part, None)

    def import_deferred(name: str) -> Any:
        if name in DEFERRED:
            return import_module(f"keras.{name}")
        raise AttributeError(f"module 'keras' has no attribute {name!r}", name=name, obj=keras)

    keras.__dict__["__getattr__"] = import_deferred


def _belongs_to(part: str, module: str) -> bool:
    tops = (f"keras.{part}", f"keras.src.{part}", f"keras._tf_keras.keras.{part}")
    return module.startswith(tops)


@contextmanager
def _hidden(packages: set[str]) -> Iterator[None]:
    """Hide packages that aren't imported yet, from this thread only."""
    finder = _HidingFinder(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _HidingFinder(MetaPathFinder):
    def __init__(self, packages: set[str]) -> None:
        self._packages, self._thread = packages, threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name in self._packages and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
