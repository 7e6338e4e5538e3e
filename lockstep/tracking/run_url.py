"""The URL of an experiment's MLflow run."""

from pathlib import Path

from lockstep.tracking import run_contents
from lockstep.tracking.client import connect
from lockstep.versioning.hashes import experiment_key


def of_experiment(root: Path) -> str:
    """Return the run's URL, or without a server its id and the database's URI; "none" if absent."""
    client, experiment = connect(root)
    run = run_contents.find(client, experiment, experiment_key(root))
    if run is None:
        return "none"
    uri, run_id = client.tracking_uri, run.info.run_id
    if uri.startswith("http"):
        return f"{uri.rstrip('/')}/#/experiments/{experiment.experiment_id}/runs/{run_id}"
    return f"{run_id} in {uri}"
