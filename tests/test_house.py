"""The house rules: four names one word, and every file that decides a result is a dependency."""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import keras_names
import params
from tasks import _identity
from tests.conftest import REPOSITORY, STAGES

# They show or record what happens, and change no result.
EXEMPT = ("tasks._tracking", "tasks._progress", "tasks._training_progress", "tasks._dvc")
CHANGE_NOTHING = {"data.mirror", "data.path", *(f"train.{name}" for name in _identity.NEUTRAL)}
ROOMS = ("tasks", "models")


def graph() -> dict[str, Any]:
    stages: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")["stages"]
    return stages


def file_of(module: str) -> Path | None:
    path = REPOSITORY.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.exists()), None)


def imports(file: Path) -> set[str]:
    """The modules of the rooms that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {name for name in found if name.split(".")[0] in ROOMS and file_of(name)}


def needs(file: Path, known: set[Path]) -> set[Path]:
    known.add(file)
    for module in imports(file):
        found = file_of(module)
        if found and found not in known and not module.startswith(EXEMPT):
            needs(found, known)
    return known


def has_code(file: Path) -> bool:
    return any(not isinstance(node, ast.Expr) for node in ast.parse(file.read_text()).body)


@pytest.mark.parametrize("stage", STAGES)
def test_each_import_of_a_stage_is_a_dependency(stage: str) -> None:
    needed = needs(REPOSITORY / "tasks" / f"{stage}.py", set())
    if REPOSITORY / "tasks" / "datasets" / "__init__.py" in needed:  # it finds them by name
        needed |= set((REPOSITORY / "tasks" / "datasets").glob("_[a-z]*.py"))
    expected = {str(file.relative_to(REPOSITORY)) for file in needed if has_code(file)}
    deps = {dep for dep in graph()[stage]["deps"] if dep.startswith((*ROOMS, "${"))}
    deps -= {"${data.path}"}
    by_name = {dep for dep in deps if "${" in dep}
    extra = {"tasks/_tracking/serving.py"} if stage == "register" else set()
    assert deps - by_name - extra == expected
    wants = {"models/${model.name}.py"} if "tasks/_model.py" in expected else set()
    wants |= {"${train.own}"} if "tasks/_parts.py" in expected else set()
    wants |= (
        {"tasks/datasets/${data.name}.py"} if "tasks/datasets/__init__.py" in expected else set()
    )
    assert by_name == wants


def test_the_stages_are_named_alike() -> None:
    assert tuple(graph()) == STAGES
    for name, stage in graph().items():
        assert stage["cmd"] == f"python -m tasks {name}"
        assert stage["desc"]
        tree = ast.parse((REPOSITORY / "tasks" / f"{name}.py").read_text())
        public = [
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        ]
        assert public == [name]


def test_every_parameter_that_changes_a_result_belongs_to_a_stage() -> None:
    listed = {name for stage in graph().values() for name in stage["params"]}
    for key in params.flat(params.load(REPOSITORY / "params.yaml")):
        listed_as = "model.${model.name}" if key.startswith("model.cnn") else key
        covered = any(listed_as == name or listed_as.startswith(name + ".") for name in listed)
        assert covered != (key in CHANGE_NOTHING), key


def test_every_value_has_a_comment() -> None:
    for line in (REPOSITORY / "params.yaml").read_text().splitlines():
        value = line.partition("#")[0].partition(":")[2].strip()
        assert not value or value == "{}" or "  # " in line, line


def test_the_known_names_are_those_of_keras(tensorflow: Any) -> None:
    import inspect

    import keras

    left_out = {
        # wrappers, a callback list, and those that params.yaml can't give what they need
        "LossScaleOptimizer", "MultiOptimizer", "CTC", "Mean", "Sum", "MeanMetricWrapper",
        "CallbackList", "History", "ProgbarLogger",
        # resuming is the trainer's own work
        "BackupAndRestore", "OrbaxCheckpoint",
    }  # fmt: skip
    schedules = keras.optimizers.schedules
    for module, base, names in (
        (keras.optimizers, keras.optimizers.Optimizer, keras_names.OPTIMIZERS),
        (keras.losses, keras.losses.Loss, keras_names.LOSSES),
        (keras.metrics, keras.metrics.Metric, keras_names.METRICS),
        (keras.callbacks, keras.callbacks.Callback, keras_names.CALLBACKS),
        (schedules, schedules.LearningRateSchedule, keras_names.SCHEDULES),
    ):
        classes = {
            name
            for name, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, base) and value is not base
        }
        assert set(names) == classes - left_out


def test_the_known_layers_for_augmentation_are_those_of_keras(tensorflow: Any) -> None:
    import keras
    from keras.src.layers.preprocessing import image_preprocessing

    found = {
        name
        for name, value in vars(keras.layers).items()
        if str(getattr(value, "__module__", "")).startswith(image_preprocessing.__name__)
    }
    noise = {"GaussianDropout", "GaussianNoise"}
    # They change the shape or the label, or can't stand in a model.
    left_out = {
        "CenterCrop", "CutMix", "Equalization", "MaxNumBoundingBoxes", "MixUp", "Pipeline",
        "RandomCrop", "Resizing",
    }  # fmt: skip
    assert set(keras_names.AUGMENTATIONS) == found - left_out | noise


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in lock
    blocks = [block for block in lock.split("\n") if block[:1].isalpha()]
    assert all("==" in block and block.endswith("\\") for block in blocks)
    (fastapi,) = [block for block in blocks if block.startswith("fastapi==")]
    assert int(fastapi.split(".")[1]) <= 150


def test_every_dependency_says_why() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    listed = text.partition("dependencies = [\n")[2].partition("\n]")[0].splitlines()
    bare = {line.split('"')[1].split("==")[0] for line in listed if "#" not in line}
    assert bare <= {"prefect", "mlflow", "dvc"}  # what the project is about


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 150


def test_the_changelog_knows_this_version() -> None:
    import tomllib

    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (REPOSITORY / "CHANGELOG.md").read_text()
