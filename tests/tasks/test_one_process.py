"""Stages of one process, as in `lockstep run` and sweeps, give what a process for each gives."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, SMALL, run, stage

pytestmark = pytest.mark.system
MANIFEST = "snapshot/manifest.json"
STAGES = ("download", "normalize", "build", "train")
MODEL = '''"""A model whose file has a state, and that changes settings of Keras."""

import os

import keras
import numpy as np

rng = np.random.default_rng(0)


os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"


def build(input_shape, outputs, activation, *, units=(16,), dropout=0.0):
    keras.config.set_epsilon(10 * keras.config.epsilon())
    x = keras.Input(input_shape)
    y = keras.layers.Dropout(0.5, seed=int(rng.integers(1000)))(keras.layers.Flatten()(x))
    y = keras.layers.BatchNormalization(epsilon=1e4 * keras.config.epsilon())(y)
    return keras.Model(x, keras.layers.Dense(outputs, activation)(y))
'''
CUSTOM = '''"""A callback whose file has a state."""

import keras

made = []


class Rate(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        made.append(1)

    def on_train_begin(self, logs=None):
        self.model.optimizer.learning_rate = 0.01 * len(made)
'''
READ = """

import tensorflow as tf

_read = read


def read(folder):
    found = _read(folder)
    return {name: (x, tf.reverse(y, [0]).numpy()) for name, (x, y) in found.items()}
"""
REPRODUCED = """
from pathlib import Path
from lockstep.versioning.reproduction import reproduce_stage
from pipelines.stage_runs import in_process
for stage in {stages}:
    reproduce_stage(Path.cwd(), stage, in_process(Path.cwd(), stage))
"""
SETTINGS = """
import keras
import numpy as np
import tensorflow as tf

keras.config.set_image_data_format("channels_first")
keras.config.set_epsilon(0.01)
tf.config.optimizer.set_jit(True)
np.seterr(all="raise")
"""
IN_ONE = """
from pathlib import Path
from tasks.__main__ import run_stage
for stage in {stages}:
    run_stage(stage, Path.cwd())
"""


@pytest.fixture
def make(make_workspace: Callable[..., Path]) -> Callable[[str], Path]:
    """Return a function that makes a project with a model and a callback of the user's."""

    def make(name: str) -> Path:
        callbacks = [{"name": "custom.Rate"}]
        root = make_workspace(
            {**SMALL, "train.callbacks": callbacks, "train.custom_objects_file": "models/mine.py"},
            name,
        )
        (root / "models" / "mlp.py").write_text(MODEL)
        (root / "models" / "mine.py").write_text(CUSTOM)
        return root

    return make


def weights(root: Path) -> bytes:
    last, manifest = (root / "weights" / each for each in ("last.weights.h5", MANIFEST))
    return last.read_bytes() + manifest.read_bytes()


def test_what_the_files_of_a_user_remember_is_forgotten(make: Callable[[str], Path]) -> None:
    one, each = make("one"), make("each")
    # The second training is that of another trial of a sweep.
    code = IN_ONE.format(stages=[*STAGES, "train"])
    ended = run(one, sys.executable, "-c", code, PYTHONPATH=str(one))
    assert ended.returncode == 0, ended.stdout
    for name in STAGES:
        ended = stage(each, name, PYTHONPATH=str(each))
        assert ended.returncode == 0, ended.stdout
    assert weights(one) == weights(each)


def test_settings_where_a_file_is_imported_hold_in_each_stage(make: Callable[[str], Path]) -> None:
    """Evaluate imports the model's file before it starts TensorFlow."""
    root = make("settings")
    shown = "print(keras.config.image_data_format(), keras.config.epsilon(), np.geterr()['over'])"
    model = (root / "models" / "mlp.py").read_text().replace("    keras.config.set", "    # ")
    model = model.replace("\n\ndef build", SETTINGS + "\n\ndef build")
    (root / "models" / "mlp.py").write_text(model.replace("    x = ", f"    {shown}\n    x = "))
    code = IN_ONE.format(stages=[*STAGES, "evaluate"])
    ended = run(root, sys.executable, "-c", code, PYTHONPATH=str(root))
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.count("channels_first 0.01 raise") == len(("build", "train", "evaluate"))


def test_reset_sets_what_a_new_process_has() -> None:
    shown = (
        "[keras.config.image_data_format(), keras.config.epsilon(), keras.config.floatx(), "
        "tf.config.optimizer.get_jit(), np.geterr(), tf.config.functions_run_eagerly(), "
        "tf.config.experimental.tensor_float_32_execution_enabled()]"
    )
    code = "import keras, numpy as np, tensorflow as tf; from lockstep.runtime import settings\n"
    changed = SETTINGS + "settings.reset()\n"
    new, reset = (
        run(REPOSITORY, sys.executable, "-W", "ignore", "-c", f"{code}{each}print({shown})")
        for each in ("", changed)
    )
    assert new.stdout.splitlines()[-1] == reset.stdout.splitlines()[-1]


def test_a_data_set_may_be_read_with_tensorflow(make_workspace: Callable[..., Path]) -> None:
    """Its devices are those of its first operation."""
    root = make_workspace({**SMALL, "data.name": "line", "model.name": "linear"}, until="build")
    file = root / "tasks" / "datasets" / "line.py"
    file.write_text(file.read_text() + READ)
    script = root.parent / "reproduced.py"  # a file, whose name DVC's list of locks has
    script.write_text(REPRODUCED.format(stages=STAGES[:-1]))
    ended = run(root, sys.executable, str(script), PYTHONPATH=str(root))
    assert ended.returncode == 0, ended.stdout
    assert (root / "weights" / "initial.weights.h5").exists()
