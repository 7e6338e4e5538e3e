"""An MLflow server that dies or hangs in mid-training changes no result, and gets all of them."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mlflow_server import MlflowServer
from tests.support.tracked_experiment import TrackedExperiment
from tests.support.trainings import Pauses, digests, end_of
from tests.support.waiting import until
from tests.support.workspaces import SMALL, run, write_params

pytestmark = pytest.mark.system
EPOCHS, OUT, LATER = 8, 3, 6  # the server is out from epoch OUT on; in LATER it may be back
ALL_SENT = "MLflow has all results\n"


@pytest.fixture(scope="module")
def built(make_workspace: Callable[..., Path]) -> Path:
    """A workspace whose data and initial weights are there; tests copy it."""
    root: Path = make_workspace({**SMALL, "train.epochs": EPOCHS}, "built", until="evaluate")
    ended = run(root, "dvc", "repro", "build")
    assert ended.returncode == 0, ended.stdout
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("server")
    made = MlflowServer(f"sqlite:///{folder}/mlflow.db", folder)
    yield made
    made.end()


def copied(built: Path, folder: Path) -> tuple[Path, Pauses]:
    """A copy of the workspace whose training pauses when the server goes, and when it may be back.

    The other folder of pauses makes it another experiment, with the same results.
    """
    root = Path(shutil.copytree(built, folder / "lockstep", symlinks=True))
    pauses = Pauses(folder / "pauses", OUT, LATER)
    write_params(root, pauses.changes())
    return root, pauses


@pytest.fixture(scope="module")
def undisturbed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of weights and history of a training without a server."""
    root, pauses = copied(built, tmp_path_factory.mktemp("undisturbed"))
    pauses.go_on(OUT)
    pauses.go_on(LATER)
    ended = run(root, "dvc", "repro", "train")
    assert ended.returncode == 0, ended.stdout
    return digests(root)


@pytest.fixture
def experiment(built: Path, server: MlflowServer, tmp_path: Path) -> TrackedExperiment:
    server.start()
    return TrackedExperiment(*copied(built, tmp_path), server)


@pytest.fixture
def training(experiment: TrackedExperiment) -> Iterator[subprocess.Popen[str]]:
    """Its run in the middle of epoch OUT, when MLflow has the epochs before."""
    process = experiment.start()
    try:
        experiment.pauses.wait_in(process, OUT)
        until(lambda: ("loss", OUT - 1) in {each[:2] for each in experiment.points()}, 60)
        yield process
    finally:
        process.kill()


def output_of(process: subprocess.Popen[str]) -> str:
    code, output = end_of(process, 280)
    assert code == 0, output
    return output


def check_all_is_sent_once(experiment: TrackedExperiment) -> None:
    history, points, runs = experiment.history(), experiment.points(), experiment.runs()
    names = {each[0] for each in history}
    assert history[-1][1] == EPOCHS
    assert [each for each in points if each[0] in names] == history
    assert len({each[:2] for each in points}) == len(points)  # other metrics once, too
    assert {"time/train_seconds", "time/evaluate_seconds"} <= {each[0] for each in points}
    assert [each.info.status for each in runs] == ["FINISHED"]
    assert experiment.sync() == ALL_SENT
    assert experiment.points() == points
    assert [each.to_dictionary() for each in experiment.runs()] == [
        each.to_dictionary() for each in runs
    ]


def test_a_server_that_is_back_before_the_end_gets_all_from_the_run(
    undisturbed: dict[str, str], experiment: TrackedExperiment, training: subprocess.Popen[str]
) -> None:
    experiment.server.end(signal.SIGKILL)
    experiment.pauses.go_on(OUT)
    experiment.pauses.wait_in(training, LATER)
    experiment.server.start()
    experiment.pauses.go_on(LATER)
    assert "mlflow: " not in output_of(training)
    assert digests(experiment.root) == undisturbed
    check_all_is_sent_once(experiment)


def check_sync_sends_all(
    undisturbed: dict[str, str], experiment: TrackedExperiment, training: subprocess.Popen[str]
) -> None:
    """Let the run end while its server doesn't answer, then bring the server back."""
    experiment.pauses.go_on(OUT)
    experiment.pauses.go_on(LATER)
    assert f"mlflow: {experiment.server.address} doesn't answer" in output_of(training)
    assert digests(experiment.root) == undisturbed
    experiment.server.start()
    experiment.sync()
    check_all_is_sent_once(experiment)


def test_a_server_that_hangs_until_after_the_run_gets_all_by_sync(
    undisturbed: dict[str, str], experiment: TrackedExperiment, training: subprocess.Popen[str]
) -> None:
    experiment.server.send(signal.SIGSTOP)
    check_sync_sends_all(undisturbed, experiment, training)


def test_a_server_that_is_killed_and_started_after_the_run_gets_all_by_sync(
    undisturbed: dict[str, str], experiment: TrackedExperiment, training: subprocess.Popen[str]
) -> None:
    experiment.server.end(signal.SIGKILL)
    check_sync_sends_all(undisturbed, experiment, training)
