"""Compare two groups of experiments that differ in their seeds: is the difference noise?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.spec import Spec, read_spec_file
from lockstep.errors import DataError, ParamsError
from lockstep.evaluation.challenge import Outputs, reproduced
from lockstep.evaluation.group_difference import (
    Difference,
    over_examples_and_seeds,
    over_seeds,
)
from lockstep.storage import layout
from lockstep.versioning import compared
from lockstep.versioning.cached_outputs import CachedOutputs
from lockstep.versioning.repository import cache_of
from pipelines.sweeps import record
from pipelines.sweeps.definition import SEED
from pipelines.sweeps.record import COMPLETE, Trial


@dataclass(frozen=True)
class Group:
    """The complete trials of a sweep over seeds."""

    name: str
    trials: Sequence[Trial]

    @property
    def tested(self) -> list[dict[str, float]]:
        """The test metrics of each."""
        return [
            {name: each for name, each in trial.test.items() if each is not None}
            for trial in self.trials
        ]


def read(root: Path, name: str) -> Group:
    """Return a sweep over seeds; raises ParamsError for another sweep."""
    found = record.read(record.folder_of(root) / f"{name}.json")
    if set(found["space"]) != {SEED}:
        keys = ", ".join(found["space"])
        raise ParamsError(f"{name}: got a sweep over {keys}, expected one over {SEED} alone")
    complete = [each for each in record.trials_in(found) if each.state == COMPLETE]
    if not complete:
        raise DataError(f"{name}: no trial is complete, expected at least one")
    return Group(name, complete)


def differences(root: Path, first: Group, second: Group) -> tuple[str, dict[str, Difference]]:
    """Return over what was drawn, and each test metric's difference.

    Raises DataError if neither test examples nor several seeds can be compared.
    """
    outputs_of = partial(_outputs_of, root, cache_of(root), compared.experiments(root))
    groups = [
        [_Tested(trial, outputs_of(trial.experiment)) for trial in each.trials]
        for each in (first, second)
    ]
    whole = [each for group in groups for each in group]
    if len({each.examples for each in whole}) == 1:
        found = _by_examples(*groups)
        if found:
            return "test examples and seeds", found
    try:
        return "seeds", over_seeds(first.tested, second.tested)
    except ValueError:
        raise DataError(
            f"{first.name}, {second.name}: one has a single seed, and the test examples or the "
            "targets can't be compared; expected two seeds or more in each"
        ) from None


def _outputs_of(root: Path, cache: Path, commits: Mapping[str, str], name: str) -> CachedOutputs:
    if name not in commits:
        raise DataError(f"{name}: no such DVC experiment; run the sweep again")
    return CachedOutputs(root, cache, commits[name], name)


class _Tested:
    """An experiment's test outputs in DVC's cache."""

    def __init__(self, trial: Trial, cached: CachedOutputs) -> None:
        self.trial, self.cached = trial, cached
        self.spec: Spec = read_spec_file(self.cached.path(layout.SPEC))
        names = [*self.spec.inputs, *self.spec.targets]
        self.examples = tuple(self.cached.md5(_file(name)) for name in names)

    def outputs(self, metric: str) -> Outputs | None:
        """Return the outputs if they give the recorded value of a metric."""
        if self.spec.target is None:
            return None
        values = np.load(self.cached.path(layout.OUTPUTS), mmap_mode="r")
        return reproduced(values, self.spec.target, self.y, metric, self.trial.test.get(metric))

    @property
    def y(self) -> np.ndarray:
        """The targets of the test examples."""
        (name,) = self.spec.targets
        found: np.ndarray = np.load(self.cached.path(_file(name)), mmap_mode="r")
        return found


def _file(name: str) -> Path:
    return layout.READY / f"test_{name}.npy"


def _by_examples(first: Sequence[_Tested], second: Sequence[_Tested]) -> dict[str, Difference]:
    """Return the differences of the scores that outputs give; empty if there are none."""
    known = [name for name in first[0].trial.test if first[0].outputs(name)]
    for metric in known:
        groups = [[each.outputs(metric) for each in group] for group in (first, second)]
        if all(each for group in groups for each in group):
            mine, theirs = ([each for each in group if each] for group in groups)
            y = np.asarray(first[0].y)
            scores = mine[0].all_scores(y)
            return over_examples_and_seeds(
                y, mine, theirs, [name for name in known if name in scores]
            )
    return {}


def as_rows(found: dict[str, Difference], first: Group, second: Group) -> list[list[str]]:
    """Return a table: the means, their difference, its interval, and whether it is noise."""
    rows = [["test metric", first.name, second.name, "difference", "95 % interval", ""]]
    for name, each in found.items():
        verdict = "larger than noise" if each.is_certain else "no larger than noise"
        interval = f"{each.low:+.4g} to {each.high:+.4g}"
        cells = [f"{each.first:.6g}", f"{each.second:.6g}", f"{each.difference:+.4g}"]
        rows.append([name, *cells, interval, verdict])
    return rows


def as_json(over: str, found: dict[str, Difference]) -> dict[str, Any]:
    """Return what `json` can write."""
    return {
        "over": over,
        "metrics": {
            name: {
                "first": each.first,
                "second": each.second,
                "difference": each.difference,
                "low": each.low,
                "high": each.high,
                "certain": each.is_certain,
            }
            for name, each in found.items()
        },
    }
