"""A disk that gets full at any write of a run: exit code 4, then, with room, the same results."""

from pathlib import Path

import pytest

from benchmarks import _measure
from tests.faults import full_disk

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("start") / "start"
    _measure.clone(root)
    return root


def test_the_same_command_with_room_again(start: Path) -> None:
    rooms, golden = full_disk.undisturbed(start, start.with_name("undisturbed"))
    for share, command in ((0.3, full_disk.LOCKSTEP_RUN), (0.6, full_disk.DVC_REPRO)):
        root, room = start.with_name(f"full-{share}"), rooms[int(share * len(rooms))]
        assert full_disk.fill(start, root, room, golden, command)
