"""Where Ray places the workers, and what `--launcher ray` says without Ray or a cluster."""

from pathlib import Path

import pytest

from lockstep.errors import ParamsError
from lockstep.launchers.ray_cluster import Node
from lockstep.launchers.ray_training import place
from tests.support.workspaces import run

TWO = [Node("a", "10.0.0.1", 0), Node("b", "10.0.0.2", 0)]
GPUS = [Node("a", "10.0.0.1", 4), Node("b", "10.0.0.2", 4), Node("c", "10.0.0.3", 0)]


@pytest.mark.parametrize(
    ("replicas", "nodes", "expected"),
    [
        ("auto", TWO, "ab"),
        (1, TWO, "a"),
        (3, TWO, "aba"),
        ("auto", GPUS, "ab"),
        (8, GPUS, "ab"),
        (4, GPUS, "a"),
    ],
)
def test_the_chief_is_on_this_machine(
    replicas: int | str, nodes: list[Node], expected: str
) -> None:
    assert "".join(node.id for node in place(replicas, nodes)) == expected


@pytest.mark.parametrize("replicas", [6, 12])
def test_replicas_that_do_not_fill_nodes_are_refused(replicas: int) -> None:
    line = f"train.replicas: got {replicas}, expected a multiple of 4 up to 8"
    with pytest.raises(ParamsError, match=line):
        place(replicas, GPUS)


@pytest.mark.parametrize("command", ["python -m tasks train", "lockstep run --launcher ray"])
def test_without_ray_the_command_to_install_it_is_told(ready: Path, command: str) -> None:
    """The environment of `make env` hasn't got Ray."""
    ended = run(ready, *command.split(), LOCKSTEP_LAUNCHER="ray")
    assert ended.returncode == 4
    assert len(ended.stdout.splitlines()) == 1
    assert "uv pip install --require-hashes --no-deps -r requirements-ray.lock" in ended.stdout


def test_an_unknown_launcher_is_refused(ready: Path) -> None:
    ended = run(ready, "python", "-m", "tasks", "train", LOCKSTEP_LAUNCHER="spark")
    assert ended.returncode == 2
    assert "LOCKSTEP_LAUNCHER: got spark, expected ray or nothing" in ended.stdout
