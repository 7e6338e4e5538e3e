"""`lockstep promote` and `lockstep rollback`: the champion moved by hand, with a record in git."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from lockstep.tracking import champion, registry, turns
from lockstep.tracking.candidates import Candidate, Champion, Verdict
from lockstep.tracking.client import connect
from lockstep.tracking.promotion import promote, roll_back
from lockstep.versioning import promotions
from tests.support.waiting import until
from tests.support.workspaces import git, run

NAMES = iter(f"model-{number}" for number in range(100))


class Registered(NamedTuple):
    """A registered model with three versions."""

    root: Path
    client: MlflowClient
    name: str

    @property
    def leader(self) -> str:
        return str(self.client.get_model_version_by_alias(self.name, "champion").version)

    @property
    def history(self) -> str:
        return str(self.client.get_registered_model(self.name).tags[champion.FORMER])

    def half_moved(self, history: str, leader: str) -> None:
        """Leave what a process leaves that was killed before the alias moved."""
        self.client.set_registered_model_tag(self.name, champion.FORMER, history)
        self.client.set_registered_model_alias(self.name, "champion", leader)

    def moves(self) -> list[tuple[str, str, str]]:
        found = promotions.moves(self.root)
        ours = (each for each in found if each.model == self.name)
        return [(each.by, each.before, each.version) for each in ours]


@pytest.fixture(scope="module")
def root(make_workspace: Callable[..., Path]) -> Path:
    return make_workspace(name="promotion")


@pytest.fixture
def model(root: Path) -> Registered:
    client, name = connect(root)[0], next(NAMES)
    client.create_registered_model(name)
    for number in (1, 2, 3):
        client.create_model_version(name, "file:///nowhere", tags={"weights": f"digest {number}"})
    return Registered(root, client, name)


@pytest.mark.system
def test_the_commands_move_the_champion(model: Registered) -> None:
    def command(*arguments: str) -> tuple[int, str]:
        ended = run(model.root, "lockstep", *arguments)
        return ended.returncode, ended.stdout

    uri = f"models:/{model.name}"
    assert command("promote", f"{uri}/1") == (0, f"{uri}@champion: now version 1, before it none\n")
    moved = f"{uri}@champion: now version 3, before it version 1\n"
    assert command("promote", f"{uri}/3") == (0, moved)
    back = f"{uri}@champion: version 1 again, before it version 3\n"
    assert command("rollback", model.name) == (0, back)
    assert model.leader == "1"
    none = (
        f"lockstep rollback: {uri}@champion: got no earlier champion that still exists, expected "
        "one; `lockstep promote VERSION` takes one of 3, 2, 1\n"
    )
    assert command("rollback", model.name) == (2, none)
    assert command("promote", "9") == (
        2,
        "lockstep promote: models:/digits: got no version of this name, expected one of "
        f"{', '.join(sorted(each.name for each in model.client.search_registered_models()))}\n",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("best", "got 'best', expected the number of a version or models:/NAME/VERSION"),
        ("models:/x@y", "got models:/x@y, expected models:/NAME/VERSION, without an alias"),
    ],
)
def test_what_is_no_version_is_one_line_before_mlflow(
    root: Path, given: str, expected: str
) -> None:
    ended = run(root, "lockstep", "promote", given, LOCKSTEP_FORBIDDEN="tensorflow,mlflow")
    assert (ended.returncode, ended.stdout) == (2, f"lockstep promote: {expected}\n")


def test_an_unknown_version_lists_the_known_ones(model: Registered) -> None:
    with pytest.raises(Exception, match="got version 9, expected one of 3, 2, 1"):
        promote(model.root, model.name, "9")


def test_git_has_each_move(model: Registered) -> None:
    for version in ("1", "2", "2"):
        promote(model.root, model.name, version)
    roll_back(model.root, model.name)
    moves = [("promote", "", "1"), ("promote", "1", "2"), ("rollback", "2", "1")]
    assert model.moves() == moves
    shown = git(model.root, "notes", "--ref", promotions.REF, "show", "HEAD").splitlines()
    last: dict[str, Any] = json.loads(shown[-1])
    assert last.pop("time").endswith("+00:00")
    assert last == {
        "model": model.name, "version": "1", "before": "2", "by": "rollback",
        "weights": "digest 1", "verdict": "",
    }  # fmt: skip


def test_a_version_that_was_deleted_is_passed_over(model: Registered) -> None:
    for version in ("1", "2", "3"):
        promote(model.root, model.name, version)
    model.client.delete_model_version(model.name, "2")
    roll_back(model.root, model.name)
    assert (model.leader, model.history) == ("1", "1")


def test_promoting_takes_back_that_a_version_was_rolled_back(model: Registered) -> None:
    for version in ("1", "2"):
        promote(model.root, model.name, version)
    roll_back(model.root, model.name)
    assert champion.ROLLED_BACK in model.client.get_model_version(model.name, "2").tags
    promote(model.root, model.name, "2")
    assert champion.ROLLED_BACK not in model.client.get_model_version(model.name, "2").tags


def test_a_promotion_that_was_killed_goes_on(model: Registered) -> None:
    promote(model.root, model.name, "1")
    promote(model.root, model.name, "2")
    model.half_moved("1,2", "1")
    promote(model.root, model.name, "2")
    assert (model.leader, model.history) == ("2", "1,2")
    assert model.moves() == [("promote", "", "1"), ("promote", "1", "2")]


def test_a_promotion_that_was_killed_is_not_rolled_back_to(model: Registered) -> None:
    promote(model.root, model.name, "1")
    model.half_moved("1,2", "1")
    with pytest.raises(Exception, match="got no earlier champion"):
        roll_back(model.root, model.name)


def test_a_rollback_that_was_killed_goes_on(model: Registered) -> None:
    promote(model.root, model.name, "1")
    promote(model.root, model.name, "2")
    model.half_moved("1", "2")
    roll_back(model.root, model.name)
    assert (model.leader, model.history) == ("1", "1")


@pytest.mark.parametrize("killed", [False, True])
def test_a_version_waits_for_an_earlier_one_of_another_machine(
    model: Registered, killed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    promote(model.root, model.name, "1")
    earlier, later = (registered(model) for _ in range(2))
    compared = []

    def challenge(rival: Champion) -> Verdict:
        compared.append(rival.version)
        return Verdict(False, "compared", None)

    candidate = Candidate(
        model.name, {}, "accuracy", {"accuracy": 0.5}, challenge, lambda folder: (), Path()
    )
    run = model.client.get_run(later.run_id)
    arguments = (model.client, run, candidate, later, model.root)
    with ThreadPoolExecutor(1) as machine:
        judged = machine.submit(registry.challenge, *arguments)
        until(lambda: "waits until version 4 is judged" in capfd.readouterr().err, 60)
        assert compared == []
        if killed:
            model.client.set_terminated(earlier.run_id, "KILLED")
        else:
            model.client.set_registered_model_alias(model.name, "champion", earlier.version)
            turns.end(model.client, earlier)
        assert judged.result(60).endswith("/5: compared")
    assert compared == ["1" if killed else "4"]


def registered(model: Registered) -> ModelVersion:
    """A version whose run goes on."""
    run = model.client.create_run(connect(model.root)[1].experiment_id)
    return model.client.create_model_version(model.name, "file:///nowhere", run.info.run_id)


def test_a_champion_moved_in_mlflow_is_remembered(model: Registered) -> None:
    promote(model.root, model.name, "1")
    model.client.set_registered_model_alias(model.name, "champion", "3")
    promote(model.root, model.name, "2")
    assert model.history == "1,3,2"
    roll_back(model.root, model.name)
    assert model.leader == "3"
