"""What a project's own files may have changed in the process, as it was before a stage.

`dvc repro` has a process for each stage. Where one process runs several, a model's file that sets
TF_ENABLE_ONEDNN_OPTS in `build` would change the fingerprint of the training in `train`.
"""

import locale
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# By which a file chooses what TensorFlow and Keras compute. Others may be set by another thread.
OF_COMPUTING = ("CUDA_", "KERAS_", "NVIDIA_", "OMP_", "TF_", "XLA_")


@contextmanager
def restored() -> Iterator[None]:
    """Restore TensorFlow's variables, sys.path and the locale, and what warnings raise."""
    variables, path, named = _variables(), list(sys.path), locale.setlocale(locale.LC_ALL)
    raising = _raising()
    try:
        yield
    finally:
        _restore_environment(variables)
        sys.path[:] = path
        if locale.setlocale(locale.LC_ALL) != named:
            locale.setlocale(locale.LC_ALL, named)
        if _raising() != raising:
            _let_no_warning_raise_but(raising)


def _variables() -> dict[str, str]:
    # Another thread may remove some of the others meanwhile.
    names = [name for name in list(os.environ) if name.startswith(OF_COMPUTING)]
    return {name: os.environ[name] for name in names}


def _restore_environment(variables: Mapping[str, str]) -> None:
    for name in _variables().keys() - variables.keys():
        os.environ.pop(name, None)
    os.environ.update(variables)


def _raising() -> list[object]:
    return [each for each in warnings.filters if each[0] == "error"]


def _let_no_warning_raise_but(known: list[object]) -> None:
    """Remove the other filters that make an error of a warning; imports may have added the rest."""
    kept = [each for each in warnings.filters if each[0] != "error" or each in known]
    warnings.filters[:] = kept  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # Python looks at the filters again, also for warnings that it has seen
