"""Each invariant fails if what it protects is broken."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import invariants


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    root = tmp_path / "lockstep"
    subprocess.run(["cp", "-a", recorded, root], check=True)
    return root


def test_they_hold(root: Path) -> None:
    invariants.assert_nothing_lost(root, invariants.results(root))


def test_a_half_written_file(root: Path) -> None:
    (root / "report" / ".part-metrics.json").touch()
    with pytest.raises(AssertionError):
        invariants.assert_no_parts(root)


def test_an_output_that_differs_from_its_hash(root: Path) -> None:
    file = root / "data/ready/spec.json"
    file.chmod(0o644)
    file.write_text(file.read_text() + " ")
    with pytest.raises(AssertionError):
        invariants.assert_lock_is_true(root)


def test_a_run_that_is_running_and_a_second_one_of_an_experiment(root: Path) -> None:
    from lockstep.tracking import KEY
    from lockstep.tracking.client import connect

    client, experiment = connect(root)
    run = client.create_run(experiment.experiment_id, tags={KEY: "1"})
    with pytest.raises(AssertionError):
        invariants.assert_runs_are_whole(root)
    client.set_terminated(run.info.run_id)
    invariants.assert_runs_are_whole(root)
    client.log_metric(run.info.run_id, "loss", 1.0, step=1)
    client.log_metric(run.info.run_id, "loss", 2.0, step=1)
    with pytest.raises(AssertionError):
        invariants.assert_runs_are_whole(root)
    client.delete_run(run.info.run_id)
    for _ in range(2):
        again = client.create_run(experiment.experiment_id, tags={KEY: "2"})
        client.set_terminated(again.info.run_id)
    with pytest.raises(AssertionError):
        invariants.assert_runs_are_whole(root)


def test_a_version_without_its_files(root: Path) -> None:
    from lockstep.errors import DataError
    from lockstep.tracking.client import connect

    client, _ = connect(root)
    client.create_registered_model("digits")
    client.create_model_version("digits", str(root))
    with pytest.raises(DataError, match="passport"):
        invariants.assert_versions_are_whole(root)


def test_a_process_that_goes_on_and_a_lock_that_is_left(root: Path) -> None:
    program = "import time; print(flush=True); time.sleep(1000)"
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE) as one:
        assert one.stdout
        one.stdout.readline()
        with pytest.raises(AssertionError):
            invariants.assert_nothing_runs(root)
        one.kill()
    invariants.assert_nothing_runs(root)
    (root / ".git/index.lock").touch()
    with pytest.raises(AssertionError):
        invariants.assert_nothing_runs(root)


def test_other_bits(root: Path) -> None:
    golden = invariants.results(root)
    (root / "dvc.lock").write_text((root / "dvc.lock").read_text() + "\n")
    with pytest.raises(AssertionError):
        invariants.assert_nothing_lost(root, golden)


@pytest.mark.parametrize(
    ("output", "code"),
    [("two\nlines\n", 2), ("Traceback (most recent call last):\n", 2), ("one line\n", 1), ("", 2)],
)
def test_an_error_that_is_no_line(output: str, code: int) -> None:
    invariants.assert_one_line("one line\n", 2, 2)
    with pytest.raises(AssertionError):
        invariants.assert_one_line(output, code, 2)


def test_a_secret_in_a_file(root: Path) -> None:
    secret = "".join(["S3CR3T", "-of-nobody"])  # this file is in the checkout
    invariants.assert_secret_is_nowhere(root, secret)
    (root / "report" / "log").write_text(f"got {secret}")
    with pytest.raises(AssertionError):
        invariants.assert_secret_is_nowhere(root, secret)
