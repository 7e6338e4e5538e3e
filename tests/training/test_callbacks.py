"""Each Keras callback that params.yaml lists works in the graph loop."""

import csv
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from lockstep.errors import DivergedError, ParamsError
from lockstep.versioning.hashes import experiment_key
from tasks import train
from tests.support.loops import SOME, TRAIN, Watch, X, assert_close, assert_equal, dense, weights
from tests.support.workspaces import change_params, git, with_values

OWN = """
SEEN = []


def halve(epoch, rate):
    return rate / 2


def note(epoch, logs):
    SEEN.append((epoch, sorted(logs)))
"""


@pytest.fixture
def ask(project: Path, tmp_path: Path, tensorflow: Any) -> Callable[..., list[Any]]:
    """Return a function that makes the callbacks of train.callbacks, which write to tmp_path."""
    from lockstep.training.callbacks import make_callbacks

    (project / "mine.py").write_text(OWN)

    def make(*configs: Any) -> list[Any]:
        changes = {
            "train.callbacks": list(configs),
            "train.custom_objects_file": "mine.py",
            "train.optimizer": {"name": "adam", "use_ema": True},
        }
        values = with_values(changes, project)
        return make_callbacks(values, project, tmp_path, tmp_path / "logs")

    return make


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_checkpoint_of_each_epoch_is_a_whole_model(
    make_loop: Any, ask: Any, tmp_path: Path, replicas: int
) -> None:
    import keras

    loop, watch = make_loop(replicas), Watch()
    checkpoint = {"name": "ModelCheckpoint", "filepath": "all/{epoch}-{val_accuracy:.3f}.keras"}
    loop.fit(TRAIN, SOME, [watch, *ask(checkpoint)], epochs=2)
    names = [f"{at}-{each['val_accuracy']:.3f}.keras" for at, each in enumerate(watch.epochs, 1)]
    assert sorted(file.name for file in (tmp_path / "all").iterdir()) == names
    last = keras.saving.load_model(tmp_path / "all" / names[-1])
    assert_close([last(X / 255).numpy()], [loop.predict(TRAIN)["y"]], 1e-6)


def test_a_checkpoint_is_named_by_its_epoch_by_default(
    make_loop: Any, ask: Any, tmp_path: Path
) -> None:
    make_loop().fit(TRAIN, None, ask("model_checkpoint"), epochs=2)
    assert sorted(file.name for file in tmp_path.glob("*.keras")) == ["01.keras", "02.keras"]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_checkpoint_of_the_best_weights(
    make_loop: Any, ask: Any, tmp_path: Path, mode: str
) -> None:
    checkpoint = {
        "name": "ModelCheckpoint",
        "filepath": "best.weights.h5",
        "monitor": "val_loss",
        "mode": mode,
        "save_best_only": True,
        "save_weights_only": True,
    }
    loop, watch = make_loop(), Watch()
    loop.fit(TRAIN, SOME, [watch, *ask(checkpoint)], epochs=3)
    losses = [each["val_loss"] for each in watch.epochs]
    loop.model.load_weights(tmp_path / "best.weights.h5")
    best = losses.index(max(losses) if mode == "max" else min(losses))
    assert_equal(weights(loop), watch.weights[best])


def test_a_checkpoint_every_so_many_steps(make_loop: Any, ask: Any, tmp_path: Path) -> None:
    checkpoint = {
        "name": "ModelCheckpoint",
        "filepath": "{epoch}-{batch}.weights.h5",
        "save_freq": 4,
        "save_weights_only": True,
    }
    make_loop(steps_per_execution=2).fit(TRAIN, None, ask(checkpoint), epochs=2)
    names = sorted(file.name.partition(".")[0] for file in tmp_path.glob("*.h5"))
    assert names == ["1-4", "1-8", "2-4", "2-8"]


def test_early_stopping_restores_the_best_weights(make_loop: Any, ask: Any) -> None:
    stop = {
        "name": "EarlyStopping",
        "monitor": "val_loss",
        "mode": "max",
        "patience": 2,
        "restore_best_weights": True,
    }
    loop, watch = make_loop(), Watch()
    loop.fit(TRAIN, SOME, [watch, *ask(stop)], epochs=9)
    assert len(watch.epochs) == 3
    assert_equal(weights(loop), watch.weights[0])


def test_the_learning_rate_falls_on_a_plateau(make_loop: Any, ask: Any, tmp_path: Path) -> None:
    from lockstep.training.history import WriteHistory

    plateau = {"name": "reduce_lr_on_plateau", "factor": 0.1, "patience": 1, "min_delta": 100}
    history = WriteHistory(tmp_path / "history.csv")
    make_loop().fit(TRAIN, SOME, [history, *ask(plateau)], epochs=3)
    rates = [row["learning_rate"] for row in history.rows]
    assert rates == pytest.approx([0.01, 0.01, 0.001])


