"""An export gives the same outputs in each format; a failed export leaves no file."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.config.surface import known_models
from lockstep.data.spec import Input, Spec, Target, load_examples, read_spec, write_spec
from lockstep.data.spec.columns import Column
from lockstep.errors import DataError, ParamsError
from lockstep.modeling.model import make_model
from lockstep.serving import locate, trusted_files
from lockstep.serving.export import export_model
from lockstep.serving.locate import SUFFIXES, locate_model
from tasks import register
from tests.support.loops import RANDOM, spec_of
from tests.support.workspaces import REPOSITORY, change_params, load, run

pytestmark = pytest.mark.system  # takes minutes
TEXTS = ["a good film", "bad", ""]
OTHERS = {"lstm", "gru", "two_views", "unet", "backbone"}
OF_IMAGES = sorted(set(known_models(REPOSITORY)) - OTHERS)


@pytest.fixture(scope="session", params=list(SUFFIXES))
def exported(
    request: pytest.FixtureRequest, judged: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The trained model, exported in each format."""
    path = tmp_path_factory.mktemp("export") / ("mine" + SUFFIXES[request.param])
    export_model(load(judged), judged, "best", request.param, path)
    return path


@pytest.fixture(scope="module")
def registered(judged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a registered version; tests must not change it."""
    root = tmp_path_factory.mktemp("registered") / "lockstep"
    shutil.copytree(judged, root, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    register.register(change_params(root, {"register.threshold": 0.0}), root)
    return root


def outputs(root: Path, model: str, raw: Any) -> np.ndarray:
    """A saved model's outputs for a batch of raw examples."""
    from lockstep.serving.load import restore

    with locate_model(root, model) as saved:
        call = restore(saved, load(root), locate.read_spec(saved), root)
        return np.asarray(call(raw))


def fresh(root: Path, name: str, **changes: Any) -> Path:
    """The workspace with another model's initial weights as its best."""
    from lockstep.runtime.strategy import start_runtime

    values = change_params(root, {"model.name": name, **changes})
    start_runtime(0)
    model = make_model(values, read_spec(root))
    (root / "weights").mkdir(exist_ok=True)
    model.save_weights(root / "weights" / "best.weights.h5")
    return root


@pytest.fixture
def of_texts(ready: Path) -> Path:
    """A workspace with text data and a text model."""
    words = ["", "[unknown]", "film", "good"]
    text = Input("text", [4], "uint16", {}, words=words)
    target = Target("classification", ["neg", "pos"])
    spec = Spec("x", {"x": text}, {"y": target}, {"train": 1}, "unit")
    write_spec(spec, ready / "data" / "ready")
    return fresh(ready, "lstm", **{"model.lstm": {"units": 4}})


def test_each_format_gives_the_outputs_of_evaluation(judged: Path, exported: Path) -> None:
    x = load_examples(judged, "test").x
    found = outputs(judged, str(exported), x)
    np.testing.assert_allclose(found, np.load(judged / "report" / "outputs.npy"), atol=1e-6)
    np.testing.assert_array_equal(found, outputs(judged, "best", x))


def test_a_saved_model_draws_no_random_numbers(tensorflow: Any, tmp_path: Path) -> None:
    """Keras's augmentation is on unless a call says otherwise; an endpoint's call says nothing."""
    import keras

    from lockstep.serving.serving_model import with_preprocessing

    statistics = {"minimum": 0.0, "maximum": 255.0, "mean": 4.0, "deviation": 6.0}
    layers = [keras.layers.RandomFlip(seed=0), keras.layers.Flatten()]
    layers = [keras.Input((8, 8, 1)), *layers, keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    served = with_preprocessing(model, spec_of([8, 8, 1], "abc", statistics=statistics))
    served.export(tmp_path / "mine", "tf_saved_model", verbose=False)
    x = RANDOM.integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    loaded = tensorflow.saved_model.load(tmp_path / "mine")
    expected = model(x.astype(np.float32) / 255, training=False)
    np.testing.assert_allclose(loaded.serve(x), expected, atol=1e-6)


def test_the_spec_goes_with_it(judged: Path, exported: Path) -> None:
    saved = locate_model(judged, str(exported))
    with saved as found:
        assert SUFFIXES[found.format] == "".join(exported.suffixes)
        assert found.spec.parent in (exported, exported.parent)
        assert locate.read_spec(found) == read_spec(judged)


@pytest.mark.parametrize("name", OF_IMAGES)
def test_each_model_is_loaded_again(ready: Path, name: str) -> None:
    statistics = {"minimum": 0.0, "maximum": 255.0, "mean": 4.0, "deviation": 6.0}
    write_spec(spec_of([28, 28], "abc", statistics=statistics), ready / "data" / "ready")
    fresh(ready, name)
    x = RANDOM.integers(0, 256, (3, 28, 28)).astype(np.uint8)
    expected = outputs(ready, "best", x)
    for kind in ("keras", "checkpoint"):
        path, _ = export_model(load(ready), ready, "best", kind, None)
        assert path == ready / "export" / f"best{SUFFIXES[kind]}"
        np.testing.assert_array_equal(outputs(ready, str(path), x), expected)


@pytest.mark.parametrize("kind", ["keras", "savedmodel"])
def test_a_model_of_texts_takes_texts(of_texts: Path, kind: str) -> None:
    path, _ = export_model(load(of_texts), of_texts, "best", kind, None)
    found = outputs(of_texts, str(path), np.array(TEXTS))
    np.testing.assert_allclose(found, outputs(of_texts, "best", np.array(TEXTS)), atol=1e-6)
    assert len(set(found.ravel().tolist())) == 3


def test_a_model_that_h5_cannot_hold_is_reported_and_leaves_no_file(of_texts: Path) -> None:
    expected = "--format: this model can't be a h5 file: .*Cast.*; expected another format"
    with pytest.raises(ParamsError, match=expected):
        export_model(load(of_texts), of_texts, "best", "h5", None)
    assert list((of_texts / "export").iterdir()) == []


NUMBER, KIND = Column("number"), Column("category", ["", "a"])


def of_table(root: Path, columns: dict[str, Column], dtype: str) -> Path:
    """The workspace with a table of these columns as its data, and a linear model."""
    statistics = {"minimum": 0.0, "maximum": 90.0, "mean": 40.0, "deviation": 20.0}
    each = {name: [value] * len(columns) for name, value in statistics.items()}
    table = Input("table", [len(columns)], dtype, each, columns=columns)
    target = Target("regression", [])
    spec = Spec("x", {"x": table}, {"y": target}, {"train": 1}, "unit")
    write_spec(spec, root / "data" / "ready")
    return fresh(root, "linear")


def test_a_column_may_have_any_name(ready: Path) -> None:
    names = ("km/h", "km_h", "a b", "ü", "x:0", "kind")
    of_table(ready, {name: KIND if name == "kind" else NUMBER for name in names}, "float32")
    rows: dict[str, Any] = {name: np.array([0.5, 2.0], np.float32) for name in names}
    rows["kind"] = np.array(["a", "other"])
    for kind in ("keras", "h5", "savedmodel"):
        path, _ = export_model(load(ready), ready, "best", kind, None)
        found = outputs(ready, str(path), rows)
        np.testing.assert_allclose(found, outputs(ready, "best", rows), atol=1e-6)


def test_served_numbers_may_exceed_the_stored_dtype(ready: Path) -> None:
    of_table(ready, {"age": NUMBER}, "uint8")
    ages = np.array([0, 40, 40.5, 296, -5], np.float32)
    found = outputs(ready, "best", {"age": ages})[:, 0]
    np.testing.assert_allclose(found / found[1], ages / 40, rtol=1e-5)


def test_keras_itself_loads_the_file_in_safe_mode(judged: Path, tmp_path: Path) -> None:
    import keras

    path = tmp_path / "mine.keras"
    export_model(load(judged), judged, "best", "keras", path)
    model = keras.saving.load_model(path, safe_mode=True)
    x = load_examples(judged, "test").x
    found = model.predict(np.asarray(x), verbose=0)
    np.testing.assert_allclose(found, np.load(judged / "report" / "outputs.npy"), atol=1e-6)


def test_an_export_replaces_an_earlier_one(judged: Path, tmp_path: Path) -> None:
    for kind in ("savedmodel", "weights"):
        for _ in range(2):
            path = tmp_path / ("mine" + SUFFIXES[kind])
            assert export_model(load(judged), judged, "best", kind, path)[0] == path
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("model", "kind", "to", "line"),
    [
        ("bset", "keras", None, "got bset, expected best, last, models:/NAME@ALIAS or"),
        ("models:/digits", "keras", None, "got models:/digits, expected best, last, models:/"),
        ("best", "keras", "a.h5", "got a.h5, expected a name that ends in .keras"),
        ("best", "h5", "a.weights.h5", "got a.weights.h5, expected a name that ends in .h5"),
        (
            "best",
            "savedmodel",
            "own.savedmodel",
            "own.savedmodel exists and isn't a savedmodel export",
        ),
        ("best", "keras", "own.keras", "own.keras is a folder, expected another"),
        ("best", "keras", "file/a.keras", "file is a file, expected a folder"),
    ],
)
def test_a_bad_request_is_refused(
    judged: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    kind: str,
    to: str | None,
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("own.savedmodel", "own.keras"):
        Path(name).mkdir()
        Path(name, "letter").write_text("dear")
    Path("file").touch()
    with pytest.raises(ParamsError, match=line):
        export_model(load(judged), judged, model, kind, Path(to) if to else None)
    assert Path("own.savedmodel", "letter").exists()


def test_weights_of_other_parameters_are_refused(judged: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(judged, tmp_path / "lockstep"))
    values = change_params(root, {"model.mlp.units": [17]})
    with pytest.raises(ParamsError, match=r"model.mlp: .*best.weights.h5 doesn't fit it"):
        export_model(values, root, "best", "keras", None)
    assert list((root / "export").iterdir()) == []


def test_an_untrained_workspace_has_nothing_to_export(ready: Path) -> None:
    with pytest.raises(ParamsError, match=r"no .*last.weights.h5: train it first"):
        export_model(load(ready), ready, "last", "keras", None)


def test_a_registered_model_is_exported_as_it_is(registered: Path) -> None:
    values, model = load(registered), "models:/digits@champion"
    path, _ = export_model(values, registered, model, "savedmodel", None)
    assert path == registered / "export" / "digits-champion.savedmodel"
    x = load_examples(registered, "test").x
    found = outputs(registered, str(path), x)
    np.testing.assert_array_equal(found, outputs(registered, "models:/digits/1", x))
    np.testing.assert_allclose(found, np.load(registered / "report" / "outputs.npy"), atol=1e-6)


def test_other_formats_need_the_registered_weights(registered: Path, tmp_path: Path) -> None:
    model = "models:/digits/1"
    path, _ = export_model(load(registered), registered, model, "keras", None)
    assert path.name == "digits-1.keras"
    root = Path(shutil.copytree(registered, tmp_path / "lockstep"))
    for name in ("best", "last"):
        weights = root / "weights"
        shutil.copy(weights / "initial.weights.h5", weights / f"{name}.weights.h5")
    with pytest.raises(ParamsError, match="weights aren't in this workspace, expected savedmodel"):
        export_model(load(root), root, model, "keras", None)


@pytest.mark.parametrize(
    "model", ["models:/other@champion", "models:/digits@x", "models:/digits/9"]
)
def test_a_model_that_is_not_registered_is_reported(registered: Path, model: str) -> None:
    with pytest.raises(ParamsError, match="expected a model that is registered"):
        export_model(load(registered), registered, model, "savedmodel", None)


def lambda_layer(path: Path) -> None:
    import keras

    inner = keras.Sequential([keras.Input((8, 8)), keras.layers.Lambda(lambda x: x * 2)])
    keras.Sequential([keras.Input((8, 8)), inner, keras.layers.Flatten()]).save(path)


def unknown_class(path: Path) -> None:
    import keras

    class Unknown(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    keras.Sequential([keras.Input((8, 8)), Unknown()]).save(path)


def nonsense(path: Path) -> None:
    path.write_text("hello")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("write", "line"),
    [
        (lambda_layer, "has a Lambda layer, which may run any code"),
        (unknown_class, "can't be loaded"),
        (nonsense, "not a complete Keras model file"),
    ],
)
def test_an_unsafe_or_unknown_file_is_not_loaded(
    judged: Path, tmp_path: Path, suffix: str, write: Callable[[Path], None], line: str
) -> None:
    path = tmp_path / ("strange" + suffix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(path)
    shutil.copy(judged / "data" / "ready" / "spec.json", f"{path}.spec.json")
    trusted_files.trust(judged, path, trusted_files.content_sha256(path), "exported")
    with pytest.raises(DataError, match=f"strange{suffix}: {line}") as failed:
        outputs(judged, str(path), None)
    assert "\n" not in str(failed.value)


def test_a_truncated_export_is_not_loaded(judged: Path, exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / exported.name
    if exported.is_dir():
        shutil.copytree(exported, copy)
    else:
        shutil.copy(exported, copy)
        shutil.copy(f"{exported}.spec.json", tmp_path)
    files = [each for each in copy.rglob("*") if each.is_file()] if copy.is_dir() else [copy]
    for file in (each for each in files if each.suffix != ".json"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    trusted_files.trust(judged, copy, trusted_files.content_sha256(copy), "exported")
    with pytest.raises(DataError, match=str(copy)):
        outputs(judged, str(copy), None)


def test_a_file_without_its_spec_is_refused(judged: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    path.touch()
    trusted_files.trust(judged, path, trusted_files.content_sha256(path), "exported")
    with pytest.raises(DataError, match=r"mine.keras.spec.json: no such file, expected the mod"):
        outputs(judged, str(path), None)


def test_a_wrong_command_ends_before_tensorflow_is_imported(judged: Path) -> None:
    forbidden = {"LOCKSTEP_FORBIDDEN": "tensorflow,mlflow"}
    for command, line in (
        (("export", "best", "--format", "pickle"), "invalid choice: 'pickle'"),
        (("export", "bset"), "lockstep export: got bset, expected"),
        (("predict", "bset", "x.png"), "lockstep predict: got bset, which doesn't exist"),
    ):
        ended = run(judged, "lockstep", *command, **forbidden)
        assert ended.returncode == 2, ended.stdout
        assert line in ended.stdout.splitlines()[-1]
