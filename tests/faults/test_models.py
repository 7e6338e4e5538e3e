"""Models of others: refused with one line, and none of their code is run."""

import json
import os
import pickle  # to make a file that Lockstep must not load
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lockstep.config.schema import WarmStart
from lockstep.errors import DataError, ParamsError
from lockstep.modeling.weight_files import check_weights
from lockstep.serving import trusted_files
from lockstep.serving.import_model import import_model
from lockstep.serving.locate import locate_model
from lockstep.storage import atomic_files
from tests.faults import hostile_models
from tests.faults.hostile_models import ARCHIVES, H5, cycle, plain
from tests.support.workspaces import REPOSITORY, load, run


@pytest.fixture(scope="module")
def root(make_workspace: Callable[..., Path]) -> Path:
    """A workspace with a description of its data; tests must not change it."""
    root = make_workspace({"model.name": "mlp"}, "models")
    from tests.support.workspaces import run_stages

    return run_stages(root, "download", "normalize")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hostile_models.secret(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", list(ARCHIVES))
def test_a_hostile_keras_file_is_refused(
    root: Path, folder: Path, name: str, tensorflow: Any
) -> None:
    """F37."""
    write, line = ARCHIVES[name]
    path = folder / "foreign.keras"
    write(path, folder / "marker")
    (folder / "marker").unlink(missing_ok=True)  # Keras runs a Lambda when it makes one
    hostile_models.copy_spec(root, path)
    with pytest.raises(DataError, match=line) as caught:
        import_model(root, path)
    assert "\n" not in str(caught.value)
    assert not (folder / "marker").exists()
    with pytest.raises(DataError, match="this checkout hasn't exported it"):
        locate_model(root, str(path)).__enter__()


@pytest.mark.system
def test_a_plain_keras_file_is_imported_and_predicts(
    root: Path, folder: Path, tensorflow: Any
) -> None:
    path, pictures = folder / "foreign.keras", folder / "x.npy"
    plain(path)
    hostile_models.copy_spec(root, path)
    np.save(pictures, np.zeros((2, 8, 8), np.uint8))
    before = run(root, "lockstep", "predict", str(path), str(pictures))
    assert (before.returncode, before.stdout.count("\n")) == (3, 1)
    assert f"`lockstep import {path}` opens it in a process with limits" in before.stdout
    imported = run(root, "lockstep", "import", str(path))
    assert imported.returncode == 0, imported.stdout
    assert "650 weights" in imported.stdout
    after = run(root, "lockstep", "predict", str(path), str(pictures))
    assert after.returncode == 0, after.stdout
    path.write_bytes(path.read_bytes() + b"x")
    assert run(root, "lockstep", "predict", str(path), str(pictures)).returncode == 3


@pytest.mark.parametrize("name", ["foreign.h5", "foreign.savedmodel", "none.keras"])
def test_only_keras_files_are_imported(root: Path, folder: Path, name: str) -> None:
    if name != "none.keras":
        (folder / name).write_bytes(b"")
    with pytest.raises(ParamsError, match=r"expected a \.keras file"):
        import_model(root, folder / name)


@pytest.mark.parametrize("name", ["foreign.h5", "foreign.savedmodel"])
def test_other_whole_models_of_others_are_never_loaded(root: Path, folder: Path, name: str) -> None:
    """F37: of these two only what this checkout exported."""
    path = folder / name
    if name == "foreign.h5":
        path.write_bytes(b"")
    else:
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(DataError, match=r"a model of others is code; export a \.keras file"):
        locate_model(root, str(path)).__enter__()


LIMITED = """
import json, os, resource, socket, sys
from lockstep.serving.opened_apart import limit
limit()
found = {}
try:
    with open("written", "w") as file:
        file.write("x")
except OSError as error:
    found["write"] = error.errno
with socket.socket() as probe:
    found["connect"] = probe.connect_ex(("127.0.0.1", int(sys.argv[1])))
found["files"] = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
try:
    bytearray(2**35)
except MemoryError:
    found["memory"] = True
print(json.dumps(found))
"""


def test_the_process_that_opens_a_foreign_file_can_do_little(tmp_path: Path) -> None:
    import errno
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", LIMITED, str(server.getsockname()[1])]
        variables = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        ended = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    found = json.loads(ended.stdout)
    assert found["write"] == errno.EFBIG
    assert found["memory"]
    assert found["files"] <= 256
    allowed = subprocess.run(["unshare", "-Un", "true"], capture_output=True).returncode == 0
    assert (found["connect"] != 0) is allowed


def test_it_gets_no_variable_of_the_callers(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lockstep.serving import import_model as module

    monkeypatch.setenv("SECRET_OF_MINE", "S3CR3T")
    assert "S3CR3T" not in module._environment(root, str(folder)).values()


@pytest.mark.parametrize("name", list(H5))
def test_a_hostile_file_of_weights_is_refused(folder: Path, name: str) -> None:
    """F34, F37."""
    path = hostile_models.weights_file(folder, name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"expected arrays|times as many"):
        check_weights(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**27 / 1024


def test_a_group_in_itself_is_read_once(folder: Path) -> None:
    with h5py.File(folder / "x.h5", "w") as file:
        file["layers/x"] = np.zeros(3)
        cycle(file, folder)
    check_weights(folder / "x.h5")


@pytest.mark.parametrize("name", list(H5))
@pytest.mark.parametrize("match", ["all", "name", "shape"])
def test_a_warm_start_checks_its_file(folder: Path, tensorflow: Any, name: str, match: str) -> None:
    from lockstep.training import warm_start

    path = hostile_models.weights_file(folder, name)
    start = WarmStart(weights=str(path), sha256=atomic_files.sha256(path), match=match)
    with pytest.raises(DataError, match=r"expected arrays|times as many"):
        warm_start.load(None, start, folder)


def test_weights_to_predict_with_are_checked(root: Path, folder: Path, tensorflow: Any) -> None:
    from lockstep.data.spec import read_spec
    from lockstep.serving.load import restore

    path = hostile_models.weights_file(folder, "external-link")
    with locate_model(root, str(path)) as saved, pytest.raises(DataError, match="is a link"):
        restore(saved, load(root), read_spec(root), root)


def test_a_checkpoint_names_no_other_folder(root: Path, folder: Path, tensorflow: Any) -> None:
    from lockstep.data.spec import read_spec
    from lockstep.serving.load import restore

    (folder / "secret-1.index").write_bytes(b"")
    (folder / "mine.checkpoint").mkdir()
    (folder / "mine.checkpoint" / "checkpoint").write_text(
        f'model_checkpoint_path: "{folder}/secret-1"\n'
    )
    with (
        locate_model(root, str(folder / "mine.checkpoint")) as saved,
        pytest.raises(DataError, match="names no checkpoint that is there"),
    ):
        restore(saved, load(root), read_spec(root), root)


def test_a_trusted_file_is_known_by_its_content(root: Path, folder: Path) -> None:
    (folder / "a.savedmodel" / "variables").mkdir(parents=True)
    (folder / "a.savedmodel" / "saved_model.pb").write_bytes(b"x")
    (folder / "a.savedmodel" / "variables" / "x").write_bytes(b"x")
    sha256 = trusted_files.content_sha256(folder / "a.savedmodel")
    (folder / "a.savedmodel" / "variables" / "x").write_bytes(b"y")
    assert trusted_files.content_sha256(folder / "a.savedmodel") != sha256


class Marks:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.system
def test_a_registered_models_mlmodel_is_not_used(root: Path, folder: Path, tensorflow: Any) -> None:
    """F38: of a version only the SavedModel and the spec.json that Lockstep registers."""
    import mlflow
    from mlflow.models import Model

    from lockstep.tracking.client import as_default, connect

    packed = folder / "packed"
    (packed / "code").mkdir(parents=True)
    (packed / "code" / "evil_loader.py").write_text(
        f"open({str(folder / 'marker')!r}, 'w')\ndef _load_pyfunc(path): return None\n"
    )
    (packed / "custom_objects.cloudpickle").write_bytes(pickle.dumps(Marks(folder / "marker")))
    flavors = {"python_function": {"loader_module": "evil_loader", "code": "code"}}
    flavors["keras"] = {"custom_objects": "custom_objects.cloudpickle"}
    Model(flavors=flavors).save(str(packed / "MLmodel"))
    client, _ = connect(root)
    with as_default(client):
        with mlflow.start_run() as started:
            mlflow.log_artifacts(str(packed), "model")
        client.create_registered_model("evil")
        source = f"{started.info.artifact_uri}/model"
        client.create_model_version("evil", source, started.info.run_id)
    ended = run(root, "lockstep", "predict", "models:/evil/1", str(folder / "x.npy"))
    assert (ended.returncode, ended.stdout.count("\n")) == (3, 1)
    assert "has no SavedModel, expected a model that Lockstep registered" in ended.stdout
    assert not (folder / "marker").exists()