def test_the_log_has_a_row_for_each_epoch(make_loop: Any, ask: Any, tmp_path: Path) -> None:
    watch, log = Watch(), {"name": "CSVLogger", "filename": "sub/log.csv", "separator": ";"}
    make_loop().fit(TRAIN, SOME, [watch, *ask(log)], epochs=2)
    with (tmp_path / "sub" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [{name: float(row[name]) for name in watch.epochs[0]} for row in rows] == watch.epochs


def test_tensorboard_has_graph_histograms_and_a_profile(
    make_loop: Any, ask: Any, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = {"name": "TensorBoard", "write_graph": True, "histogram_freq": 1, "profile_batch": 2}
    make_loop(steps_per_execution=2).fit(TRAIN, SOME, ask(board), epochs=1)
    events = EventAccumulator(str(tmp_path / "logs" / "train"))
    events.Reload()
    tags = events.Tags()
    assert tags["graph"]
    assert {"keras", "epoch_loss", "epoch_learning_rate"} <= set(tags["tensors"])
    assert any("kernel" in tag and "histogram" in tag for tag in tags["tensors"])
    assert list((tmp_path / "logs").rglob("*.xplane.pb"))


def test_terminate_on_nan_is_still_a_divergence(make_loop: Any, ask: Any) -> None:
    import keras

    loop = make_loop(parts=lambda: {"optimizer": keras.optimizers.SGD(1e38)})
    with pytest.raises(DivergedError, match="in epoch 1 at step 2;"):
        loop.fit(TRAIN, None, ask("TerminateOnNaN"), epochs=5)


def test_a_scheduler_takes_a_custom_function(make_loop: Any, ask: Any, tmp_path: Path) -> None:
    from lockstep.training.history import WriteHistory

    history = WriteHistory(tmp_path / "history.csv")
    scheduler = {"name": "LearningRateScheduler", "schedule": "custom.halve"}
    make_loop().fit(TRAIN, None, [history, *ask(scheduler)], epochs=3)
    rates = [row["learning_rate"] for row in history.rows]
    assert rates == pytest.approx([0.005, 0.0025, 0.00125])


def test_a_lambda_callback_calls_a_custom_function(make_loop: Any, ask: Any) -> None:
    callbacks = ask({"name": "LambdaCallback", "on_epoch_end": "custom.note"})
    make_loop().fit(TRAIN, None, callbacks, epochs=2)
    assert callbacks[0].on_epoch_end.__globals__["SEEN"] == [
        (0, ["accuracy", "loss"]),
        (1, ["accuracy", "loss"]),
    ]


@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    """A server on a free port that keeps what is posted to it, in `heard`."""

    class Listen(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append((self.path, json.loads(parse_qs(body)["data"][0])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    heard: list[Any] = []
    with HTTPServer(("127.0.0.1", 0), Listen) as server:
        server.heard = heard  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_remote_monitor_is_sent_each_epoch(make_loop: Any, ask: Any, listener: Any) -> None:
    address = f"http://127.0.0.1:{listener.server_port}"
    watch, monitor = Watch(), {"name": "RemoteMonitor", "root": address, "path": "/here"}
    make_loop().fit(TRAIN, None, [watch, *ask(monitor)], epochs=2)
    expected = [("/here", {"epoch": at, **logs}) for at, logs in enumerate(watch.epochs)]
    assert listener.heard == expected


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_the_moving_average_is_validated_kept_and_left(
    make_loop: Any, ask: Any, tmp_path: Path, replicas: int, swap_on_epoch: bool
) -> None:
    import keras

    from lockstep.training.history import KeepBest

    def parts() -> dict[str, Any]:
        return {"optimizer": keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.9)}

    swap = {"name": "SwapEMAWeights", "swap_on_epoch": swap_on_epoch}
    loop, watch = make_loop(replicas, parts=parts), Watch()
    best = KeepBest(tmp_path / "best.weights.h5")
    loop.fit(TRAIN, SOME, [best, *ask(swap), watch], epochs=4)
    losses = [each["val_loss"] for each in watch.epochs]
    average = [each.numpy() for each in loop.model.optimizer._model_variables_moving_average]
    assert_close(weights(loop), average, 1e-6)
    assert loop.evaluate(SOME)["loss"] == pytest.approx(losses[-1], abs=1e-5)
    saved = dense()
    saved.load_weights(tmp_path / "best.weights.h5")
    loop.model.set_weights(saved.get_weights())
    assert loop.evaluate(SOME)["loss"] == pytest.approx(min(losses), abs=1e-5)


def test_files_are_kept_beside_the_experiment(ready: Path) -> None:
    names = ["CSVLogger", "ModelCheckpoint", "TensorBoard"]
    train.train(change_params(ready, {"train.callbacks": names}), ready)
    name = experiment_key(ready)[:12]
    files = {file.name for file in (ready / "checkpoints" / name).iterdir()}
    assert files == {"log.csv", "01.keras", "02.keras"}
    (logs,) = (ready / "logs").iterdir()
    # MLflow's name of the run, without a slash, and the experiment's key.
    assert logs.name.startswith('callbacks=[{"name":"CSVLogger"}')
    assert logs.name.endswith(f" {name[:8]}")
    assert (logs / "train").is_dir()
    assert git(ready, "status", "--porcelain", "checkpoints", "logs") == ""


def test_a_checkpoint_that_keras_refuses_is_bad_parameters(ask: Any) -> None:
    with pytest.raises(ParamsError, match=r"^train\.callbacks: ModelCheckpoint: .*\.keras"):
        ask({"name": "ModelCheckpoint", "filepath": "weights.txt"})
