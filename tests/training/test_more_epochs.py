"""More epochs cost only the additional ones, and end in the bits of a training from scratch."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.training.loop import Loop
from lockstep.versioning.reproduction import reproduce_stage
from tasks.__main__ import run_stage
from tests.support.trainings import digests
from tests.support.workspaces import git, load, run, write_params

pytestmark = pytest.mark.system

STAGES = ("download", "normalize", "build", "train")
BEFORE: dict[str, Any] = {
    "train.epochs": 2, "train.callbacks": [], "train.jit_compile": False, "model.name": "cnn",
    "model.cnn": {"filters": [4], "units": 8},
    "register.threshold": None,
}  # fmt: skip
SGD = {"name": "sgd", "momentum": 0.9, "learning_rate": 0.1}
PLATEAU = {"name": "ReduceLROnPlateau", "patience": 1, "min_delta": 0.5}
SHIFT = {"name": "RandomTranslation", "height_factor": 0.1, "width_factor": 0.1}
REGULARIZED = {**BEFORE["model.cnn"], "dropout": 0.3, "batch_normalization": True}
KINDS: dict[str, dict[str, Any]] = {
    "dropout and batch norm": {"model.cnn": REGULARIZED},
    "momentum and augmentation": {"train.optimizer": SGD, "train.augmentation": [SHIFT]},
    "plateau": {"train.callbacks": [PLATEAU, "CSVLogger"], "train.log_steps": 7},
}
COSINE = {"name": "CosineDecay", "initial_learning_rate": 0.01, "decay_steps": "auto"}
CUSTOM = """
import keras


