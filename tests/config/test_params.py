"""A mistake in params.yaml gives one line and exit code 2, before TensorFlow is imported."""

from pathlib import Path
from typing import Any

import pytest

from lockstep.config.reading import load_params
from lockstep.errors import ParamsError
from tests.support.workspaces import REPOSITORY, change_params, stage, with_values, write_params

WARM = {"weights": "x.weights.h5", "sha256": 64 * "0", "match": "all"}


def complaint(project: Path, changes: dict[str, Any]) -> str:
    with pytest.raises(ParamsError) as caught:
        change_params(project, changes)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("train.batch_size", "64x", "got '64x', expected a whole number of at least 1"),
        ("train.batch_size", -1, "got -1, expected a whole number of at least 1"),
        ("train.batch_size", 0, "got 0, expected a whole number of at least 1"),
        ("train.batch_size", True, "got True, expected a whole number of at least 1"),
        ("train.batch_size", None, "got None, expected a whole number of at least 1"),
        ("train.batch_size", 1e12, "got 1000000000000.0, expected a whole number of at least 1"),
        ("train.epochs", float("inf"), "got inf, expected a whole number"),
        ("train.learning_rate", float("nan"), "got nan, expected a number above 0"),
        ("train.learning_rate", "1e3", "got '1e3', expected a number above 0"),
        ("train.learning_rate", {"name": "cosin_decay"}, "did you mean CosineDecay?"),
        ("train.learning_rate", [1], "got [1], expected a number above 0, or a name, or a mapping"),
        ("train.order", "shufle", "got 'shufle', expected shuffle, sequential or replacement"),
        ("train.replicas", "all", "got 'all', expected auto, or a whole number of at least 1"),
        ("train.optimizer", "adm", "did you mean Adam?"),
        ("train.loss", "sparse_crossentropy", "expected one of BinaryCrossentropy,"),
        ("train.metrics", ["accuracy", "precison"], "did you mean Precision?"),
        ("train.callbacks", [{"name": "EarlyStoping"}], "did you mean EarlyStopping?"),
        ("train.callbacks", [{"patience": 3}], "missing, expected the name of a Keras class"),
        ("train.callbacks", ["BackupAndRestore"], "expected one of CSVLogger, EarlyStopping, "),
        ("train.augmentation", ["RandomFlop"], "did you mean RandomFlip?"),
        ("train.augmentation", "RandomFlip", "expected a list of names or mappings with a name"),
        ("train.class_weight", {"a": -1}, "got {'a': -1}, expected null, balanced, or a mapping"),
        ("train.class_weight", "even", "got 'even', expected null, balanced, or a mapping"),
        ("train.warm_start", "x.h5", "got 'x.h5', expected null, or weights, sha256 and match"),
        ("train.warm_start", {"weights": "x"}, "sha256: missing, expected the file's sha256"),
        ("train.warm_start", {**WARM, "sha256": "0a"}, "sha256: got '0a', expected the file's"),
        ("train.warm_start", {**WARM, "match": "al"}, "match: got 'al', expected all, name or"),
        ("train.warm_start", {**WARM, "mach": "all"}, "mach: unknown key, expected one of weights"),
        ("train.freeze", 5, "got 5, expected a list of layer names, with * for any"),
        ("train.custom_objects_file", None, "got None, expected the path of a Python file in"),
        ("train.precision", "float16", "expected float32, mixed_float16 or mixed_bfloat16"),
        ("train.jit_compile", "yes", "got 'yes', expected auto, true or false"),
        ("train.steps_per_execution", 0, "got 0, expected auto, or a whole number of at least 1"),
        ("train.memory_growth", "no", "got 'no', expected true or false"),
        ("train", 5, "got 5, expected the keys epochs, steps, phases, batch_size"),
        ("data.name", "minst", "two_views; did you mean mnist?"),
        ("data.validation_split", 1.0, "got 1.0, expected a number of at least 0 and below 1"),
        ("data.columns", {"a": "text", "title:text": None}, "{title: text}, with a blank after"),
        ("data.columns", {"title": None}, "got the column 'title' without a kind, expected a kind"),
        ("data.columns", ["title"], "got ['title'], expected a mapping from columns to"),
        ("model.name", "nosuch", "got 'nosuch', expected one of any, backbone, cnn, "),
        ("model.mlp.units", "a", "got 'a', expected a whole number or a list"),
        ("model.cnn.dropout", [1], "got [1], expected a number"),
        ("normalize.method", "unitt", "got 'unitt', expected unit, standard or none"),
        ("evaluate.weights", "first", "got 'first', expected best or last"),
        ("register.name", "a/b", "got 'a/b', expected auto, or a name without / and :"),
        ("seed", -1, "got -1, expected a whole number from 0 to 4294967295"),
    ],
)
def test_a_bad_value(project: Path, key: str, value: Any, line: str) -> None:
    message = complaint(project, {key: value})
    assert message.startswith(f"params.yaml: {key}")
    assert line in message


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("train.epoch", "epochs"),
        ("nosuch", "one of seed, data"),
        ("model.mpl", "mlp"),
        ("model.mlp.unts", "did you mean units?"),
        ("register.gains", "gain"),
    ],
)
def test_an_unknown_key_names_the_nearest(project: Path, key: str, nearest: str) -> None:
    message = complaint(project, {key: {}})
    assert message.startswith(f"params.yaml: {key}: unknown key, expected one of")
    assert nearest in message


