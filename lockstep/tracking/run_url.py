"""Where a person finds the MLflow run of an experiment."""

from pathlib import Path

from lockstep.tracking import run_contents
from lockstep.tracking.client import connect
from lockstep.versioning.hashes import experiment_key


def of_experiment(root: Path) -> str:
    """Return the address of the run's page, or its id and the file it is in."""
    client, experiment = connect(root)
    run = run_contents.find(client, experiment, experiment_key(root))
    if run is None:
        return "none"
    uri, number = client.tracking_uri, run.info.run_id
    if uri.startswith("http"):
        return f"{uri.rstrip('/')}/#/experiments/{experiment.experiment_id}/runs/{number}"
    return f"{number} in {uri}"
