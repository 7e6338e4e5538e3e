"""The inputs of a stage stay as they were until it has ended: DVC reads them only then."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lockstep.config.graph import StageInputs, read_graph, value_or
from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import DataError, LockstepError
from lockstep.storage import layout
from lockstep.storage.content import content_sha256

ABSENT = "absent"


@contextmanager
def required(root: Path, stage: str, params: Params) -> Iterator[None]:
    """Raise DataError if a dependency or parameter of the stage is changed during the block.

    DVC would record that the new one has made the result, and give the result to others.
    """
    inputs = read_graph(root, params).get(stage, StageInputs([], []))
    before = _state(root, inputs, params)
    yield
    after = _state(root, inputs, params)
    changed = [name for name in before if before[name] != after[name]]
    if changed:
        raise DataError(
            f"{', '.join(changed)}: changed while the stage {stage} ran, expected the same until "
            "it ends; nothing is recorded: run it again, or change it back first. Runs with "
            "overrides have a copy of their own"
        )


def _state(root: Path, inputs: StageInputs, params: Params) -> dict[str, Any]:
    values = _values(root)
    of_params = {f"{layout.PARAMS}: {key}": value_or(values, key, ABSENT) for key in inputs.params}
    data = (*layout.RESULTS, params.data.path)
    return of_params | {
        dep: _signatures(root / dep) if dep.startswith(data) else content_sha256(root, dep)
        for dep in inputs.deps
    }


def _values(root: Path) -> Any:
    try:
        return read_yaml(root / layout.PARAMS)
    except (LockstepError, OSError):  # somebody is editing it
        return None


def _signatures(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of each file: data may be too large to be read twice."""
    files = path.rglob("*") if path.is_dir() else [path]
    stats = {str(file): file.stat() for file in files if file.is_file()}
    return {file: (stat.st_size, stat.st_mtime_ns) for file, stat in stats.items()}