def test_the_path_of_a_mistake_has_no_pydantic_terms(project: Path) -> None:
    message = complaint(project, {"train.learning_rate": "1e3"})
    assert message.startswith(
        "params.yaml: train.learning_rate: got '1e3', expected a number above 0"
    )


@pytest.mark.parametrize("name", ["LearningRateScheduler", "reduce_lr_on_plateau"])
def test_a_schedule_and_a_callback_exclude_each_other(project: Path, name: str) -> None:
    changes = {"train.callbacks": [name], "train.learning_rate": {"name": "CosineDecay"}}
    line = complaint(project, changes)
    assert line.startswith("params.yaml: train: got learning_rate CosineDecay and the callback ")


def test_swapping_ema_weights_needs_use_ema(project: Path) -> None:
    changes: dict[str, Any] = {"train.callbacks": ["SwapEMAWeights"]}
    line = "params.yaml: train: got the callback SwapEMAWeights, expected an optimizer with use_ema"
    assert complaint(project, changes) == line
    changes["train.optimizer"] = {"name": "adam", "use_ema": True}
    with_values(changes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.loss", "custom.squar"),
        ("train.optimizer", {"name": "custom.squar"}),
        ("train.metrics", ["accuracy", "custom.squar"]),
        ("train.learning_rate", "custom.squar"),
        ("train.callbacks", [{"name": "LambdaCallback", "on_epoch_end": "custom.squar"}]),
    ],
)
def test_an_unknown_custom_name_lists_the_defined_ones(project: Path, key: str, value: Any) -> None:
    (project / "mine.py").write_text(
        "def square(x): ...\n\n\nclass Fall: ...\n\n\ndef _hidden(): ...\n"
    )
    assert complaint(project, {key: value, "train.custom_objects_file": "mine.py"}) == (
        "params.yaml: train: got 'custom.squar', which mine.py doesn't define, "
        "expected one of custom.square, custom.Fall; did you mean custom.square?"
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"def loss(:\n", "invalid syntax (FILE, line 1)"),
        (b"x = '\xff'\n", "can't decode byte 0xff"),
        (None, "No such file or directory"),
    ],
)
def test_a_custom_objects_file_that_cannot_be_read(project: Path, content: Any, line: str) -> None:
    if content:
        (project / "mine.py").write_bytes(content)
    changes = {"train.loss": "custom.loss", "train.custom_objects_file": "mine.py"}
    message = complaint(project, changes)
    start = "params.yaml: train: got custom_objects_file 'mine.py', "
    start += "expected a Python file that can be read: "
    assert message.startswith(start)
    assert line.replace("FILE", "mine.py") in message


