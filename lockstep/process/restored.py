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

# Set by TensorFlow and MLflow where they are imported, which another thread may be doing.
OF_LIBRARIES = (
    "ENABLE_RUNTIME_UPTIME_TELEMETRY", "HDF5_", "KMP_", "TF2_BEHAVIOR", "TPU_ML_", "_MLFLOW_",
)  # fmt: skip


@contextmanager
def restored() -> Iterator[None]:
    """Restore variables of the environment, sys.path and the locale, and what warnings raise."""
    variables, path, named = dict(os.environ), list(sys.path), locale.setlocale(locale.LC_ALL)
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


def _restore_environment(variables: Mapping[str, str]) -> None:
    for name in [each for each in os.environ if not each.startswith(OF_LIBRARIES)]:
        if name not in variables:
            os.environ.pop(name, None)
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _raising() -> list[object]:
    return [each for each in warnings.filters if each[0] == "error"]


def _let_no_warning_raise_but(known: list[object]) -> None:
    """Remove the other filters that make an error of a warning; imports may have added the rest."""
    kept = [each for each in warnings.filters if each[0] != "error" or each in known]
    warnings.filters[:] = kept  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # Python looks at the filters again, also for warnings that it has seen
