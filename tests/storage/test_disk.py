"""What a full disk is called."""

from pathlib import Path

import pytest

from lockstep.errors import MachineError
from lockstep.storage import atomic_files, disk


def test_a_file_within_a_part_is_named_as_it_would_have_been(tmp_path: Path) -> None:
    """A full disk named `weights/.part-snapshot/arrays.h5`, which nobody finds afterwards."""
    with pytest.raises(MachineError) as raised, atomic_files.whole_folder(tmp_path / "a") as part:
        disk.require_space(part / "arrays.h5", 1 << 60)
    assert str(raised.value).startswith(f"{tmp_path}/a/arrays.h5: No space left on device: ")
    with pytest.raises(MachineError) as raised, atomic_files.scratch_folder(tmp_path / "b") as part:
        disk.require_space(part, 1 << 60)
    assert str(raised.value).startswith(f"{tmp_path}/b: No space left on device: ")
