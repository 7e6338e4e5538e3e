"""Compare a rebuilt experiment's weights and metrics with the recorded ones."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from lockstep.modeling.weights import weights_digest
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from lockstep.versioning import pulled
from lockstep.versioning.recorded import Stages, md5s, params_of, recorded_stages
from pipelines.verification.recorded_result import Recorded

BIT_EXACT, METRIC_EQUAL, DIVERGED = "BIT-EXACT", "METRIC-EQUAL", "DIVERGED"
WEIGHTS = (layout.INITIAL_WEIGHTS, layout.BEST_WEIGHTS, layout.LAST_WEIGHTS)


class Comparison(NamedTuple):
    """The verdict, the first differences in words, if there are any, and what else differs."""

    verdict: str
    variable: str
    metric: str
    files: list[str]  # outputs with other bytes
    inputs: list[str]  # parameters and files that aren't the recorded ones


def compare(root: Path, clone: Path, recorded: Recorded, tolerance: float) -> Comparison:
    """Return BIT-EXACT for the same weights and metrics, or else whether the metrics are equal."""
    found = recorded_stages(clone)
    expected, actual = md5s(recorded.stages, "outs"), md5s(found, "outs")
    files = [path for path, md5 in expected.items() if actual.get(path) != md5]
    weights = [path for path in WEIGHTS if str(path) in files]
    digest = recorded.digest and weights_digest(clone / recorded.weights)
    if not weights and digest != recorded.digest:
        weights = [recorded.weights]
    metrics = _metrics_of(clone)
    metric = _first_metric(recorded.metrics, metrics)
    equal = all(
        _is_close(value, metrics.get(name), tolerance) for name, value in recorded.metrics.items()
    )
    verdict = METRIC_EQUAL if equal and recorded.metrics else DIVERGED
    if not weights and not metric:
        verdict = BIT_EXACT
    variable = _first_variable(root, clone, weights[0], expected) if weights else ""
    return Comparison(verdict, variable, metric, files, list(_inputs(recorded.stages, found)))


def _metrics_of(clone: Path) -> Mapping[str, float | None]:
    file = clone / layout.METRICS
    found: dict[str, float | None] = atomic_files.read_json(file)["test"] if file.exists() else {}
    return found


def _first_metric(recorded: Mapping[str, float | None], found: Mapping[str, float | None]) -> str:
    for name, value in recorded.items():
        if name not in found or found[name] != value:
            return f"{name}: recorded {value}, rebuilt {found.get(name)}"
    return ""


def _is_close(recorded: float | None, found: float | None, tolerance: float) -> bool:
    if recorded is None or found is None:
        return recorded is found
    return math.isclose(recorded, found, rel_tol=tolerance, abs_tol=1e-6)


def _first_variable(root: Path, clone: Path, path: Path, expected: Mapping[str, str]) -> str:
    """The first variable that differs, in the order of the names in the file of weights."""
    before = _recorded_file(root, clone, path, expected.get(str(path), ""))
    if before is None:
        return (
            f"{path}: another digest; the recorded file is neither here nor in DVC's cache and "
            "remote, so no variable can be named"
        )
    old, new = _arrays(before), _arrays(clone / path)
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            return f"{path}: {name} is only in the {'rebuilt' if name in new else 'recorded'} model"
        if old[name].shape != new[name].shape:
            return f"{path}: {name} has shape {new[name].shape}, recorded {old[name].shape}"
        if old[name].tobytes() != new[name].tobytes():
            most = np.max(np.abs(old[name].astype(float) - new[name].astype(float)))
            return f"{path}: {name}, by at most {most:.3g}"
    return f"{path}: all variables are the same, but not the bytes of the file"


def _recorded_file(root: Path, clone: Path, path: Path, md5: str) -> Path | None:
    """The recorded file of weights, from the workspace, DVC's cache or its remote."""
    if not md5:
        return None
    for file in (root / path, pulled.object_of(main_checkout(root), md5)):
        if file.is_file() and atomic_files.md5(file) == md5:
            return file
    return pulled.fetched(clone, md5)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:

        def add(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                found[name] = np.asarray(item[()])

        file.visititems(add)
    return found


def _inputs(recorded: Stages, found: Stages) -> Iterator[str]:
    """What else than the recorded parameters and files the stages read."""
    for stage in recorded:
        before, now = params_of(recorded[stage]), params_of(found.get(stage, {}))
        for name, value in before.items():
            if name in now and now[name] != value:
                yield f"{stage}: {name}: recorded {value}, here {now[name]}"
    made = [Path(each) for each in md5s(recorded, "outs")]
    files, files_now = md5s(recorded, "deps"), md5s(found, "deps")
    for path, md5 in files.items():
        if files_now.get(path) != md5 and not any(Path(path).is_relative_to(out) for out in made):
            yield f"{path} isn't the recorded one"
