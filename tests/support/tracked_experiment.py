"""A workspace that trains with pauses, and what an MLflow server has of it."""

import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.tracking import KEY
from lockstep.tracking.run_metrics import rows_in
from lockstep.versioning.hashes import experiment_key
from tests.support.mlflow_server import MlflowServer
from tests.support.trainings import Pauses
from tests.support.workspaces import run

Point = tuple[str, int, float]  # metric, step and value


class TrackedExperiment(NamedTuple):
    """A workspace, the pauses of its training, and the server that its runs are sent to."""

    root: Path
    pauses: Pauses
    server: MlflowServer

    @property
    def environment(self) -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": self.server.address}

    def start(self) -> subprocess.Popen[str]:
        """Start its run, with the output in a pipe."""
        return subprocess.Popen(
            ["lockstep", "run"],
            cwd=self.root,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def sync(self) -> str:
        """Send what MLflow lacks, and return the output."""
        ended = run(self.root, "lockstep", "sync", **self.environment)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def history(self) -> list[Point]:
        """All values in history.csv."""
        return sorted(
            (name, int(row["epoch"]), float(value))
            for row in rows_in(self.root / "report" / "history.csv")
            for name, value in row.items()
            if name != "epoch"
        )

    def runs(self) -> list[Any]:
        """The runs that MLflow has of it; more than one would be a mistake."""
        query = f"tags.`{KEY}` = '{experiment_key(self.root)}'"
        return list(self._client().search_runs(["1"], query))

    def points(self) -> list[Point]:
        """All values that MLflow has of its metrics, each as often as it has it."""
        return sorted(
            (name, point.step, point.value)
            for found in self.runs()
            for name in found.data.metrics
            for point in self._client().get_metric_history(found.info.run_id, name)
        )

    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.server.address)
