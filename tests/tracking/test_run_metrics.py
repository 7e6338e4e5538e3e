"""What a run has of the times that its stages took."""

from pathlib import Path

from lockstep.tracking import run_metrics
from lockstep.tracking.client import connect


def test_a_stage_that_ran_twice_has_two_steps(tmp_path: Path) -> None:
    """As after kill -9 of `dvc repro` while the process of its stage ends."""
    client, experiment = connect(tmp_path)
    run_id = client.create_run(experiment.experiment_id).info.run_id
    run = client.get_run(run_id)  # as it was before another process has logged something
    for seconds in (4.5, 4.5, 2.0, 4.5, 2.0):  # what MLflow has already is sent again by `sync`
        found = run_metrics.of_times(client, run, {"register": seconds})
        run_metrics.log(client, run, found)
    history = client.get_metric_history(run_id, "time/register_seconds")
    assert [(each.step, each.value) for each in history] == [(0, 4.5), (1, 2.0)]
