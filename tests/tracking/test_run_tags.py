"""What is read of the tags of a run, by today's names and by those of an earlier Lockstep."""

from pathlib import Path

import pytest

from lockstep.tracking import database, run_tags, trace

RAN = {"replicas": "2", "devices": "CPU:0", "python": "3.12.1"}


def test_values_get_their_group_and_lose_it() -> None:
    tags = run_tags.grouped(RAN)
    assert set(tags) == {"training.replicas", "machine.devices", "version.python"}
    assert run_tags.ungrouped(tags, ["python", "replicas", "onednn"]) == {
        "python": "3.12.1", "replicas": "2",
    }  # fmt: skip


@pytest.mark.parametrize(("tags", "known"), [(run_tags.grouped(RAN), RAN), (RAN, {})])
def test_a_training_is_unknown_by_earlier_names(
    tmp_path: Path, tags: dict[str, str], known: dict[str, str]
) -> None:
    from mlflow import MlflowClient

    MlflowClient(database.ensure(tmp_path)).create_run("0", tags=tags)
    assert trace.trained_on(tmp_path) == known
