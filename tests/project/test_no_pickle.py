"""Nothing of the project pickles or unpickles, and no whole model is loaded without safe mode."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.process.environment import prepare_environment
from tests.support.workspaces import REPOSITORY

PACKAGES = ("lockstep", "tasks", "models", "pipelines", "benchmarks")
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
UNSAFE = {"enable_unsafe_deserialization", "read_pickle", "unsafe_load", "full_load"}
# Each must be given, with this value.
DEMANDED = {"load_model": {"safe_mode": True, "compile": False}}
FORBIDDEN = {"allow_pickle": True, "safe_mode": False, "weights_only": False, "shell": True}
BY_OTHERS = ("mlflow.pyfunc.load_model", "pyfunc.load_model")  # versions of the registry


def files() -> list[Path]:
    return sorted(each for name in PACKAGES for each in (REPOSITORY / name).rglob("*.py"))


def faults(text: str) -> Iterator[str]:
    """What a Python file does that it shouldn't."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in PICKLES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in PICKLES:
                yield str(node.module)
        elif isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            yield from {name} & UNSAFE
        elif isinstance(node, ast.Call):
            yield from of_call(node)


def of_call(node: ast.Call) -> Iterator[str]:
    given = {each.arg: getattr(each.value, "value", None) for each in node.keywords}
    yield from (f"{key}={value}" for key, value in FORBIDDEN.items() if given.get(key) is value)
    name = ast.unparse(node.func)
    wanted = {} if name in BY_OTHERS else DEMANDED.get(name.rpartition(".")[2], {})
    yield from (f"{name} without {key}" for key in wanted if given.get(key) is not wanted[key])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_pickles(package: str) -> None:
    found = {
        str(file.relative_to(REPOSITORY)): list(faults(file.read_text()))
        for file in files()
        if file.relative_to(REPOSITORY).parts[0] == package
    }
    assert found
    assert {file: each for file, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from cloudpickle import dumps", "import joblib.memory",
        "pd.read_pickle(x)", "torch.load(x, weights_only=False)",
        "np.load(x, allow_pickle=True)", "keras.saving.load_model(x, compile=False)",
        "keras.saving.load_model(x, safe_mode=False, compile=False)",
        "keras.config.enable_unsafe_deserialization()", "yaml.unsafe_load(x)", "run(x, shell=True)",
    ],
)  # fmt: skip
def test_a_file_that_does_is_found(text: str) -> None:
    assert list(faults(text))


def test_ruff_refuses_it_too(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "x.py").write_text('"""Text."""\n\nimport pickle\n\nprint(pickle.loads)\n')
    command = ["ruff", "check", "--config", REPOSITORY / "pyproject.toml", "--select", "TID251"]
    ended = subprocess.run([*command, tmp_path / "x.py"], capture_output=True, text=True)
    assert "`pickle` is banned" in ended.stdout


def test_results_of_prefect_are_json_and_mlflow_unpickles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PREFECT_RESULTS_DEFAULT_SERIALIZER", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"):
        monkeypatch.delenv(name, raising=False)
    prepare_environment(tmp_path)
    assert os.environ["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"


def test_no_flow_and_no_task_persists_its_result() -> None:
    found = []
    for file in (REPOSITORY / "pipelines").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("flow", "task"):
                options = {each.arg: ast.unparse(each.value) for each in node.keywords}
                found.append((file.name, options.get("persist_result", options.get(None))))
    assert len(found) >= 4
    assert {each for _, each in found} <= {"False", "options"}
