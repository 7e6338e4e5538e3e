"""All processes that run stages have one order of sets of texts."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep import __main__
from lockstep.process import hash_seed
from tests.support.workspaces import run

SHOWN = 'print([*{"relu", "tanh", "gelu", "sigmoid", "linear", "elu"}])'


def test_a_stage_has_the_same_order_of_a_set_in_each_process(
    make_workspace: Callable[..., Path],
) -> None:
    root = make_workspace({"data.name": "line"})
    file = root / "tasks" / "datasets" / "line.py"
    file.write_text(f"{file.read_text()}\n\n{SHOWN}\n")
    command = (sys.executable, "-m", "tasks", "download")
    ended = [run(root, *command, PYTHONHASHSEED=each) for each in ("1", "2", "random")]
    assert [each.returncode for each in ended] == [0, 0, 0], ended
    assert "relu" in ended[0].stdout
    assert len({each.stdout for each in ended}) == 1


@pytest.mark.system
def test_a_flow_in_a_process_of_others_has_it(make_workspace: Callable[..., Path]) -> None:
    """Such as one that a worker of Kubernetes or Docker starts."""
    root = make_workspace({"data.name": "line"}, until="download")
    file = root / "tasks" / "datasets" / "line.py"
    file.write_text(f"{file.read_text()}\n\n{SHOWN}\n")
    shown = set()
    command = (sys.executable, "-m", "pipelines.cli", "run")
    for seed in ("0", "1", "random"):
        ended = run(root, *command, PYTHONHASHSEED=seed, PYTHONPATH=str(root))
        assert ended.returncode == 0, ended.stdout
        # The last is the stage's: the command has looked at the file before.
        shown.add([line for line in ended.stdout.splitlines() if line.startswith("['")][-1])
        shutil.rmtree(root / ".dvc" / "cache")
        (root / "dvc.lock").unlink()
    assert len(shown) == 1


def test_the_command_has_it_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, str] = {}
    monkeypatch.setattr(os, "execve", lambda *arguments: given.update(arguments[-1]))
    monkeypatch.setenv(hash_seed.NAME, "7")
    (tmp_path / __main__.COMMANDS).parent.mkdir(parents=True)
    (tmp_path / __main__.COMMANDS).touch()
    __main__._run_cli(tmp_path, ["run"])
    assert given[hash_seed.NAME] == hash_seed.FIXED
