"""The wheel holds only the engine, and it runs a project that has no engine itself."""

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, SMALL, STAGES, run

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "lockstep", source / "lockstep", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    # Without pip, which the container image doesn't contain.
    lines = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    built = run(source, sys.executable, "-c", lines)
    assert built.returncode == 0, built.stdout
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_only_the_engine(wheel: Path) -> None:
    names = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    tops = {name.parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"lockstep"}
    files = (REPOSITORY / "lockstep").rglob("*.py")
    assert {name for name in names if name.suffix == ".py"} == {
        file.relative_to(REPOSITORY) for file in files
    }


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and this environment's libraries."""
    folder = tmp_path_factory.mktemp("environment")
    # A copy of Python couldn't be executed where a container's /tmp is mounted with noexec.
    venv.create(folder, symlinks=True)
    found = folder / "bin" / "python"
    command = [found, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    )
    zipfile.ZipFile(wheel).extractall(packages)
    # .pth files are not read from there, so this checkout isn't on the path.
    libraries = Path(pytest.__file__).parents[1]
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    return found


def test_the_environment_has_no_other_engine(python: Path, tmp_path: Path) -> None:
    lines = "import lockstep.storage.layout as m; print(m.__file__)"
    assert str(python.parents[1]) in run(tmp_path, str(python), "-c", lines).stdout
    for name in ("tasks", "models", "pipelines"):
        assert run(tmp_path, str(python), "-c", f"import {name}").returncode == 1


def test_six_stages_run_where_the_engine_is_installed(
    python: Path, make_workspace: Callable[..., Path]
) -> None:
    root = make_workspace(SMALL, "surface")
    shutil.rmtree(root / "lockstep")
    for stage in STAGES:
        ended = run(root, str(python), "-m", "tasks", stage)
        assert ended.returncode == 0, ended.stdout
    metrics = json.loads((root / "report" / "metrics.json").read_text())["test"]
    assert metrics["accuracy"] > 0.5
    assert (root / "report" / "registered.json").exists()
    assert not (root / "lockstep").exists()
