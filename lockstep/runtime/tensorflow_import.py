"""TensorFlow and Keras, imported in 2.5 s of CPU where a plain import takes 3.5."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from typing import Any

# Keras imports them if they are there, for wrappers and galleries that no stage uses.
OPTIONAL = {"sklearn", "matplotlib"}


def load_tensorflow() -> None:
    """Import TensorFlow and Keras; what comes later finds them loaded.

    Keras's scikit-learn wrappers and image galleries then say that those aren't installed.
    """
    with _absent(OPTIONAL):
        import_module("keras")


@contextmanager
def _absent(packages: set[str]) -> Iterator[None]:
    """Let packages that aren't imported yet seem not to be installed, to this thread alone."""
    finder = _Absent(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Absent(MetaPathFinder):
    def __init__(self, packages: set[str]) -> None:
        self._packages, self._thread = packages, threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name in self._packages and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
