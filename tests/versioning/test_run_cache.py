"""Runs of one checkout use DVC's cache of runs at once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.versioning.repository import open_repository


@pytest.fixture
def root(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(shutil.copytree(recorded, tmp_path / "lockstep"))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def repo(root: Path) -> Iterator[Any]:
    with open_repository(root) as repo:
        yield repo


@pytest.fixture
def train(repo: Any) -> Any:
    (stage,) = repo.stage.collect("train")
    return stage


def entries(root: Path, stage: Any) -> list[Path]:
    """A stage's files in the cache of runs."""
    found = (root / ".dvc" / "cache" / "runs").rglob("*")
    return [each for each in found if each.is_file() and stage.cmd in each.read_text()]


def test_what_another_run_is_writing_is_left_alone(root: Path, repo: Any, train: Any) -> None:
    repo.stage_cache.save(train)
    (entry,) = entries(root, train)
    others = entry.with_name(".of-another.tmp")
    others.write_text(entry.read_text()[:30])
    os.utime(others, (2**31, 2**31))  # the newest
    assert repo.stage_cache._load(train)["cmd"] == train.cmd
    assert others.exists()


def test_what_another_run_only_begins_to_write_is_no_entry(
    root: Path, repo: Any, train: Any
) -> None:
    repo.stage_cache.save(train)
    (entry,) = entries(root, train)
    entry.unlink()
    assert repo.stage_cache._load(train) is None


def test_a_file_that_another_run_removed_is_written_again(
    root: Path, repo: Any, train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(root / ".dvc" / "cache" / "runs", ignore_errors=True)
    move, removed = repo.cache.legacy.move, []

    def late(part: str, path: str) -> None:
        if not removed:  # as `dvc repro` of another workspace does
            Path(part).unlink()
            removed.append(part)
        move(part, path)

    monkeypatch.setattr(repo.cache.legacy, "move", late)
    repo.stage_cache.save(train)
    assert removed
    assert len(entries(root, train)) == 1
