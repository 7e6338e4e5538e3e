"""A line about a full disk names MLflow's database, or its server, not just any file."""

from pathlib import Path

import pytest

from lockstep.errors import MachineError
from lockstep.storage import layout

FULL = "(sqlite3.OperationalError) database or disk is full"


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("", "{root}/mlflow.db"),
        ("sqlite:////data/runs.db", "/data/runs.db"),
        ("http://user:secret@example.org:5000", "http://example.org:5000"),
        ("postgresql://user:secret@example.org/runs", "postgresql://example.org"),
    ],
)
def test_the_registrys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, place: str
) -> None:
    from lockstep.tracking.client import MlflowException, registry_error

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    found = registry_error(MlflowException(FULL), tmp_path)
    assert isinstance(found, MachineError)
    expected = place.format(root=tmp_path)
    assert str(found) == f"{expected}: database or disk is full; make room, and run again"


def test_that_of_a_version_that_is_registered(tmp_path: Path) -> None:
    from lockstep.tracking.client import MlflowClient, MlflowException
    from lockstep.tracking.registry import _registry

    file = tmp_path / layout.TRACKING_DATABASE
    client = MlflowClient(f"sqlite:///{file}", f"sqlite:///{file}")
    with pytest.raises(MachineError, match=f"^{file}: database or disk is full"), _registry(client):
        raise MlflowException(FULL)
