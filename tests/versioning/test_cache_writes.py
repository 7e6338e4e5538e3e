"""What DVC can't write to its cache fails the stage, in one line, and isn't recorded."""

import shutil
from pathlib import Path

import pytest

from lockstep.errors import MachineError
from lockstep.versioning.reproduction import reproduce_stage
from tests.support.pretended_stages import pretend
from tests.support.small_disk import small_disk
from tests.support.workspaces import run, write_params

FULL = "No space left on device"


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    """A copy of a workspace whose stand-ins for stages have run, with another seed."""
    root = Path(shutil.copytree(recorded, tmp_path / "lockstep", copy_function=shutil.copy2))
    write_params(root, {"seed": 5})
    return root


def normalize(root: Path) -> str:
    """Run a stand-in for the stage, of which one output has 200 kB."""
    stand_in = pretend(root)

    def run(command: str) -> bool:
        stand_in(command)
        (root / "data" / "ready" / "spec.json").write_text("x" * 200_000)
        return True

    return reproduce_stage(root, "normalize", run)


@pytest.mark.parametrize("kind", ["reflink,copy", "copy", "hardlink"])
def test_a_disk_with_room_for_some_of_the_outputs(
    root: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "dvc", "config", "cache.type", kind).returncode == 0
    before, objects = (root / "dvc.lock").read_bytes(), root / ".dvc" / "cache" / "files" / "md5"
    with (
        small_disk(objects, "100k"),
        pytest.raises(MachineError, match=rf"^{root}/\.dvc/cache\S*: {FULL}"),
    ):
        normalize(root)
    assert (root / "dvc.lock").read_bytes() == before
    assert capfd.readouterr().err == ""
    assert normalize(root) == "ran"


def test_a_disk_without_room_for_a_link(root: Path) -> None:
    with (
        small_disk(root / ".dvc" / "cache" / "files", "4k"),
        pytest.raises(MachineError, match=rf"^{root}/\.dvc/cache\S*: {FULL}"),
    ):
        normalize(root)
