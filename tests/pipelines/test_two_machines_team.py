"""A team by docs/two-machines.md: twelve experiments on two machines, restored in another clone.

PostgreSQL, sshd, the S3 store, git, MLflow, Prefect and its workers are real ones. Each machine has
a network and a checkout of its own; what they share is the disk.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.containers.build import wheel_cache
from tests.support.dvc_remotes import packages
from tests.support.page_commands import Page
from tests.support.team_work import Made, Work, recorded
from tests.support.two_machine_team import SECRETS, machines
from tests.support.workspaces import REPOSITORY, STAGES, git, run

pytestmark = pytest.mark.system
PROJECT = {"model.name": "linear", "train.epochs": 1, "register.threshold": None}
SSH, S3, WORKER = "Over SSH", "In S3", "The other worker"  # sections of the page
SEEDS = {SSH: range(2, 7), S3: range(7, 13)}  # the page itself asks for seed 1


@pytest.fixture(scope="module")
def page() -> Page:
    return Page("two-machines.md", {})


@pytest.fixture(scope="module")
def work(
    make_workspace: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, page: Page
) -> Iterator[Work]:
    """Both machines with their workers, and a store over SSH."""
    source, folder = make_workspace(PROJECT, "source"), tmp_path_factory.mktemp("team")
    variables = {"LOCKSTEP_ENVIRONMENT": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": "", **packages()}
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in variables.items():
            patch.setenv(name, value)
        team = stack.enter_context(machines(source, folder, page))
        key = page.take(SSH, 1)
        team.on_first(*team.cloned(team.place), *page.take(SSH), *key)
        served = stack.enter_context(team.servers())
        shell = [f"cd {team.place}", *page.take(S3, 1), *page.take(WORKER)]
        doctor, worker = page.take(WORKER, 1)
        said = team.on_second(*team.cloned(team.place), *key, *shell, doctor)
        assert said.count(": works\n") == 4, said
        stack.enter_context(team.worker(*shell, worker))
        team.on_first(*shell, page.take("Experiments")[0])
        yield Work(team, served.prefect, served.environment["MLFLOW_TRACKING_URI"], shell)


@pytest.fixture(scope="module", params=SEEDS)
def made(request: pytest.FixtureRequest, work: Work, page: Page) -> Made:
    """Experiments that were asked for at once."""
    kind, team, here, asked = request.param, work.team, f"cd {work.team.place}", []
    if kind == S3:
        forget = "dvc remote remove --local store"
        team.on_first(here, forget, "dvc remote remove store", *page.take(S3))
        team.on_second(here, forget, "git pull -q")
    else:
        said = team.on_first(*work.shell, page.take("Experiments")[1])
        asked = re.findall(r"UUID: (\S+)", said)
    asked += [work.ask(seed) for seed in SEEDS[kind]]
    return Made(work, kind, [work.ended(each) for each in asked])


def test_the_packages_for_stores_are_installed_by_the_line_of_the_page(
    page: Page, tmp_path: Path
) -> None:
    environment, cache = str(tmp_path / "environment"), {"UV_CACHE_DIR": str(wheel_cache())}
    assert run(tmp_path, "uv", "venv", "--quiet", environment).returncode == 0
    (line,) = page.take("A clone on each machine", 1)
    # make test-system has installed them beside the environment: they are in uv's cache.
    variables = {"VIRTUAL_ENV": environment, "UV_OFFLINE": "1", **cache}
    ended = run(REPOSITORY, *line.split(), **variables)
    assert ended.returncode == 0, ended.stdout
    listed = run(
        tmp_path, "uv", "pip", "freeze", "--quiet", VIRTUAL_ENV=environment, **cache
    ).stdout
    locked = (REPOSITORY / "requirements-remotes.lock").read_text()
    assert "dvc-ssh" in listed
    assert set(listed.split()) == set(re.findall(r"^[\w.-]+==[^ ;]+", locked, re.MULTILINE))


def test_both_machines_complete_and_push_them(made: Made) -> None:
    team, told = made.work.team, [each["state"]["message"] for each in made.runs]
    assert all(re.fullmatch(r"saved as \S+", each) for each in told), told
    saved = [git(each, "for-each-ref", "refs/exps") for each in (team.place, team.other)]
    count = [sum(f"/{name}\n" in refs for name in made.names) for refs in saved]
    assert all(count), count
    assert sum(count) == len(made.names) == 6
    pushed = git(team.origin, "for-each-ref", "refs/exps")
    assert all(f"/{name}\n" in pushed for name in made.names)


def test_each_is_in_mlflow_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRETS["MLFLOW_TRACKING_PASSWORD"])
    client = MlflowClient(made.work.mlflow)
    runs = client.search_runs([client.get_experiment_by_name("lockstep").experiment_id])
    count = Counter(each.data.tags["dvc.experiment"] for each in runs)
    assert {name: count[name] for name in made.names} == dict.fromkeys(made.names, 1)
    assert {each.info.status for each in runs} == {"FINISHED"}
    scores = {
        each.version: float(each.tags["test_accuracy"])
        for each in client.search_model_versions("name = 'digits'")
    }
    assert len(scores) == len(runs)
    leader = client.get_model_version_by_alias("digits", "champion").version
    assert scores[leader] == max(scores.values()), scores


def test_another_clone_restores_each_without_running_a_stage(
    made: Made, page: Page, tmp_path: Path
) -> None:
    team, clone, section = made.work.team, tmp_path / "clone", "Restored in another clone"
    key, keys = page.take(SSH, 1) if made.kind == SSH else [], page.take(S3, 1)
    pull = page.take(section, NAME=" ".join(made.names))[0]
    team.elsewhere(*team.cloned(clone), *key, *keys, pull)
    for name in made.names:
        _, *restore = page.take(section, NAME=name)
        said = team.elsewhere(f"cd {clone}", *restore)
        assert "Running stage" not in said
        assert said.count("didn't change, skipping") == len(STAGES), said
        lock = (clone / "dvc.lock").read_text()
        assert lock == recorded(team.origin, name)
        weights = (clone / "weights" / "last.weights.h5").read_bytes()
        assert hashlib.md5(weights, usedforsecurity=False).hexdigest() in lock


def test_each_command_of_the_page_was_run(page: Page) -> None:
    assert page.left == []
