"""A version whose files aren't those that were registered isn't loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import DataError
from lockstep.tracking import version_files


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A folder like that of a packed model."""
    for name in ("MLmodel", "artifacts/spec.json", "artifacts/saved_model/saved_model.pb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def change(folder: Path) -> None:
    (folder / "artifacts/saved_model/saved_model.pb").write_text("another program")


def remove(folder: Path) -> None:
    (folder / "artifacts/spec.json").unlink()


def add(folder: Path) -> None:
    (folder / "artifacts/saved_model/more.pb").write_text("a program")


def change_loader(folder: Path) -> None:
    (folder / "MLmodel").write_text("another loader")


def describe_again(folder: Path) -> None:
    change(folder)
    version_files.describe(folder)


def remove_hashes(folder: Path) -> None:
    (folder / "files.json").unlink()


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (change, "artifacts/saved_model/saved_model.pb"),
        (remove, "artifacts/spec.json"),
        (add, "artifacts/saved_model/more.pb"),
        (change_loader, "MLmodel"),
        (describe_again, "files.json"),
        (remove_hashes, "files.json"),
    ],
)
def test_other_files_are_named(packed: Path, fault: Callable[[Path], None], named: str) -> None:
    tags = version_files.describe(packed)
    fault(packed)
    with pytest.raises(DataError, match=f"^models:/x/1: {named} isn't the file that was"):
        version_files.check(packed, tags, "models:/x/1")


def test_what_is_stored_with_a_version_later_is_no_fault(packed: Path) -> None:
    tags = version_files.describe(packed)
    (packed / "report").mkdir()
    (packed / "report/verdict.json").write_text("{}")
    (packed / "registered_model_meta").write_text("by MLflow")
    version_files.check(packed, tags, "models:/x/1")


def test_a_version_of_earlier_editions_is_told(
    packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version_files.check(packed, {}, "models:/x/1")
    assert "so they aren't checked" in capsys.readouterr().err