@pytest.mark.parametrize(
    "file", ["{outside}/mine.py", "../mine.py", "models/../../mine.py", "data/pets/mine.py"]
)
def test_a_custom_objects_file_is_in_the_project(project: Path, file: str) -> None:
    outside = project.parent
    (outside / "mine.py").write_text("def loss(y_true, y_pred): ...\n")
    (project / "data" / "pets").mkdir(parents=True)
    (project / "data" / "pets" / "mine.py").write_text("def loss(y_true, y_pred): ...\n")
    named = file.format(outside=outside)
    changes = {"train.custom_objects_file": named}  # also if no parameter uses it
    assert complaint(project, changes) == (
        f"params.yaml: train.custom_objects_file: got {named!r}, expected a file in the project, "
        "such as models/_custom.py"
    )


def test_a_custom_objects_file_of_a_project_that_is_reached_by_a_link(project: Path) -> None:
    (project / "models" / "_mine.py").symlink_to("_custom.py")
    (project.parent / "link").symlink_to(project)
    changes = {"train.custom_objects_file": "models/_mine.py"}
    assert with_values(changes, project.parent / "link").train.custom_objects_file


@pytest.mark.parametrize("content", [b"def build(:\n", b"x = '\xff'\n"], ids=["syntax", "bytes"])
def test_a_model_file_that_cannot_be_read(project: Path, content: bytes) -> None:
    (project / "models" / "cnn.py").write_bytes(content)
    message = complaint(project, {"model.name": "cnn"})
    assert message.startswith("models/cnn.py: ")
    assert message.endswith(", expected a Python file that can be read")


def test_weights_and_layers_are_not_looked_up_as_custom_objects(project: Path) -> None:
    warm = {**WARM, "weights": "custom.weights.h5"}
    changes = {
        "train.custom_objects_file": "own.py",
        "train.warm_start": warm,
        "train.freeze": ["custom.layer"],
    }
    assert complaint(project, {**changes, "seed": -1}).startswith("params.yaml: seed: ")


def test_an_unknown_custom_name_is_reported_before_tensorflow_is_imported(project: Path) -> None:
    write_params(project, {"train.loss": "custom.nosuch"})
    ended = stage(project, "train", LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow,numpy")
    assert ended.returncode == 2
    assert ended.stdout == (
        "train: params.yaml: train: got 'custom.nosuch', which models/__init__.py doesn't define, "
        "expected the file that does in custom_objects_file, such as models/_custom.py\n"
    )


def test_epochs_and_steps_exclude_each_other(project: Path) -> None:
    assert "got epochs 20 and steps 100" in complaint(project, {"train.steps": 100})
    assert "got epochs None and steps None" in complaint(
        project, {"train.steps": None, "train.epochs": None}
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"seed: 0\nseed: 1\n", "params.yaml:2: not valid YAML: found duplicate key"),
        (b"a: [1\n", "not valid YAML"),
        (b"seed: \xff\n", "isn't UTF-8"),
        (b"", "got None, expected the keys seed, data"),
        (b"- 1\n", "got [1], expected the keys seed, data"),
        (
            b"{seed: 0}",
            "data: missing, expected the keys name, mirror, path, target, target_kind, "
            "sample_weight, group, time, input_kind, validation_split",
        ),
    ],
)
def test_a_params_file_that_is_invalid(project: Path, content: bytes, line: str) -> None:
    (project / "params.yaml").write_bytes(content)
    with pytest.raises(ParamsError) as caught:
        load_params(project)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_are_read_as_yaml_1_2(project: Path) -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    text = text.replace("learning_rate: 0.001", "learning_rate: 1e-3")
    (project / "params.yaml").write_text(text)
    assert load_params(project).train.learning_rate == 1e-3


def test_parameters_are_frozen() -> None:
    loaded = load_params(REPOSITORY)
    with pytest.raises(ValueError, match="frozen"):
        loaded.train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", ["download", "train", "register"])
def test_every_stage_checks_everything_before_any_import(project: Path, name: str) -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("batch_size: 32", "batch_size: 64x"))
    before = sorted(project.iterdir())
    ended = stage(project, name, LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow,numpy")
    assert ended.returncode == 2
    expected = "params.yaml: train.batch_size: got '64x', expected a whole number of at least 1"
    assert ended.stdout == f"{name}: {expected}\n"
    assert sorted(project.iterdir()) == before
