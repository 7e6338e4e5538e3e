"""What the Dockerfile, compose.yaml and its passwords say, read without running them."""

import ast
import os
import re
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from lockstep.errors import MachineError
from pipelines.servers import compose_passwords
from tests.containers.compose import Service, read_services
from tests.containers.dockerfile import Stage, read_stages
from tests.support.workspaces import REPOSITORY, run

VALUES = dict.fromkeys(compose_passwords.NAMES, "secret")


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return {each.name: each for each in read_services(REPOSITORY / "compose.yaml", VALUES)}


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_stages(REPOSITORY)


def test_passwords_are_random_and_only_for_this_user(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        file = compose_passwords.write(tmp_path / name)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        texts.append(file.read_text())
    found = re.findall(r"^(\w+)=([0-9a-f]{48})$", "".join(texts), re.MULTILINE)
    assert [name for name, _ in found] == [*compose_passwords.NAMES] * 2
    assert len({value for _, value in found}) == len(found)


def test_passwords_are_never_overwritten(tmp_path: Path) -> None:
    before = compose_passwords.write(tmp_path).read_text()
    with pytest.raises(MachineError, match=r"\.env: exists, expected none.*remove the file"):
        compose_passwords.write(tmp_path)
    assert (tmp_path / ".env").read_text() == before


def test_a_script_that_the_dockerfile_runs_alone_imports_nothing_of_the_project() -> None:
    copied = re.findall(r"^COPY (\S+\.py) ", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    for name in copied:
        tree = ast.parse((REPOSITORY / name).read_text())
        imports = [each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]
        assert not re.search("lockstep|pipelines|tasks", " ".join(map(ast.unparse, imports)))


def test_passwords_reach_neither_git_nor_the_image() -> None:
    assert run(REPOSITORY, "git", "check-ignore", "-q", "--no-index", ".env").returncode == 0
    assert ".env" in (REPOSITORY / ".dockerignore").read_text().splitlines()


def test_make_compose_env_writes_them_once(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").touch()
    command = ["python", "-m", "pipelines.servers.compose_passwords"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    first, second = (
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert second.returncode == 4
    (line,) = second.stderr.splitlines()
    assert line.startswith("make compose-env: ")
    assert not any(
        value in first.stdout + first.stderr
        for value in re.findall("=(.*)", (tmp_path / ".env").read_text())
    )


def test_images_have_versions(services: dict[str, Service], stages: dict[str, Stage]) -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    images = {each.settings["image"] for each in services.values()}
    assert f"lockstep:{version}" in images
    bases = {stage.base for stage in stages.values()} - set(stages)
    assert all(re.search(r":\d+\.\d+", image) for image in images | bases)


def test_ports_are_on_the_loopback(services: dict[str, Service]) -> None:
    ports = [port for each in services.values() for port in each.settings.get("ports", [])]
    assert set(ports) == {f"127.0.0.1:{port}:{port}" for port in (5000, 4200, 6006)}


def test_services_wait_for_healthy_ones(services: dict[str, Service]) -> None:
    unchecked = {name for name, each in services.items() if not each.health}
    assert unchecked == {"prefect-services"}
    for each in services.values():
        for name, condition in each.needed.items():
            started = "service_started" if name in unchecked else "service_healthy"
            assert condition == started, each.name


def test_every_password_is_used_and_none_has_a_default() -> None:
    text = (REPOSITORY / "compose.yaml").read_text()
    used = set(re.findall(r"\$\{([A-Z_]+)[:}]", text))
    assert used == {*compose_passwords.NAMES, "LOCKSTEP_USER", "LOCKSTEP_WORKSPACE"}
    assert not [name for name in compose_passwords.NAMES if f"${{{name}:-" in text]


def test_both_targets_run_as_a_user_without_rights(stages: dict[str, Stage]) -> None:
    assert list(stages)[-1] == "cpu"  # what `docker build` makes by default
    for name in ("cpu", "gpu"):
        assert stages[name].base == "runtime"
        assert {step.name for step in stages[name].steps} <= {"COPY", "ENV"}
    (user,) = [step.value for step in stages["runtime"].steps if step.name == "USER"]
    assert user == "1000:1000"


def test_packages_are_installed_by_hash(stages: dict[str, Stage]) -> None:
    runs = [step.value for stage in stages.values() for step in stage.steps if step.name == "RUN"]
    installs = [
        line for line in runs if "pip install" in line and "--no-build-isolation" not in line
    ]
    assert len(installs) == 3  # uv, the environment, and CUDA
    assert all("--require-hashes" in line for line in installs)


def test_an_image_of_another_lock_file_is_refused(tmp_path: Path) -> None:
    for text, code in (((REPOSITORY / "requirements.lock").read_text(), 0), ("another", 2)):
        (tmp_path / "requirements.lock").write_text(text)
        ended = run(REPOSITORY, "make", "env", LOCKSTEP_ENVIRONMENT=str(tmp_path))
        assert ended.returncode == code
        assert ("build the image again" in ended.stdout) == (code == 2)
