"""Results of a failed stage that MLflow hasn't received are sent again with time for an answer."""

import shutil
from pathlib import Path

import pytest

from lockstep.storage import atomic_files, layout
from lockstep.tracking import KEY, recorder, unsent
from lockstep.tracking.client import connect
from lockstep.versioning.hashes import experiment_key
from tests.support.workspaces import load


def test_a_slow_answer_is_waited_for(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(recorded, tmp_path / "lockstep"))
    atomic_files.write_json(root / layout.SPEC, {"splits": {"train": 3, "test": 1}})
    monkeypatch.setattr(recorder, "PATIENCE_WHEN_STOPPED", 0)
    noted = unsent.Unsent(stage="evaluate", status="FAILED", seconds={})
    unsent.write(root, experiment_key(root), noted)
    recorder.send_again(load(root), root)
    assert not unsent.is_unsent(root)
    client, experiment = connect(root)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert run.data.tags[KEY] == experiment_key(root)
