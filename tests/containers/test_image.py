"""The Dockerfile's steps, run in a clean Debian, and what `docker run` does with the image."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers.image import Image
from tests.containers.network import own_network
from tests.support.workspaces import run

pytestmark = pytest.mark.system

USER, NAMELESS = 1000, 4321  # the image's user, and one that it doesn't know
# Measured: 2,536 MB, of which 117 MB are a Debian with its documentation.
LARGEST = 2_700_000_000


@pytest.fixture(scope="module")
def reproduced(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mounted folder, empty before `docker run --read-only --network none IMAGE`."""
    folder = folder_of(USER, tmp_path_factory.mktemp("mounted"))
    ended = docker_run(image, folder)
    assert ended.returncode == 0, ended.stdout
    return folder


def folder_of(user: int, folder: Path) -> Path:
    os.chown(folder, user, user)
    folder.chmod(0o755)
    return folder


def docker_run(
    image: Image, folder: Path, *words: str, user: int = USER, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a container without a network on a mounted folder."""
    command = image.container(
        words, {"/workspace": folder}, variables=variables, user=f"{user}:{user}"
    )
    with own_network():
        return run(folder, *command)


def is_healthy(image: Image, folder: Path, user: int = USER) -> bool:
    command = image.container(
        image.health, {"/workspace": folder}, entrypoint=[], user=f"{user}:{user}"
    )
    return subprocess.run(command, capture_output=True).returncode == 0


def test_it_reproduces_what_is_reproduced_outside(
    reproduced: Path, make_workspace: Callable[..., Path]
) -> None:
    outside = make_workspace(name="outside")
    ended = run(outside, "dvc", "repro")
    assert ended.returncode == 0, ended.stdout
    assert (reproduced / "dvc.lock").read_bytes() == (outside / "dvc.lock").read_bytes()


def test_results_belong_to_the_user_of_the_mounted_folder(reproduced: Path) -> None:
    made = ("dvc.lock", "mlflow.db", "report/metrics.json", "weights/best.weights.h5")
    assert {(reproduced / name).stat().st_uid for name in made} == {USER}


def test_a_stage_runs_under_a_user_without_a_name(image: Image, tmp_path: Path) -> None:
    folder = folder_of(NAMELESS, tmp_path)
    ended = docker_run(image, folder, "dvc", "repro", "normalize", user=NAMELESS)
    assert ended.returncode == 0, ended.stdout
    assert (folder / "data" / "ready" / "spec.json").stat().st_uid == NAMELESS


def test_tests_pass_in_it(image: Image, tmp_path: Path) -> None:
    some = "tests/containers tests/project/test_installed.py tests/tasks/test_download.py"
    ended = docker_run(image, folder_of(USER, tmp_path), "make", "test", PYTEST_ADDOPTS=some)
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout


def test_another_lock_file_needs_another_image(image: Image, tmp_path: Path) -> None:
    folder = folder_of(USER, tmp_path)
    assert docker_run(image, folder, "make", "env").returncode == 0
    with (folder / "requirements.lock").open("a") as lock:
        lock.write("# another\n")
    ended = docker_run(image, folder, "make", "env")
    assert ended.returncode != 0
    assert "build the image again" in ended.stdout


def test_it_is_healthy_while_it_can_write(image: Image, reproduced: Path, tmp_path: Path) -> None:
    assert image.health
    assert is_healthy(image, reproduced)
    assert not is_healthy(image, folder_of(0, tmp_path))


def test_a_folder_of_another_user_is_refused(image: Image, tmp_path: Path) -> None:
    ended = docker_run(image, folder_of(0, tmp_path), "true")
    assert ended.returncode == 4
    (line,) = ended.stdout.splitlines()
    assert "/workspace: not writable by user 1000, expected a folder of that user" in line


def test_a_folder_with_other_files_is_left_alone(image: Image, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    ended = docker_run(image, folder_of(USER, tmp_path), "true")
    assert ended.returncode == 4
    (line,) = ended.stdout.splitlines()
    assert "has files but no dvc.yaml" in line
    assert [each.name for each in tmp_path.iterdir()] == ["letter.txt"]


def test_it_contains_no_build_tools_and_no_caches(image: Image) -> None:
    def found(place: str) -> list[Path]:
        return [each for layer in image.layers for each in layer.glob(place)]

    assert image.user == "1000:1000"
    assert found("usr/bin/git")
    for program in ("cc", "gcc", "ld", "strip", "pip", "uv"):
        for folder in ("usr/bin", "usr/local/bin", "opt/lockstep/bin", "opt/project/lib/bin"):
            assert not found(f"{folder}/{program}")
    for cache in ("root/.cache", "var/cache/apt/*.bin", "var/lib/apt/lists/*_*", "tmp/*"):
        assert not found(cache)
    assert sum(image.sizes().values()) < LARGEST


def test_its_modules_are_compiled(image: Image) -> None:
    modules = [
        each
        for layer in image.layers
        for folder in ("opt/lockstep/lib", "opt/project/lib")
        for each in (layer / folder).rglob("*.py")
    ]
    assert len(modules) > 10_000
    cached = "__pycache__/{}.cpython-311.pyc"
    missing = [each for each in modules if not (each.parent / cached.format(each.stem)).exists()]
    assert missing == []
