"""Project rules: stages are named alike, and every file that affects a result is a dependency."""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lockstep.config import keras_names
from lockstep.config.imports import NEUTRAL
from lockstep.config.reading import BESIDE, flat_params, load_params
from lockstep.storage import layout
from tests.support.workspaces import REPOSITORY, STAGES

# They display or record results without changing them, except for the registered pyfunc model.
EXEMPT = tuple(f"lockstep.{name}" for name in (*NEUTRAL, "tracking"))
REGISTERED = "lockstep/tracking/pyfunc_model.py"
# `build` compares what these download with a hash in the model's file, which is a dependency.
CHECKED = {"build": ("lockstep.data.fetch", "lockstep.data.published_files")}
PACKAGES = ("lockstep", "tasks", "models")


def graph() -> dict[str, Any]:
    stages: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")["stages"]
    return stages


def file_of(module: str) -> Path | None:
    path = REPOSITORY.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.exists()), None)


def imports(file: Path) -> set[str]:
    """The modules of the project that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {name for name in found if name.split(".")[0] in PACKAGES and file_of(name)}


def needs(file: Path, known: set[Path], exempt: tuple[str, ...] = EXEMPT) -> set[Path]:
    """A file and the project files that it imports, without those that affect no result."""
    known.add(file)
    for module in imports(file):
        found = file_of(module)
        if found and found not in known and not module.startswith(exempt):
            needs(found, known, exempt)
    return known


def has_code(file: Path) -> bool:
    return any(not isinstance(node, ast.Expr) for node in ast.parse(file.read_text()).body)


def needed_by(stage: str) -> set[str]:
    """The files with code that a stage imports, including through data sets found by name."""
    exempt = (*EXEMPT, *CHECKED.get(stage, ()))
    needed = needs(REPOSITORY / "tasks" / f"{stage}.py", set(), exempt)
    datasets = REPOSITORY / "tasks" / "datasets"
    if datasets / "__init__.py" in needed:
        for file in datasets.glob("*.py"):
            needed |= needs(file, set()) - {file}
    return {str(file.relative_to(REPOSITORY)) for file in needed if has_code(file)}


def is_below(file: str, dep: str) -> bool:
    return file == dep or file.startswith(f"{dep}/")


@pytest.mark.parametrize("stage", STAGES)
def test_all_imports_of_a_stage_are_among_its_dependencies(stage: str) -> None:
    deps = graph()[stage]["deps"]
    missing = {file for file in needed_by(stage) if not any(is_below(file, dep) for dep in deps)}
    assert missing == set()


@pytest.mark.parametrize("stage", STAGES)
def test_every_dependency_of_a_stage_is_needed(stage: str) -> None:
    needed = needed_by(stage)
    deps = {dep for dep in graph()[stage]["deps"] if dep.startswith(PACKAGES)}
    found_by_name = {dep for dep in deps if "${" in dep or dep.endswith("_shared")}
    idle = {dep for dep in deps - found_by_name if not any(is_below(file, dep) for file in needed)}
    assert idle == ({REGISTERED} if stage == "register" else set())


@pytest.mark.parametrize("stage", STAGES)
def test_files_found_by_name_are_dependencies(stage: str) -> None:
    deps, needed = graph()[stage]["deps"], needed_by(stage)
    wanted = set()
    if "lockstep/modeling/model.py" in needed:
        wanted |= {"models/${model.name}.py", "models/_shared"}
    if "lockstep/modeling/keras_objects.py" in needed:
        wanted |= {"${train.custom_objects_file}"}
    if "tasks/datasets/__init__.py" in needed:
        wanted |= {"tasks/datasets/${data.name}.py", "tasks/datasets/_shared"}
    found = {dep for dep in deps if "${" in dep or dep.endswith("_shared")}
    assert found - {"${data.path}", "weights/${evaluate.weights}.weights.h5"} == wanted


def test_the_layout_names_the_outputs_of_the_stages() -> None:
    written = set()
    for stage in graph().values():
        for kind in ("outs", "metrics", "plots"):
            entries = stage.get(kind, [])
            written |= {each if isinstance(each, str) else next(iter(each)) for each in entries}
    named = {str(path) for path in vars(layout).values() if isinstance(path, Path)}
    assert written <= named
    results = {path for path in named if path.startswith(layout.RESULTS)}
    of_commands = {"report/folds.md", "report/folds.json", "report/seeds.csv", "report/sweeps"}
    assert results - written == {"data/ready/spec.json", *of_commands}


def test_dvc_yaml_is_short() -> None:
    assert len((REPOSITORY / "dvc.yaml").read_text().splitlines()) <= 200


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
    for key in flat_params(load_params(REPOSITORY)):
        listed_as = "model.${model.name}" if key.startswith("model.cnn") else key
        covered = any(listed_as == name or listed_as.startswith(name + ".") for name in listed)
        assert covered != (key in BESIDE), key


def test_every_value_has_a_comment() -> None:
    for line in (REPOSITORY / "params.yaml").read_text().splitlines():
        value = line.partition("#")[0].partition(":")[2].strip()
        assert not value or value == "{}" or "  # " in line, line


def test_the_known_names_are_those_of_keras(tensorflow: Any) -> None:
    import inspect

    import keras

    left_out = {
        # wrappers, a callback list, and those whose arguments params.yaml can't express
        "LossScaleOptimizer", "MultiOptimizer", "CTC", "Mean", "Sum", "MeanMetricWrapper",
        "CallbackList", "History", "ProgbarLogger",
        # the trainer resumes by itself
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
    # They change the label, or can't be part of a model.
    left_out = {"CutMix", "Equalization", "MaxNumBoundingBoxes", "MixUp", "Pipeline"}
    known = {*keras_names.AUGMENTATIONS, *keras_names.SIZES}
    assert known == found - left_out | noise


def blocks_of(lock: Path) -> list[str]:
    """The first line of each package."""
    return [block for block in lock.read_text().split("\n") if block[:1].isalpha()]


@pytest.mark.parametrize(
    "lock", sorted(REPOSITORY.glob("requirements*.lock")), ids=lambda p: p.name
)
def test_the_locks_have_hashes_and_no_addresses(lock: Path) -> None:
    assert "://" not in lock.read_text()
    assert all("==" in block and block.endswith("\\") for block in blocks_of(lock))


def test_the_lock_of_an_extra_has_only_what_the_main_one_lacks() -> None:
    main = {block.split("==")[0] for block in blocks_of(REPOSITORY / "requirements.lock")}
    for lock in REPOSITORY.glob("requirements-*.lock"):
        assert main.isdisjoint(block.split("==")[0] for block in blocks_of(lock)), lock.name


def test_prefect_gets_a_fastapi_that_it_works_with() -> None:
    blocks = blocks_of(REPOSITORY / "requirements.lock")
    (fastapi,) = [block for block in blocks if block.startswith("fastapi==")]
    assert int(fastapi.split(".")[1]) <= 150


def test_every_dependency_says_why() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    listed = text.partition("dependencies = [\n")[2].partition("\n]")[0].splitlines()
    bare = {line.split('"')[1].split("==")[0] for line in listed if "#" not in line}
    assert bare <= {"prefect", "mlflow", "dvc"}  # the project's main libraries


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 150


def test_the_changelog_knows_this_version() -> None:
    import tomllib

    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (REPOSITORY / "CHANGELOG.md").read_text()