class Fading(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.01 * (1 - epoch / self.params["epochs"])
"""
TIMED = """
import time

import keras
import numpy as np


class Timed(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.ended = time.time()
        self.times = [np.array([time.monotonic()])]
"""


def reproduce(root: Path, changes: dict[str, Any] | None = None) -> list[str]:
    """Reproduce all stages up to train, in this process; return how each came to be."""
    write_params(root, changes or {})

    def in_process(command: str) -> bool:
        run_stage(command.rsplit(maxsplit=1)[-1], root)
        return True

    return [reproduce_stage(root, name, in_process) for name in STAGES]


@pytest.fixture(scope="module")
def built(make_workspace: Callable[..., Path], tensorflow: Any) -> Path:
    """A workspace under DVC whose data and initial weights are there."""
    root = make_workspace(BEFORE, "more", until="train")
    reproduce(root)
    return root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy of it, in which two epochs were trained."""
    return Path(shutil.copytree(built, tmp_path / "project"))


@pytest.fixture
def scratch(built: Path, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return a function that trains with changed parameters where nothing was trained before."""

    def train(changes: dict[str, Any]) -> dict[str, str]:
        root = Path(shutil.copytree(built, tmp_path / "scratch"))
        shutil.copytree(tmp_path / "project" / "models", root / "models", dirs_exist_ok=True)
        shutil.rmtree(root / ".dvc" / "cache" / "runs")
        (root / "dvc.lock").unlink()
        reproduce(root, changes)
        return everything(root)

    return train


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that are trained, each with its number from 0."""
    found: list[int] = []
    original = Loop._train_epoch

    def counted(self: Any, data: Any, batches: Any, epoch: int, hooks: Any) -> Any:
        found.append(epoch)
        return original(self, data, batches, epoch, hooks)

    monkeypatch.setattr(Loop, "_train_epoch", counted)
    return found


def everything(root: Path) -> dict[str, str]:
    """The digests of a training's results, with its snapshot and the losses of its steps."""
    files = [*(root / "weights" / "snapshot").iterdir(), root / "report" / "steps.csv"]
    return {**digests(root), **{f"-{file.name}": file.read_bytes().hex() for file in files}}


@pytest.mark.parametrize("kind", list(KINDS))
def test_only_the_additional_epochs_are_trained(
    project: Path, scratch: Any, trained: list[int], kind: str
) -> None:
    reproduce(project, KINDS[kind])
    trained.clear()
    assert reproduce(project, {"train.epochs": 4}) == ["up to date"] * 3 + ["ran"]
    assert trained == [2, 3]
    found = everything(project)
    assert found == scratch({**KINDS[kind], "train.epochs": 4})
    assert trained == [2, 3, 0, 1, 2, 3]


def test_the_last_phase_goes_on(project: Path, scratch: Any, trained: list[int]) -> None:
    phases = [{"epochs": 1, "freeze": "conv2d*"}, {"epochs": 1, "learning_rate": 1e-4}]
    reproduce(project, {"train.epochs": None, "train.phases": phases})
    phases[1]["epochs"] = 2
    trained.clear()
    reproduce(project, {"train.phases": phases})
    assert trained == [2]
    assert everything(project) == scratch({"train.epochs": None, "train.phases": phases})


def test_fewer_epochs_go_on_from_a_still_shorter_training(
    project: Path, scratch: Any, trained: list[int]
) -> None:
    reproduce(project, {"train.epochs": 5})
    trained.clear()
    reproduce(project, {"train.epochs": 3})  # the two epochs are only in the run cache now
    assert trained == [2]
    assert everything(project) == scratch({"train.epochs": 3})


def test_steps_go_on_from_the_last_whole_epoch(
    project: Path, scratch: Any, trained: list[int]
) -> None:
    per_epoch = -(-load_train_size(project) // load(project).train.batch_size)
    reproduce(project, {"train.epochs": None, "train.steps": 2 * per_epoch + 3})
    trained.clear()
    changes = {"train.epochs": None, "train.steps": 3 * per_epoch + 1}
    reproduce(project, changes)
    assert trained == [2, 3]
    assert everything(project) == scratch(changes)


def load_train_size(root: Path) -> int:
    from lockstep.data.spec import read_spec

    return read_spec(root).splits["train"]


def test_a_colleague_goes_on_from_what_they_pulled(
    project: Path, scratch: Any, trained: list[int], tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    assert run(project, "dvc", "remote", "add", "-d", "there", str(remote)).returncode == 0
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Train")
    assert run(project, "dvc", "push", "-q").returncode == 0
    colleague = tmp_path / "colleague"
    git(project, "clone", "-q", str(project), str(colleague))
    assert run(colleague, "dvc", "pull", "-q").returncode == 0
    trained.clear()
    assert reproduce(colleague, {"train.epochs": 4})[-1] == "ran"
    assert trained == [2, 3]
    assert everything(colleague) == scratch({"train.epochs": 4})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"train.learning_rate": COSINE},
            "train.learning_rate depends on the number of all steps",
        ),
        (
            {
                "train.callbacks": ["custom.Fading"],
                "train.custom_objects_file": "models/_fading.py",
            },
            "train.callbacks: custom.Fading may read the number of epochs in self.params",
        ),
        (
            {"train.callbacks": [{"name": "EarlyStopping", "patience": 0, "min_delta": 9}]},
            "a callback ended it after epoch 2",
        ),
    ],
    ids=["schedule", "custom callback", "ended"],
)
def test_it_starts_anew_where_the_bits_depend_on_the_number(
    project: Path, scratch: Any, trained: list[int], capsys: Any, changes: Any, reason: str
) -> None:
    (project / "models" / "_fading.py").write_text(CUSTOM)
    reproduce(project, changes)
    plan = run(project, "lockstep", "plan")
    capsys.readouterr()
    trained.clear()
    write_params(project, {"train.epochs": 4})
    plan = run(project, "lockstep", "plan")
    assert f"train.epochs: 2 -> 4; starts anew: {reason}\n" in plan.stdout
    reproduce(project)
    assert trained[0] == 0
    said = f"starts anew, not after an earlier training's epochs: {reason}\n"
    assert said in capsys.readouterr().err


def test_what_a_custom_callback_keeps_is_no_result(
    project: Path, scratch: Any, trained: list[int], capsys: Any
) -> None:
    """A time differs in each run of the same training."""
    (project / "models" / "_timed.py").write_text(TIMED)
    changes = {
        "train.callbacks": ["custom.Timed", PLATEAU],
        "train.custom_objects_file": "models/_timed.py",
    }
    reproduce(project, changes)
    assert everything(project) == scratch(changes)
    write_params(project, {"train.epochs": 4})
    capsys.readouterr()
    trained.clear()
    reproduce(project)
    assert trained[0] == 0
    reason = "train.callbacks: custom.Timed keeps self.ended, self.times, which no result"
    assert reason in capsys.readouterr().err


def test_a_shorter_training_that_has_all_is_gone_on_with(
    project: Path, scratch: Any, trained: list[int]
) -> None:
    """A callback that keeps something later leaves the results before that whole."""
    late = TIMED.replace("self.ended =", "if epoch < 2:\n            return\n        self.ended =")
    (project / "models" / "_late.py").write_text(late)
    changes = {
        "train.callbacks": ["custom.Timed"], "train.custom_objects_file": "models/_late.py",
    }  # fmt: skip
    reproduce(project, changes)
    reproduce(project, {"train.epochs": 3})
    trained.clear()
    reproduce(project, {"train.epochs": 4})
    assert trained == [2, 3]  # not after the third, whose result lacks what the callback kept
    assert everything(project) == scratch({**changes, "train.epochs": 4})


def test_another_parameter_that_changed_is_named(
    project: Path, trained: list[int], capsys: Any
) -> None:
    reproduce(project, {"train.epochs": 3, "train.learning_rate": 0.1})
    assert trained[0] == 0
    said = "starts anew, not after an earlier training's epochs: train.learning_rate changed too\n"
    assert said in capsys.readouterr().err


def test_a_plan_says_that_a_training_goes_on(project: Path) -> None:
    write_params(project, {"train.epochs": 4})
    line = "train.epochs: 2 -> 4; goes on after epoch 2 of an earlier training\n"
    assert line in run(project, "lockstep", "plan").stdout
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Train")
    with_override = run(project, "lockstep", "plan", "train.epochs=7").stdout
    assert "goes on after epoch 2 of an earlier training" in with_override


def test_a_training_with_other_kernels_is_not_gone_on_with(project: Path) -> None:
    """Its bits are neither those of this training nor of that one from scratch."""
    write_params(project, {"train.epochs": 3})
    ended = run(project, "lockstep", "plan", TF_ENABLE_ONEDNN_OPTS="0")
    assert ended.returncode == 0, ended.stdout
    assert "goes on" not in ended.stdout


def test_a_damaged_snapshot_in_the_cache_is_not_used(
    project: Path, scratch: Any, trained: list[int], capsys: Any
) -> None:
    from lockstep.storage import atomic_files

    arrays = project / "weights" / "snapshot" / "arrays.h5"
    md5 = atomic_files.md5(arrays)
    cached = project / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    cached.chmod(0o644)
    content = bytearray(cached.read_bytes())
    content[len(content) // 2] ^= 1
    cached.unlink()
    cached.write_bytes(content)
    reproduce(project, {"train.epochs": 3})
    assert trained == [0, 1, 2]
    assert digests(project) == {
        name: each for name, each in scratch({"train.epochs": 3}).items() if name[0] != "-"
    }


def test_fewer_steps_than_an_earlier_training_are_trained_from_the_start(
    project: Path, scratch: Any, trained: list[int]
) -> None:
    fewer = {"train.epochs": None, "train.steps": 30}
    trained.clear()
    reproduce(project, fewer)
    assert trained[0] == 0
    found = everything(project)
    assert found == scratch(fewer)


def test_the_same_training_once_more_is_trained_again(project: Path, trained: list[int]) -> None:
    before = everything(project)
    shutil.rmtree(project / ".lockstep" / "snapshots", ignore_errors=True)
    trained.clear()
    run_stage("train", project)
    assert trained == [0, 1]
    assert everything(project) == before


def test_a_training_that_was_killed_at_its_very_end_keeps_its_last_snapshot(
    project: Path, trained: list[int]
) -> None:
    write_params(project, {"train.snapshot_seconds": 0})
    run_stage("train", project)
    before = everything(project)
    (mark,) = (project / ".lockstep" / "snapshots").glob("*/finished")
    mark.unlink()
    for folder in ("weights/snapshot", "report"):
        shutil.move(project / folder, project / f"{folder}-before")
    shutil.copytree(project / "report-before", project / "report")
    trained.clear()
    run_stage("train", project)
    assert trained == []
    assert everything(project) == before
