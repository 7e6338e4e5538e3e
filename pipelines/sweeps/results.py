"""What a sweep has found: the best trial, or the spread over seeds; its page and tables."""

import csv
import io
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lockstep.evaluation.estimates import Estimate, estimates
from lockstep.messages import aligned
from lockstep.storage import atomic_files, layout
from pipelines.sweeps.definition import SEED, Sweep
from pipelines.sweeps.objective import Objective
from pipelines.sweeps.record import COMPLETE, Record, Trial


@dataclass(frozen=True)
class Results:
    """The trials of a sweep that has ended; `best` is None if seeds aren't compared."""

    name: str
    sweep: Sweep
    objective: Objective | None
    trials: Sequence[Trial]
    record: Path

    @property
    def complete(self) -> list[Trial]:
        """The trials with results."""
        return [each for each in self.trials if each.state == COMPLETE]

    @property
    def best(self) -> Trial | None:
        """The trial with the best objective, of equal ones the first; None without any."""
        if self.objective is None or self.sweep.is_of_seeds or not self.complete:
            return None
        sign = 1 if self.objective.goal == "min" else -1
        return min(self.complete, key=lambda each: sign * (each.value or 0.0))

    @property
    def of_seeds(self) -> dict[str, Estimate | None]:
        """The estimate of each test metric over the seeds; empty for other sweeps."""
        if not self.sweep.is_of_seeds or len(self.complete) < 2:
            return {}
        return estimates([each.test for each in self.complete])

    @property
    def command(self) -> str:
        """The command that runs the best trial alone; empty without one."""
        named = ["--preset", self.sweep.preset] if self.sweep.preset else []
        return shlex.join(["lockstep", "run", *named, *self.best.overrides]) if self.best else ""

    @property
    def figures(self) -> dict[str, float]:
        """What MLflow's run of the sweep gets."""
        found = {
            f"test_{metric}_{name}": value
            for metric, each in self.of_seeds.items()
            if each
            for name, value in each._asdict().items()
        }
        if self.best and self.objective and self.best.value is not None:
            found |= {f"best_{self.objective.metric}": self.best.value}
        return found

    @property
    def note(self) -> str:
        """The description of MLflow's run."""
        parts = [self.counts()]
        if self.best:
            parts.append(f"Best: trial {self.best.number}, `{self.command}`")
        return "\n\n".join(parts)

    def counts(self) -> str:
        """Return how many trials ended in which state."""
        found = Counter(each.state for each in self.trials)
        return f"{len(self.trials)} trials: " + ", ".join(f"{n} {s}" for s, n in found.items())

    def files(self, root: Path) -> list[Path]:
        """Return the files that were written, for MLflow."""
        seeds = [root / layout.SEEDS] if self.of_seeds else []
        return [page_of(root, self.name), self.record, *seeds]


def of(record: Record, sweep: Sweep, objective: Objective | None) -> Results:
    """Return the results of a record."""
    return Results(record.name, sweep, objective, record.first(sweep.trials), record.path)


def page_of(root: Path, name: str) -> Path:
    """Return the path of a sweep's page."""
    return root / layout.SWEEP_PAGES / f"{name}.html"


def write(root: Path, found: Results, html: str) -> None:
    """Write the sweep's page, and for seeds report/seeds.csv."""
    atomic_files.write_text(page_of(root, found.name), html)
    if found.of_seeds:
        atomic_files.write_text(root / layout.SEEDS, _seeds_table(found))


def _seeds_table(found: Results) -> str:
    """One row for each test metric: mean, deviation, interval, and each seed's value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    seeds = [f"seed_{each.values[SEED]}" for each in found.complete]
    writer.writerow(["metric", "mean", "standard_deviation", "low", "high", *seeds])
    for metric, each in found.of_seeds.items():
        values = [trial.test.get(metric) for trial in found.complete]
        writer.writerow([metric, *(each or [""] * 4), *values])
    return text.getvalue()


def as_text(found: Results) -> str:
    """Return what the command prints."""
    lines = [f"{found.name}: {found.counts()}"]
    if found.of_seeds:
        rows = [["test metric", "mean", "standard deviation", "95 % interval of the mean"]]
        rows += [[metric, *_cells(each)] for metric, each in found.of_seeds.items()]
        lines += [aligned(rows), f"written to {layout.SEEDS}"]
    best = found.best
    if best and found.objective:
        lines += [
            f"best: trial {best.number}, {found.objective.metric} {best.value:.6g}, "
            f"{best.experiment}",
            f"  {found.command}",
        ]
    return "\n".join(lines)


def _cells(each: Estimate | None) -> list[str]:
    if each is None:
        return ["-"] * 3
    return [f"{each.mean:.6g}", f"{each.deviation:.4g}", f"{each.low:.6g} to {each.high:.6g}"]


def as_json(found: Results) -> dict[str, Any]:
    """Return everything, as `json` writes it."""
    best = found.best
    return {
        "name": found.name,
        **found.sweep.described(),
        "objective": found.objective._asdict() if found.objective else None,
        "best": {**asdict(best), "command": found.command} if best else None,
        "seeds": {name: each and each._asdict() for name, each in found.of_seeds.items()},
        "trials": [asdict(each) for each in found.trials],
    }
